/**
 * Weights in the order in which the convolution core takes them: kernel group by kernel group; in a group block of
 * channels by block, in a block row and column of the kernel, at each of them kernel by kernel the channels of the block
 * (docs/hardware/nvdla.md#layouts). Nothing is padded but the end, to a whole entry of the convolution buffer. Over an
 * image the components of a row of pixels are the channels, and rows that share a block of weights follow one another in
 * it.
 */

import { kernelGroupOf, precisionBytes, streamBytes } from '../../program/nvdla/convolution-buffer.ts';
import type { ConvolutionLaunch, ConvolutionWork } from './plan-convolution.ts';

/**
 * @param weights [K, C/groups, R, S] of the whole convolution: int8, or the bits of float16
 * @returns the stream of one launch; kernels have zeros for the channels of other groups in it
 */
export function packWeights(
  work: ConvolutionWork,
  launch: ConvolutionLaunch,
  weights: Int8Array | Uint16Array,
): Uint8Array<ArrayBuffer> {
  const { target, precision, shape, image, input } = work;
  const { h, w } = shape.kernel;
  const perGroup = image ? input[1] : input[1] / shape.groups;
  const kernelsOfGroup = shape.output.channels / shape.groups;
  const { fromChannel, toChannel } = launch.output;
  const size = precisionBytes(precision);
  const channels = image ? input[1] : launch.input.toChannel - launch.input.fromChannel;
  const bytes = new Uint8Array(streamBytes(toChannel - fromChannel, channels * h * w * size, target));
  const view = new DataView(bytes.buffer);
  let at = 0;
  const put = (kernel: number, channel: number, row: number, column: number): void => {
    const own = channel - Math.floor(kernel / kernelsOfGroup) * perGroup;
    if (own >= 0 && own < perGroup) {
      const value = weights[((kernel * perGroup + own) * h + row) * w + column] ?? 0;
      if (size === 1) view.setInt8(at, value);
      else view.setUint16(at, value, true);
    }
    at += size;
  };
  const group = kernelGroupOf(target, precision);
  for (let first = fromChannel; first < toChannel; first += group) {
    const last = Math.min(first + group, toChannel);
    if (image) packImage(work, launch, first, last, put);
    else packFeatures(work, launch, first, last, put);
  }
  return bytes;
}

type Put = (kernel: number, channel: number, row: number, column: number) => void;

function packFeatures(
  { target, shape }: ConvolutionWork,
  { input }: ConvolutionLaunch,
  first: number,
  last: number,
  put: Put,
) {
  const { fromChannel, toChannel } = input;
  for (let from = fromChannel; from < toChannel; from += target.atomic.c) {
    const to = Math.min(from + target.atomic.c, toChannel);
    for (let row = 0; row < shape.kernel.h; row++) {
      for (let column = 0; column < shape.kernel.w; column++) {
        for (let kernel = first; kernel < last; kernel++) {
          for (let channel = from; channel < to; channel++) put(kernel, channel, row, column);
        }
      }
    }
  }
}

function packImage(
  { target, shape, input }: ConvolutionWork,
  { rowsPerBlock = 1 }: ConvolutionLaunch,
  first: number,
  last: number,
  put: Put,
) {
  const components = input[1];
  const length = shape.kernel.w * components;
  for (let from = 0; from < length; from += target.atomic.c) {
    const to = Math.min(from + target.atomic.c, length);
    for (let top = 0; top < shape.kernel.h; top += rowsPerBlock) {
      const bottom = Math.min(top + rowsPerBlock, shape.kernel.h);
      for (let kernel = first; kernel < last; kernel++) {
        for (let row = top; row < bottom; row++) {
          for (let at = from; at < to; at++) put(kernel, at % components, row, Math.floor(at / components));
        }
      }
    }
  }
}
