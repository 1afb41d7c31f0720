/** What tuning found as terminal text: where INT8 loses, what each remedy brings, and what is chosen. */

import type { Tuning } from '../quantize/tune/tune.ts';
import { lossTable } from './loss-text.ts';
import { formatTime, heading, paint, percent, printable, type TextOptions, table } from './table.ts';

export function tuningText({ points, chosen, losses, samples }: Tuning, options: TextOptions = {}): string {
  const first = points[0]!;
  const added = (time: number): string => {
    const share = time / first.time - 1;
    return `${share < 0 ? '−' : '+'}${percent(Math.abs(share))}`;
  };
  const rows = points.map((point) => [
    point === chosen ? '→' : '',
    printable(point.remedy),
    point.snr.toFixed(1),
    formatTime(point.time),
    point === first ? '' : added(point.time),
  ]);
  return [
    heading(`Where INT8 loses, calibrated on ${samples} samples`, options),
    lossTable(losses, options),
    '',
    heading('Remedies, one after the other', options),
    table(
      [
        { title: '' },
        { title: 'remedy' },
        { title: 'SNR dB', align: 'right' },
        { title: 'estimated', align: 'right' },
        { title: 'added', align: 'right' },
      ],
      rows,
      options,
    ),
    paint(
      chosen === first
        ? 'no remedy within the time that may be added is better than the calibration'
        : `chosen: ${chosen.snr.toFixed(1)} dB instead of ${first.snr.toFixed(1)}, ${added(chosen.time)} of its time`,
      chosen === first ? 'yellow' : 'green',
      options,
    ),
  ].join('\n');
}
