/**
 * Convolution of FP16 on orin and xavier, as written in program/layers/conv.ts. A product of two binary16 numbers is exact in float32
 * (22 bits, and far from both ends of the exponents); every addition is rounded to float32. An accumulator starts at +0 and takes
 * the products one after the other:
 *
 *     for each row r of the kernel, for each column s, for each channel c of the group:   acc = float32(acc + w · x)
 *
 * What lies in the padding adds nothing, which is what a product of zero would add: weights are finite. A deconvolution takes,
 * of each output, the taps that reach it in the same order.
 */

import { fail } from '../../../../base/errors.ts';
import { float16Values } from '../../../../base/float16.ts';
import type { Conv } from '../../../../program/layer.ts';
import type { Bus } from '../../../bus.ts';
import type { Cube } from '../../../launch.ts';
import { type ConvGeometry, convGeometry, insideRange, weightCount } from '../convolution.ts';
import { type Activations, readConstant, readFeature } from '../feature.ts';

/** The weights of an FP16 convolution. @throws device/fault when one is not finite */
function halfWeights(conv: Conv<Cube>, geometry: ConvGeometry, bus: Bus): Float32Array {
  const weights = float16Values(
    readConstant(conv.weights, 'float16', [weightCount(conv, geometry)], bus, 'the weights'),
  );
  const wrong = weights.findIndex((weight) => !Number.isFinite(weight));
  if (wrong >= 0) fail('device/fault', `weight ${wrong} is not finite`, {}, { actual: weights[wrong]! });
  return weights;
}

/** @returns the accumulators, float32 numbers @throws device/fault, device/unsupported */
export function convolveHalves(conv: Conv<Cube>, bus: Bus): Activations {
  if (conv.bias) fail('device/fault', 'the bias of an FP16 convolution is in its SDP');
  const geometry = convGeometry(conv);
  const { batch, channels, height, width, groupChannels, kernels, groupKernels, output } = geometry;
  const { kernel, stride, dilation, padding, transposed } = conv;
  const { data: input } = readFeature(conv.input, bus, 'the convolution input');
  const weights = halfWeights(conv, geometry, bus);
  const [, , outHeight, outWidth] = output;
  const plane = outHeight * outWidth;
  const taps = kernel.h * kernel.w;
  const data = new Float32Array(batch * kernels * plane);
  const addTap = transposed ? spread : gather;
  for (let n = 0; n < batch; n++) {
    for (let k = 0; k < kernels; k++) {
      const group = Math.floor(k / groupKernels);
      const sums = data.subarray((n * kernels + k) * plane, (n * kernels + k + 1) * plane);
      for (let tap = 0; tap < taps; tap++) {
        const [r, s] = [Math.floor(tap / kernel.w), tap % kernel.w];
        for (let c = 0; c < groupChannels; c++) {
          const channel = group * groupChannels + c;
          const at = transposed ? channel * groupKernels + (k - group * groupKernels) : k * groupChannels + c;
          const start = (n * channels + channel) * height * width;
          addTap(sums, weights[at * taps + tap]!, start, r * dilation.h - padding.top, s * dilation.w - padding.left);
        }
      }
    }
  }
  return { shape: output, data };

  /** sums[y, x] += weight · input[start + (y·stride.h + dy)·width + x·stride.w + dx] wherever that is inside. */
  function gather(sums: Float32Array, weight: number, start: number, dy: number, dx: number): void {
    const [firstRow, endRow] = insideRange(outHeight, height, stride.h, dy);
    const [firstColumn, endColumn] = insideRange(outWidth, width, stride.w, dx);
    for (let y = firstRow; y < endRow; y++) {
      const source = start + (y * stride.h + dy) * width + dx;
      for (let x = firstColumn; x < endColumn; x++) {
        // The typed array rounds the sum to float32: of a float64 sum of two float32 numbers that is their float32 sum.
        sums[y * outWidth + x] = sums[y * outWidth + x]! + weight * input[source + x * stride.w]!;
      }
    }
  }

  /** sums[y·stride.h + dy, x·stride.w + dx] += weight · input[start + y·width + x] wherever that is inside. */
  function spread(sums: Float32Array, weight: number, start: number, dy: number, dx: number): void {
    const [firstRow, endRow] = insideRange(height, outHeight, stride.h, dy);
    const [firstColumn, endColumn] = insideRange(width, outWidth, stride.w, dx);
    for (let y = firstRow; y < endRow; y++) {
      const to = (y * stride.h + dy) * outWidth + dx;
      for (let x = firstColumn; x < endColumn; x++) {
        sums[to + x * stride.w] = sums[to + x * stride.w]! + weight * input[start + y * width + x]!;
      }
    }
  }
}
