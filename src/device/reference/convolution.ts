/**
 * Convolution of float-scale targets, as written in program/layer.ts: int8 × int8 products summed with the int32 bias in
 * an int32 accumulator. Sums are taken modulo 2³²; the compiler refuses weights that could reach that far.
 */

import { fail } from '../../graph/errors.ts';
import type { Conv } from '../../program/layer.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { Bus } from '../bus.ts';
import type { Cube } from '../cube.ts';
import { type Activations, checkShape, readConstant, readFeature } from './feature.ts';

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
  if (!Number.isInteger(conv.padValue) || conv.padValue < -128 || conv.padValue > 127) {
    fail('device/fault', 'the padding value does not fit int8', {}, { actual: conv.padValue });
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
export function convolve(conv: Conv<Cube>, bus: Bus): Activations {
  const geometry = convGeometry(conv);
  const { kernels, groupChannels, groupKernels, channels } = geometry;
  const taps = conv.kernel.h * conv.kernel.w;
  const input = readFeature(conv.input, bus, 'the convolution input');
  const wanted = conv.transposed ? channels * groupKernels * taps : kernels * groupChannels * taps;
  const weights = readConstant(conv.weights, 'int8', [wanted], bus, 'the weights');
  const bias = conv.bias ? readConstant(conv.bias, 'int32', [kernels], bus, 'the bias') : new Int32Array(kernels);
  return conv.transposed ? scatter(conv, geometry, input, weights, bias) : gather(conv, geometry, input, weights, bias);
}

function gather(
  conv: Conv<Cube>,
  geometry: ConvGeometry,
  input: Activations,
  weights: Int8Array,
  bias: Int32Array,
): Activations {
  const { batch, channels, height, width, groupChannels, kernels, groupKernels, output } = geometry;
  const { kernel, stride, dilation, padding, padValue } = conv;
  const [, , outHeight, outWidth] = output;
  const data = new Int32Array(batch * kernels * outHeight * outWidth);
  let to = 0;
  for (let n = 0; n < batch; n++) {
    for (let k = 0; k < kernels; k++) {
      const firstChannel = Math.floor(k / groupKernels) * groupChannels;
      for (let y = 0; y < outHeight; y++) {
        for (let x = 0; x < outWidth; x++) {
          let sum = bias[k]!;
          for (let c = 0; c < groupChannels; c++) {
            const plane = (n * channels + firstChannel + c) * height;
            for (let r = 0; r < kernel.h; r++) {
              const iy = y * stride.h + r * dilation.h - padding.top;
              const row = (plane + iy) * width;
              const weightRow = ((k * groupChannels + c) * kernel.h + r) * kernel.w;
              for (let s = 0; s < kernel.w; s++) {
                const ix = x * stride.w + s * dilation.w - padding.left;
                const inside = iy >= 0 && iy < height && ix >= 0 && ix < width;
                sum = (sum + weights[weightRow + s]! * (inside ? input.data[row + ix]! : padValue)) | 0;
              }
            }
          }
          data[to++] = sum;
        }
      }
    }
  }
  return { shape: output, data };
}

function scatter(
  conv: Conv<Cube>,
  geometry: ConvGeometry,
  input: Activations,
  weights: Int8Array,
  bias: Int32Array,
): Activations {
  const { batch, channels, height, width, groupChannels, kernels, groupKernels, output } = geometry;
  const { kernel, stride, dilation, padding } = conv;
  const [, , outHeight, outWidth] = output;
  const plane = outHeight * outWidth;
  const data = new Int32Array(batch * kernels * plane);
  for (let i = 0; i < batch * kernels; i++) data.fill(bias[i % kernels]!, i * plane, (i + 1) * plane);
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      const firstKernel = Math.floor(c / groupChannels) * groupKernels;
      for (let k = 0; k < groupKernels; k++) {
        const outPlane = (n * kernels + firstKernel + k) * plane;
        for (let y = 0; y < height; y++) {
          for (let x = 0; x < width; x++) {
            const value = input.data[((n * channels + c) * height + y) * width + x]!;
            for (let r = 0; r < kernel.h; r++) {
              const oy = y * stride.h + r * dilation.h - padding.top;
              if (oy < 0 || oy >= outHeight) continue;
              for (let s = 0; s < kernel.w; s++) {
                const ox = x * stride.w + s * dilation.w - padding.left;
                if (ox < 0 || ox >= outWidth) continue;
                const at = outPlane + oy * outWidth + ox;
                data[at] = data[at]! + value * weights[((c * groupKernels + k) * kernel.h + r) * kernel.w + s]!;
              }
            }
          }
        }
      }
    }
  }
  return { shape: output, data };
}
