/** An evaluation as terminal text: FP32 beside INT8. */

import type { Evaluation } from '../evaluate/evaluation.ts';
import { grouped, heading, paint, percent, printable, type TextOptions, table } from './table.ts';

export function evaluationText(evaluation: Evaluation, options: TextOptions = {}): string {
  const { fp32, int8 } = evaluation;
  const points = (int8.top1 - fp32.top1) * 100;
  const lines = [
    heading(
      `Accuracy: ${printable(evaluation.network)}, ${grouped(evaluation.samples)} samples, calibrated by ${printable(evaluation.calibration)}`,
      options,
    ),
    table(
      [{ title: '' }, { title: 'Top-1', align: 'right' }, { title: 'Top-5', align: 'right' }],
      [
        ['FP32 (onnxruntime)', percent(fp32.top1, 2), percent(fp32.top5, 2)],
        ['INT8 (DLA)', percent(int8.top1, 2), percent(int8.top5, 2)],
        ['difference', `${points >= 0 ? '+' : ''}${points.toFixed(2)}`, ''],
      ],
      options,
    ),
    `same decision on ${percent(evaluation.agreement, 2)} of the samples`,
  ];
  if (evaluation.tensors.length > 0) {
    lines.push(
      '',
      table(
        [{ title: 'tensor' }, { title: 'SNR dB', align: 'right' }, { title: 'saturated', align: 'right' }],
        evaluation.tensors.map((tensor) => [
          printable(tensor.value),
          Number.isFinite(tensor.snr) ? tensor.snr.toFixed(1) : '∞',
          percent(tensor.saturated, 3),
        ]),
        options,
      ),
      evaluation.firstDivergence === undefined
        ? paint('no tensor falls below 20 dB', 'green', options)
        : paint(`INT8 first diverges at ${printable(evaluation.firstDivergence)}`, 'yellow', options),
    );
  }
  return lines.join('\n');
}
