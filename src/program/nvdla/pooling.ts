/**
 * How PDP works: what it divides sums by, and how it goes through cubes that are wider than its line buffer, in vertical stripes.
 */

import { lineBufferColumns, nvdlaLimits } from '../../targets/nvdla-limits.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import type { Extent, Padding } from '../layers/fields.ts';
import { type ConvolutionPrecision, precisionBytes } from './convolution-buffer.ts';

/** 1/1 … 1/8 as 16-bit fractions, and as floats of 6 exponent and 10 mantissa bits (docs/hardware/nvdla.md#pdp). */
const fractions = [0x10000, 0x8000, 0x5555, 0x4000, 0x3333, 0x2aaa, 0x2492, 0x2000];
const floats = [0x7c00, 0x7800, 0x7555, 0x7400, 0x7266, 0x7155, 0x7092, 0x7000];

/** What a sum is multiplied by to divide it by a side of its window, by the length of the side less one. */
export const poolingReciprocals = (precision: ConvolutionPrecision): readonly number[] =>
  precision === 'float16' ? floats : fractions;

/** Columns of the result that the line buffer holds. */
export const pooledColumns = (
  kernel: Extent,
  stride: Extent,
  precision: ConvolutionPrecision,
  { memoryAtom }: NvdlaTarget,
): number => lineBufferColumns(kernel.h, stride.h, precisionBytes(precision), memoryAtom);

export interface Stripes {
  readonly count: number;
  /** Columns of the input and of the result in the first, each middle and the last stripe; 0 for those there are not. */
  readonly input: readonly [first: number, middle: number, last: number];
  readonly output: readonly [first: number, middle: number, last: number];
}

export interface Pooled {
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly padding: Padding;
  readonly inputWidth: number;
  readonly outputWidth: number;
}

/**
 * The fewest stripes of at most `columns` columns of the result. Each reads on where the one before it ended, and every one
 * reads something: where the last windows see nothing but padding and what the stripe before has read, they take windows
 * from the first stripe.
 */
export function poolingStripes({ kernel, stride, padding, inputWidth, outputWidth }: Pooled, columns: number): Stripes {
  const reach = (windows: number): number => (windows - 1) * stride.w + kernel.w;
  if (outputWidth <= columns) {
    return { count: 1, input: [inputWidth, 0, 0], output: [outputWidth, 0, 0] };
  }
  const [, stripeColumns] = nvdlaLimits.pooling.stripeColumns;
  const widest = Math.min(columns, stripeColumns, Math.floor((stripeColumns - kernel.w) / stride.w) + 1);
  const count = Math.ceil(outputWidth / widest);
  const overlap = Math.max(0, kernel.w - stride.w);
  // Padding that a floor leaves over is in no window.
  const padded = Math.max(0, reach(outputWidth) - padding.left - inputWidth);
  const reads = (windows: number): number => reach(windows) - padded - overlap;
  const rest = outputWidth - (count - 1) * widest;
  let last = rest;
  while (reads(last) < 1) last++;
  const first = widest - (last - rest);
  const middle = count > 2 ? widest : 0;
  return {
    count,
    input: [reach(first) - padding.left, middle === 0 ? 0 : reach(middle) - overlap, reads(last)],
    output: [first, middle, last],
  };
}
