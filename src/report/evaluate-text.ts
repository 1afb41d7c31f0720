/** An evaluation as terminal text: FP32 beside the DLA. */

import type { Evaluation } from '../evaluate/evaluate.ts';
import { preprocessText } from '../graph/preprocess.ts';
import { lossTable } from './loss-text.ts';
import { grouped, heading, paint, percent, printable, type TextOptions, table } from './table.ts';

export function evaluationText(evaluation: Evaluation, options: TextOptions = {}): string {
  const { accuracy } = evaluation;
  const precision = evaluation.precision.toUpperCase();
  const lines = [
    heading(
      `${accuracy ? 'Accuracy' : 'Outputs'}: ${printable(evaluation.network)}, ${grouped(evaluation.samples)} samples, calibrated by ${printable(evaluation.calibration)}`,
      options,
    ),
  ];
  if (evaluation.preprocess) lines.push(`pictures: ${preprocessText(evaluation.preprocess)}`, '');
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
  if (evaluation.outputs.length > 0) lines.push(divergenceTable('output', evaluation.outputs, options));
  if (evaluation.tensors.length > 0) {
    lines.push(
      '',
      divergenceTable('tensor', evaluation.tensors, options),
      evaluation.firstDivergence === undefined
        ? paint('no tensor falls below 20 dB', 'green', options)
        : paint(`${precision} first diverges at ${printable(evaluation.firstDivergence)}`, 'yellow', options),
    );
  }
  if (evaluation.losses) {
    lines.push(
      '',
      heading('What single roundings cost the outputs, most first', options),
      lossTable(evaluation.losses, options),
    );
  }
  return lines.join('\n').trimEnd();
}

const divergenceTable = (title: string, tensors: Evaluation['tensors'], options: TextOptions): string =>
  table(
    [{ title }, ...['SNR dB', 'cosine', 'saturated'].map((name) => ({ title: name, align: 'right' }) as const)],
    tensors.map(({ value, snr, cosine, saturated }) => [
      printable(value),
      decibels(snr),
      cosine.toFixed(6),
      percent(saturated, 3),
    ]),
    options,
  );

/** Endless without noise, and downwards without a signal. */
const decibels = (snr: number): string => (Number.isFinite(snr) ? snr.toFixed(1) : snr > 0 ? '∞' : '−∞');
