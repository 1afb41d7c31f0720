/** Which tensors lose most in INT8 and why, as terminal text. */

import type { LossCause, TensorLoss } from '../quantize/tune/loss-causes.ts';
import { percent, printable, type TextOptions, table } from './table.ts';

const shownLosses = 10;

/** The tensors that lose most, at most ten of them. */
export function lossTable(losses: readonly TensorLoss[], options: TextOptions): string {
  if (losses.length === 0) return 'no rounding costs anything';
  return table(
    [
      { title: 'tensor' },
      { title: 'share of the loss', align: 'right' },
      { title: 'alone, dB', align: 'right' },
      { title: 'why' },
    ],
    losses
      .slice(0, shownLosses)
      .map(({ value, share, snr, reason }) => [printable(value), percent(share), snr.toFixed(1), causeText(reason)]),
    options,
  );
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
