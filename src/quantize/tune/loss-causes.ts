/** Why a tensor loses in INT8 what it loses. */

import type { RangeChange } from '../equalize-ranges.ts';

export type LossCause =
  /** It has the range of tensors that it is tied to, which is larger than its own. */
  | { readonly cause: 'equal-range'; readonly own: number; readonly range: number; readonly nodes: readonly string[] }
  /** Channels of very different size have one scale: the largest |x| of the largest channel and of the one in the middle. */
  | { readonly cause: 'outlier-channel'; readonly largest: number; readonly median: number }
  /** Its range leaves out what is larger. */
  | { readonly cause: 'saturated'; readonly largest: number; readonly range: number }
  /** It indexes a table, which has no more than 256 entries. */
  | { readonly cause: 'table' }
  /** Nothing but its 255 levels. */
  | { readonly cause: 'rounding' };

export interface TensorLoss {
  readonly value: string;
  /** Of what all roundings lose. */
  readonly share: number;
  /** dB of the outputs when this tensor alone is rounded. */
  readonly snr: number;
  readonly reason: LossCause;
}

/** A channel is an outlier from this multiple of the median on. */
const outlier = 4;
/** A range from an equal-range group costs a bit from twice the own on. */
const tied = 2;
/** Largest |x| beside range. */
const clipped = 1.5;

/** What INT8 rounds, and on which scales. */
export interface Roundings {
  /** After the equal-range rules. */
  readonly scales: ReadonlyMap<string, number>;
  readonly rangeChanges: readonly RangeChange[];
  readonly rounded: ReadonlyMap<string, 'memory' | 'table'>;
}

/**
 * @param largest |x| of the tensor, where it is known
 * @param channels the largest |x| of each channel, where there are channels
 */
export function causeOf(
  value: string,
  { scales, rangeChanges, rounded }: Roundings,
  largest: number | undefined,
  channels: Float32Array | undefined,
): LossCause {
  const range = 127 * (scales.get(value) ?? 0);
  const change = rangeChanges.find((found) => found.value === value);
  if (change?.from !== undefined && change.to > tied * change.from) {
    return { cause: 'equal-range', own: 127 * change.from, range, nodes: change.nodes };
  }
  const sorted = channels?.toSorted() ?? new Float32Array();
  const [median = 0, most = 0] = [sorted[sorted.length >> 1], sorted.at(-1)];
  if (most > outlier * median && sorted.length > 1) return { cause: 'outlier-channel', largest: most, median };
  if (largest !== undefined && largest > clipped * range) return { cause: 'saturated', largest, range };
  return { cause: rounded.get(value) === 'table' ? 'table' : 'rounding' };
}
