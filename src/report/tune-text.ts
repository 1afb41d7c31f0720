/** What tuning found as terminal text: where INT8 loses, what each remedy brings, and what is chosen. */

import type { LossCause } from '../quantize/tune/loss-causes.ts';
import type { Tuning } from '../quantize/tune/tune.ts';
import { formatTime, heading, paint, percent, printable, type TextOptions, table } from './table.ts';

const shownLosses = 10;

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
    losses.length === 0
      ? 'no rounding costs anything'
      : table(
          [
            { title: 'tensor' },
            { title: 'share of the loss', align: 'right' },
            { title: 'alone, dB', align: 'right' },
            { title: 'why' },
          ],
          losses
            .slice(0, shownLosses)
            .map(({ value, share, snr, reason }) => [
              printable(value),
              percent(share),
              snr.toFixed(1),
              causeText(reason),
            ]),
          options,
        ),
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

const figure = (value: number): string => Number(value.toPrecision(3)).toString();

/** Why a tensor loses, in words. */
export function causeText(reason: LossCause): string {
  switch (reason.cause) {
    case 'equal-range': {
      const nodes = reason.nodes.slice(0, 2).map(printable).join(', ');
      return `range ±${figure(reason.range)} through ${nodes}, where its own is ±${figure(reason.own)}`;
    }
    case 'outlier-channel':
      return `outlier channels: the largest reaches ${figure(reason.largest)}, half of them at most ${figure(reason.median)}`;
    case 'saturated':
      return `saturated: it reaches ${figure(reason.largest)}, its range ±${figure(reason.range)}`;
    case 'table':
      return 'index of a table of 256 entries';
    case 'rounding':
      return 'its 8 bits';
  }
}
