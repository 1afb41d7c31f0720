/**
 * Convolution of orin and xavier, as written in program/layers/conv.ts. INT8: int8 × int8 products summed with the int32 bias in
 * an int32 accumulator. Sums are taken modulo 2³²; the compiler refuses weights that could reach that far. FP16 is in
 * float16/convolution.ts.
 */

import { fail } from '../../../base/errors.ts';
import type { Conv } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import { checkShape, readConstant, readElements } from './feature.ts';
import type { StageValues } from './stages.ts';

/** The numbers that every implementation of a convolution needs, checked. */
export interface ConvGeometry {
  readonly batch: number;
  readonly channels: number;
  readonly height: number;
  readonly width: number;
  readonly groups: number;
  /** Input channels of a group. */
  readonly groupChannels: number;
  /** Output channels. */
  readonly kernels: number;
  /** Output channels of a group. */
  readonly groupKernels: number;
  readonly output: Shape4;
  /** Multiply-accumulates, padding included. */
  readonly macs: number;
}

/** @throws device/fault when shapes and parameters do not fit together */
export function convGeometry(conv: Conv<Cube>): ConvGeometry {
  const { kernel, stride, dilation, padding, groups, transposed } = conv;
  const [batch, channels, height, width] = conv.input.shape;
  const { channels: kernels } = conv.output;
  const output: Shape4 = [batch, kernels, conv.output.height, conv.output.width];
  checkShape(conv.input.shape, 'the convolution input');
  checkShape(output, 'the convolution output');
  const positive = [kernel.h, kernel.w, stride.h, stride.w, dilation.h, dilation.w, groups];
  const pads = [padding.top, padding.left, padding.bottom, padding.right];
  if (
    !positive.every((v) => Number.isInteger(v) && v > 0 && v < 65536) ||
    !pads.every((v) => Number.isInteger(v) && v >= 0 && v < 65536)
  ) {
    fail(
      'device/fault',
      'the convolution has an impossible parameter',
      {},
      { actual: [...positive, ...pads].join(' ') },
    );
  }
  if (channels % groups !== 0 || kernels % groups !== 0) {
    fail(
      'device/fault',
      'the groups of a convolution do not divide its channels',
      {},
      { actual: `${channels}, ${kernels} in ${groups}` },
    );
  }
  const most = conv.input.dtype === 'float16' ? 0 : 127;
  if (!Number.isInteger(conv.padValue) || conv.padValue < (most === 0 ? 0 : -128) || conv.padValue > most) {
    const detail = { expected: most === 0 ? '0' : 'an int8', actual: conv.padValue };
    fail('device/fault', 'the padding value does not fit the input', {}, detail);
  }
  for (const [size, out, before, after, taps, step, gap] of [
    [height, conv.output.height, padding.top, padding.bottom, kernel.h, stride.h, dilation.h],
    [width, conv.output.width, padding.left, padding.right, kernel.w, stride.w, dilation.w],
  ] as const) {
    const reach = gap * (taps - 1) + 1;
    // An output padding, less than a stride, may lengthen a deconvolution.
    const most = transposed
      ? (size - 1) * step + reach - before - after + (step - 1)
      : Math.floor((size + before + after - reach) / step) + 1;
    if (out > most)
      fail(
        'device/fault',
        'the convolution output is larger than its input gives',
        {},
        { expected: `at most ${most}`, actual: out },
      );
  }
  const groupChannels = channels / groups;
  const groupKernels = kernels / groups;
  const taps = kernel.h * kernel.w;
  const macs = transposed
    ? batch * channels * height * width * groupKernels * taps
    : batch * kernels * conv.output.height * conv.output.width * groupChannels * taps;
  return { batch, channels, height, width, groups, groupChannels, kernels, groupKernels, output, macs };
}

/** @throws device/fault, device/unsupported */
export function convolve(conv: Conv<Cube>, bus: Bus): StageValues {
  const geometry = convGeometry(conv);
  const { kernels } = geometry;
  const input = readElements(conv.input, bus, 'the convolution input');
  const weights = readConstant(conv.weights, 'int8', [weightCount(conv, geometry)], bus, 'the weights');
  const bias = conv.bias ? readConstant(conv.bias, 'int32', [kernels], bus, 'the bias') : new Int32Array(kernels);
  return conv.transposed ? scatter(conv, geometry, input, weights, bias) : gather(conv, geometry, input, weights, bias);
}

/** How many weights a convolution has. */
export function weightCount(
  { kernel, transposed }: Conv<Cube>,
  { channels, kernels, groupChannels, groupKernels }: ConvGeometry,
): number {
  return (transposed ? channels * groupKernels : kernels * groupChannels) * kernel.h * kernel.w;
}

/** The indices i of an axis, 0 ≤ i < `outputs`, for which i · stride + offset lies in 0 … size − 1. */
export function insideRange(
  outputs: number,
  size: number,
  stride: number,
  offset: number,
): readonly [first: number, end: number] {
  const first = Math.max(0, Math.ceil(-offset / stride));
  const end = Math.min(outputs, Math.ceil((size - offset) / stride));
  return [first, Math.max(first, end)];
}

/**
 * Every tap adds its weight times a shifted input plane. Padding is taken out of that: with p the padding value,
 * Σ w·v = p·Σ w + Σ w·(v − p), and the last sum has nothing to add where v is padding.
 */
function gather(
  conv: Conv<Cube>,
  geometry: ConvGeometry,
  input: StageValues,
  weights: Int8Array,
  bias: Int32Array,
): StageValues {
  const { batch, channels, height, width, groupChannels, kernels, groupKernels, output } = geometry;
  const { kernel, stride, dilation, padding, padValue } = conv;
  const [, , outHeight, outWidth] = output;
  const plane = outHeight * outWidth;
  const kernelSize = groupChannels * kernel.h * kernel.w;
  const values = input.data.map((value) => value - padValue);
  const data = new Int32Array(batch * kernels * plane);
  for (let n = 0; n < batch; n++) {
    for (let k = 0; k < kernels; k++) {
      const firstChannel = Math.floor(k / groupKernels) * groupChannels;
      const own = weights.subarray(k * kernelSize, (k + 1) * kernelSize);
      const sums = data.subarray((n * kernels + k) * plane, (n * kernels + k + 1) * plane);
      sums.fill(bias[k]! + padValue * own.reduce((sum, weight) => sum + weight, 0));
      let at = 0;
      for (let c = 0; c < groupChannels; c++) {
        const start = (n * channels + firstChannel + c) * height * width;
        for (let r = 0; r < kernel.h; r++) {
          for (let s = 0; s < kernel.w; s++) {
            addTap(sums, own[at++]!, values, start, r * dilation.h - padding.top, s * dilation.w - padding.left);
          }
        }
      }
    }
  }
  return { shape: output, data };

  /** sums[y, x] += weight · values[start + (y·stride.h + dy)·width + x·stride.w + dx] wherever that is inside. */
  function addTap(sums: Int32Array, weight: number, from: Int32Array, start: number, dy: number, dx: number): void {
    if (weight === 0) return;
    const [firstRow, endRow] = insideRange(outHeight, height, stride.h, dy);
    const [firstColumn, endColumn] = insideRange(outWidth, width, stride.w, dx);
    const step = stride.w;
    for (let y = firstRow; y < endRow; y++) {
      const end = y * outWidth + endColumn;
      let source = start + (y * stride.h + dy) * width + firstColumn * step + dx;
      for (let to = y * outWidth + firstColumn; to < end; to++) {
        // The typed array takes the sum modulo 2³².
        sums[to] = sums[to]! + weight * from[source]!;
        source += step;
      }
    }
  }
}

function scatter(
  conv: Conv<Cube>,
  geometry: ConvGeometry,
  input: StageValues,
  weights: Int8Array,
  bias: Int32Array,
): StageValues {
  const { batch, channels, height, width, groupChannels, kernels, groupKernels, output } = geometry;
  const { kernel, stride, dilation, padding } = conv;
  const [, , outHeight, outWidth] = output;
  const plane = outHeight * outWidth;
  const data = new Int32Array(batch * kernels * plane);
  for (let i = 0; i < batch * kernels; i++) data.fill(bias[i % kernels]!, i * plane, (i + 1) * plane);
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      const firstKernel = Math.floor(c / groupChannels) * groupKernels;
      const start = (n * channels + c) * height * width;
      let at = c * groupKernels * kernel.h * kernel.w;
      for (let k = 0; k < groupKernels; k++) {
        const sums = data.subarray(
          (n * kernels + firstKernel + k) * plane,
          (n * kernels + firstKernel + k + 1) * plane,
        );
        for (let r = 0; r < kernel.h; r++) {
          for (let s = 0; s < kernel.w; s++) {
            spreadTap(sums, weights[at++]!, start, r * dilation.h - padding.top, s * dilation.w - padding.left);
          }
        }
      }
    }
  }
  return { shape: output, data };

  /** sums[y·stride.h + dy, x·stride.w + dx] += weight · input[start + y·width + x] wherever that is inside. */
  function spreadTap(sums: Int32Array, weight: number, start: number, dy: number, dx: number): void {
    if (weight === 0) return;
    const [firstRow, endRow] = insideRange(height, outHeight, stride.h, dy);
    const [firstColumn, endColumn] = insideRange(width, outWidth, stride.w, dx);
    const step = stride.w;
    const from = input.data;
    for (let y = firstRow; y < endRow; y++) {
      let to = (y * stride.h + dy) * outWidth + firstColumn * step + dx;
      for (let x = start + y * width + firstColumn; x < start + y * width + endColumn; x++) {
        sums[to] = sums[to]! + weight * from[x]!;
        to += step;
      }
    }
  }
}
