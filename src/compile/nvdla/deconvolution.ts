/**
 * A deconvolution as convolutions, one for each position (*phase*) in a block of stride.h × stride.w output pixels: the pixels
 * of a phase meet the same weights, so that a phase is a plain convolution with some of the kernel's rows and columns. With
 * y = s·j + phase and the rule of ONNX, out[y] gathers w[r] · in[(y + top − r·dilation) / s] for the r that make it whole:
 *
 *     r = first + m·(s/g)        g the greatest common divisor of s and the dilation, m = 0 … taps − 1
 *     i = j + reach − m·(dilation/g)
 *
 * which is a convolution over i with its taps the other way round. Where it begins inside the image or ends before its border,
 * taps of zeros fill what would be negative padding.
 */

import { asFloat32, float32Tensor, type Tensor } from '../../graph/tensor.ts';
import type { ConvShape } from '../operation.ts';

export interface Phase {
  /** Row and column of the phase in a block of output pixels. */
  readonly row: number;
  readonly column: number;
  /** The phase as a plain convolution. */
  readonly shape: ConvShape;
  /** For each row and column of the phase's kernel, the row or column of the whole kernel; −1 for zeros. */
  readonly rows: readonly number[];
  readonly columns: readonly number[];
}

/** @param input height and width */
export function phasesOf(shape: ConvShape, input: readonly [height: number, width: number]): readonly Phase[] {
  const { stride, output, groups } = shape;
  const phases: Phase[] = [];
  for (let row = 0; row < Math.min(stride.h, output.height); row++) {
    for (let column = 0; column < Math.min(stride.w, output.width); column++) {
      const down = along(shape, 'h', row, input[0]);
      const across = along(shape, 'w', column, input[1]);
      phases.push({
        row,
        column,
        rows: down.taps,
        columns: across.taps,
        shape: {
          kernel: { h: down.taps.length, w: across.taps.length },
          stride: { h: 1, w: 1 },
          dilation: { h: down.dilation, w: across.dilation },
          padding: { top: down.before, left: across.before, bottom: down.after, right: across.after },
          groups,
          transposed: false,
          output: { channels: output.channels, height: down.size, width: across.size },
        },
      });
    }
  }
  return phases;
}

interface Axis {
  readonly taps: readonly number[];
  readonly dilation: number;
  readonly before: number;
  readonly after: number;
  readonly size: number;
}

function along(shape: ConvShape, axis: 'h' | 'w', phase: number, input: number): Axis {
  const [stride, kernel] = [shape.stride[axis], shape.kernel[axis]];
  const [begin, total] =
    axis === 'h' ? [shape.padding.top, shape.output.height] : [shape.padding.left, shape.output.width];
  const size = Math.ceil((total - phase) / stride);
  const common = greatestCommonDivisor(stride, shape.dilation[axis]);
  const dilation = shape.dilation[axis] / common;
  const meets = (tap: number): boolean => (phase + begin - tap * shape.dilation[axis]) % stride === 0;
  const taps = Array.from({ length: kernel }, (_, tap) => tap)
    .filter(meets)
    .reverse();
  // Of the first output pixel; without taps it is a zero anywhere.
  const first = taps.length === 0 ? 0 : (phase + begin - taps[0]! * shape.dilation[axis]) / stride;
  if (taps.length === 0) taps.push(-1);
  let [from, to] = [first, first + (taps.length - 1) * dilation + size];
  while (from > 0) {
    taps.unshift(-1);
    from -= dilation;
  }
  while (to < input) {
    taps.push(-1);
    to += dilation;
  }
  return { taps, dilation, before: -from, after: to - input, size };
}

/** The weights of a phase, [K, C/groups, R, S], of those of a deconvolution, [C, K/groups, R, S]. */
export function phaseWeights(weights: Tensor, { rows, columns, shape: { groups } }: Phase): Tensor {
  const values = asFloat32(weights);
  const [channels = 1, kernels = 1, r = 1, s = 1] = weights.shape;
  const own = channels / groups;
  const result = new Float32Array(kernels * groups * own * rows.length * columns.length);
  let at = 0;
  for (let kernel = 0; kernel < kernels * groups; kernel++) {
    const first = Math.floor(kernel / kernels) * own;
    for (let channel = first; channel < first + own; channel++) {
      const plane = (channel * kernels + (kernel % kernels)) * r * s;
      for (const row of rows) {
        for (const column of columns) result[at++] = row < 0 || column < 0 ? 0 : values[plane + row * s + column]!;
      }
    }
  }
  return float32Tensor([kernels * groups, own, rows.length, columns.length], result);
}

export const greatestCommonDivisor = (a: number, b: number): number => (b === 0 ? a : greatestCommonDivisor(b, a % b));
