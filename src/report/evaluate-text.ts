/** An evaluation as terminal text: FP32 beside the DLA. */

import type { Evaluation } from '../evaluate/evaluate.ts';
import { grouped, heading, paint, percent, printable, type TextOptions, table } from './table.ts';

export function evaluationText(evaluation: Evaluation, options: TextOptions = {}): string {
  const { accuracy } = evaluation;
  const precision = evaluation.precision.toUpperCase();
  const lines = [
    heading(
      `${accuracy ? 'Accuracy' : 'Tensors'}: ${printable(evaluation.network)}, ${grouped(evaluation.samples)} samples, calibrated by ${printable(evaluation.calibration)}`,
      options,
    ),
  ];
  if (accuracy) {
    const { fp32, dla, agreement } = accuracy;
    const points = (dla.top1 - fp32.top1) * 100;
    lines.push(
      table(
        [{ title: '' }, { title: 'Top-1', align: 'right' }, { title: 'Top-5', align: 'right' }],
        [
          ['FP32 (onnxruntime)', percent(fp32.top1, 2), percent(fp32.top5, 2)],
          [`${precision} (DLA)`, percent(dla.top1, 2), percent(dla.top5, 2)],
          ['difference', `${points >= 0 ? '+' : ''}${points.toFixed(2)}`, ''],
        ],
        options,
      ),
      `same decision on ${percent(agreement, 2)} of the samples`,
      '',
    );
  }
  if (evaluation.tensors.length > 0) {
    lines.push(
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
        : paint(`${precision} first diverges at ${printable(evaluation.firstDivergence)}`, 'yellow', options),
    );
  }
  return lines.join('\n').trimEnd();
}
