/**
 * Direct convolution on the open NVDLA, int8 and int16: exact products, an accumulator of the configuration's width that
 * saturates after every step (one channel block at one kernel position, in the order of the weight stream), then
 * CACC's rounding shift to int32 (nvdla-facts section 4).
 */

import { fail } from '../../graph/errors.ts';
import type { Conv } from '../../program/layer.ts';
import type { Bus } from '../bus.ts';
import type { Cube } from '../cube.ts';
import type { StageValues } from '../reference/engines.ts';
import type { DeviceState } from '../state.ts';
import { roundShift, saturate } from './integer.ts';
import { readIntegers } from './integer-feature.ts';

export function convolveIntegers(conv: Conv<Cube>, bus: Bus, state: DeviceState): StageValues {
  const { core } = conv;
  if (!core) return fail('device/fault', 'a convolution without the set-up of the convolution core');
  if (core.precision === 'float16') return fail('device/unsupported', 'float16 convolution is not modelled');
  const input = takeData(conv, bus, state);
  const weights = unpackWeights(takeWeights(conv, bus, state), conv, input.shape[1]);
  return accumulate(conv, input, weights);
}

export const convolutionMacs = (conv: Conv<Cube>): number => {
  const { channels, height, width } = conv.output;
  return conv.kernel.h * conv.kernel.w * conv.input.shape[1] * channels * height * width;
};

function takeData(conv: Conv<Cube>, bus: Bus, state: DeviceState): StageValues {
  const { reuse, keep } = conv.core!;
  const buffer = state.nvdla;
  let data: StageValues;
  if (reuse.data) {
    const kept = buffer?.keptData;
    if (!kept) return fail('device/fault', 'the convolution reuses data that no layer left in the convolution buffer');
    if (kept.shape.join() !== conv.input.shape.join()) {
      return fail(
        'device/fault',
        'the convolution reuses data of another shape',
        {},
        { expected: conv.input.shape.join('x'), actual: kept.shape.join('x') },
      );
    }
    data = kept;
  } else data = convertInput(conv, readIntegers(conv.input, bus, 'the convolution input'));
  if (buffer) {
    if (keep.data) buffer.keptData = data;
    else delete buffer.keptData;
  }
  return data;
}

function convertInput({ core }: Conv<Cube>, values: StageValues): StageValues {
  const { convert, precision } = core!;
  if (!convert) return values;
  const bits = precision === 'int8' ? 8 : 16;
  const data = Int32Array.from(values.data, (value) =>
    saturate(saturate(roundShift((value - convert.offset) * convert.scale, convert.shift), 17), bits),
  );
  return { shape: values.shape, data };
}

function takeWeights(conv: Conv<Cube>, bus: Bus, state: DeviceState): Uint8Array {
  const { reuse, keep } = conv.core!;
  const buffer = state.nvdla;
  let weights: Uint8Array;
  if (reuse.weights) {
    weights =
      buffer?.keptWeights ??
      fail('device/fault', 'the convolution reuses weights that no layer left in the convolution buffer');
  } else weights = bus.read(conv.weights.address, conv.weights.size);
  if (buffer) {
    if (keep.weights) buffer.keptWeights = weights;
    else delete buffer.keptWeights;
  }
  return weights;
}

/** From the packed stream to kernel, row, column, channel. */
function unpackWeights(stream: Uint8Array, conv: Conv<Cube>, channels: number): Int16Array {
  const { kernelGroup, channelBlock, precision } = conv.core!;
  const { h: rows, w: columns } = conv.kernel;
  const kernels = conv.output.channels;
  const size = precision === 'int8' ? 1 : 2;
  const needed = kernels * rows * columns * channels * size;
  if (stream.length < needed) {
    fail('device/fault', 'the weights are shorter than the kernels', {}, { expected: needed, actual: stream.length });
  }
  const view = new DataView(stream.buffer, stream.byteOffset, stream.byteLength);
  const weights = new Int16Array(kernels * rows * columns * channels);
  let at = 0;
  for (let group = 0; group < kernels; group += kernelGroup) {
    const groupEnd = Math.min(group + kernelGroup, kernels);
    for (let block = 0; block < channels; block += channelBlock) {
      const blockEnd = Math.min(block + channelBlock, channels);
      for (let position = 0; position < rows * columns; position++) {
        for (let k = group; k < groupEnd; k++) {
          const to = (k * rows * columns + position) * channels;
          for (let c = block; c < blockEnd; c++, at += size) {
            weights[to + c] = size === 1 ? view.getInt8(at) : view.getInt16(at, true);
          }
        }
      }
    }
  }
  return weights;
}

function accumulate(conv: Conv<Cube>, input: StageValues, weights: Int16Array): StageValues {
  const { kernel, stride, dilation, padding, output, truncate } = conv;
  const { channelBlock, accumulatorBits, accumulatorChannels } = conv.core!;
  const [, channels, height, width] = input.shape;
  const pixels = channelsLast(input);
  const plane = output.height * output.width;
  const data = new Int32Array(accumulatorChannels * plane);
  for (let y = 0; y < output.height; y++) {
    for (let x = 0; x < output.width; x++) {
      for (let k = 0; k < output.channels; k++) {
        let sum = 0;
        for (let block = 0; block < channels; block += channelBlock) {
          const blockEnd = Math.min(block + channelBlock, channels);
          for (let r = 0; r < kernel.h; r++) {
            const row = y * stride.h + r * dilation.h - padding.top;
            for (let s = 0; s < kernel.w; s++) {
              const column = x * stride.w + s * dilation.w - padding.left;
              const w = ((k * kernel.h + r) * kernel.w + s) * channels;
              let step = 0;
              if (row < 0 || row >= height || column < 0 || column >= width) {
                if (conv.padValue !== 0) for (let c = block; c < blockEnd; c++) step += weights[w + c]!;
                step *= conv.padValue;
              } else {
                const p = (row * width + column) * channels;
                for (let c = block; c < blockEnd; c++) step += weights[w + c]! * pixels[p + c]!;
              }
              sum = saturate(sum + step, accumulatorBits);
            }
          }
        }
        data[k * plane + y * output.width + x] = saturate(roundShift(sum, truncate), 32);
      }
    }
  }
  return { shape: [1, accumulatorChannels, output.height, output.width], data };
}

function channelsLast({ shape: [, channels, height, width], data }: StageValues): Int32Array {
  const plane = height * width;
  const pixels = new Int32Array(channels * plane);
  for (let c = 0; c < channels; c++) for (let p = 0; p < plane; p++) pixels[p * channels + c] = data[c * plane + p]!;
  return pixels;
}
