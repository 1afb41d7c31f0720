/**
 * The pass that decides how PDP works through a pooling window. Its windows are at most 8 × 8 (nvdla/hw spec/manual, PDP:
 * three bits for each side); a larger one that steps by its own size becomes a chain of smaller ones.
 */

import type { ConvolutionPrecision } from '../../program/convolution-buffer.ts';
import type { IntegerAverage } from '../../program/layer.ts';
import { pooledColumns } from '../../program/pooling-width.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { Target } from '../../targets/target.ts';
import type { Pooling } from '../operation.ts';

const mostWindow = 8;
/** nvdla/sw pdp.c: the firmware takes no more. */
const mostStride = 8;
const mostPadding = 7;

/** The launches for a window, or why there are none. */
export function planPooling(pool: Pooling): { readonly pools: readonly Pooling[] } | { readonly reason: string } {
  const { kernel, stride, padding } = pool;
  const pads = Math.max(padding.top, padding.left, padding.bottom, padding.right);
  if (pads > mostPadding) return { reason: `its padding is ${pads}, and PDP pads at most ${mostPadding}` };
  if (kernel.h <= mostWindow && kernel.w <= mostWindow) {
    const step = Math.max(stride.h, stride.w);
    return step <= mostStride
      ? { pools: [pool] }
      : { reason: `its stride is ${step}, and PDP steps at most ${mostStride}` };
  }
  const size = `${kernel.h}×${kernel.w}`;
  if (pads > 0 || stride.h !== kernel.h || stride.w !== kernel.w) {
    return {
      reason: `its window is ${size}, and PDP's at most ${mostWindow}×${mostWindow} unless it steps by its own size`,
    };
  }
  const [rows, columns] = [windows(kernel.h), windows(kernel.w)];
  if (rows === undefined || columns === undefined) {
    return { reason: `its window of ${size} is no product of windows up to ${mostWindow}×${mostWindow}` };
  }
  return {
    pools: Array.from({ length: Math.max(rows.length, columns.length) }, (_, index) => {
      const part = { h: rows[index] ?? 1, w: columns[index] ?? 1 };
      return { ...pool, kernel: part, stride: part };
    }),
  };
}

/** Factors of at most 8, the largest first. */
function windows(length: number): readonly number[] | undefined {
  const factors: number[] = [];
  for (let rest = length; rest > 1; ) {
    const factor = [8, 7, 6, 5, 4, 3, 2].find((candidate) => rest % candidate === 0);
    if (factor === undefined) return undefined;
    factors.push(factor);
    rest /= factor;
  }
  return factors.length > 0 ? factors : [1];
}

/** Whether PDP can take a cube as it comes from SDP: what windows share of a row fits its line buffer. */
export function poolingFlies(
  { kernel, stride }: Pooling,
  outputWidth: number,
  precision: ConvolutionPrecision,
  target: Target,
): boolean {
  if (kernel.h > mostWindow || kernel.w > mostWindow) return false;
  return outputWidth <= pooledColumns(kernel, stride, precision, target);
}

/** 1/kernel as 16-bit fractions (nvdla-facts section 4, PDP). */
const reciprocals = [0x10000, 0x8000, 0x5555, 0x4000, 0x3333, 0x2aaa, 0x2492, 0x2000] as const;
/** As floats of 6 exponent and 10 mantissa bits. */
const floatReciprocals = [0x7c00, 0x7800, 0x7555, 0x7400, 0x7266, 0x7155, 0x7092, 0x7000] as const;

/** How an average is taken; padding counts and is zero. */
export function averageOf({ kernel }: Pooling, float: boolean): IntegerAverage {
  const table = float ? floatReciprocals : reciprocals;
  return {
    recipWidth: table[kernel.w - 1]!,
    recipHeight: table[kernel.h - 1]!,
    padValues: [0, 0, 0, 0, 0, 0, 0],
  };
}

/** The cube after a window. */
export const pooledShape = ([n, c, h, w]: Shape4, { kernel, stride, padding }: Pooling): Shape4 => [
  n,
  c,
  Math.floor((h + padding.top + padding.bottom - kernel.h) / stride.h) + 1,
  Math.floor((w + padding.left + padding.right - kernel.w) / stride.w) + 1,
];
