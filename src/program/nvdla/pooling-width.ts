/**
 * How wide PDP's results may be: rows that windows share wait in a line buffer
 * (docs/hardware/nvdla-timing.md#pooling-line-buffer). A wider cube is worked through in vertical stripes, which only a
 * cube in memory can be.
 */

import type { Target } from '../../targets/target.ts';
import type { Extent, Padding } from '../layer.ts';
import { atomElements, type ConvolutionPrecision } from './convolution-buffer.ts';

/** Bytes of the line buffer, and bytes that an int8 element takes in it; a 16-bit one takes 28/8. */
const lineBuffer = 7 * 1024;
const lineBits = { int8: 14, int16: 28, float16: 28 } as const;

/** Columns of the result that fit. */
export function pooledColumns(kernel: Extent, stride: Extent, precision: ConvolutionPrecision, target: Target): number {
  const rows = Math.ceil(kernel.h / stride.h);
  return Math.floor((lineBuffer * 8) / (rows * atomElements(target, precision) * lineBits[precision]));
}

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
  readonly outputWidth: number;
}

/** The fewest stripes of at most `columns` columns; each reads on where the one before it ended. */
export function poolingStripes({ kernel, stride, padding, outputWidth }: Pooled, columns: number): Stripes {
  const reach = (width: number): number => (width - 1) * stride.w + kernel.w;
  const overlap = Math.max(0, kernel.w - stride.w);
  const count = Math.ceil(outputWidth / columns);
  if (count === 1) {
    const width = reach(outputWidth) - padding.left - padding.right;
    return { count, input: [width, 0, 0], output: [outputWidth, 0, 0] };
  }
  const last = outputWidth - (count - 1) * columns;
  const middle = count > 2 ? columns : 0;
  return {
    count,
    input: [
      reach(columns) - padding.left,
      middle === 0 ? 0 : reach(middle) - overlap,
      reach(last) - padding.right - overlap,
    ],
    output: [columns, middle, last],
  };
}
