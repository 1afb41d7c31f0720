/**
 * Convolution on the open NVDLA, over features or pixels: for every output point the elements under the window are
 * gathered in the order of the weight stream, and each kernel sums its products step by step. What a step computes is the
 * affair of the precision: {@link integerSums}, {@link floatSums}.
 */

import { fail } from '../../../../base/errors.ts';
import type { Conv } from '../../../../program/layer.ts';
import type { Bus } from '../../../bus.ts';
import type { Cube } from '../../../launch.ts';
import type { DeviceState } from '../../../state.ts';
import type { StageValues } from '../stages.ts';
import { takeData, takeWeights } from './convolution-buffer.ts';
import { type ConvolutionSteps, convolutionSteps, unpackWeights } from './convolution-steps.ts';
import { floatSums } from './float16/sums.ts';
import { countSpecials } from './hardware-counts.ts';
import { integerSums } from './int8/sums.ts';

/** The sums of all kernels at one position of the window. */
export interface Sums {
  /** @param window its elements in the order of the stream */
  load(window: Int32Array): void;
  /** What the accumulator hands to SDP: int32, or the bits of a single. */
  of(kernel: number): number;
  /** How many left the accumulator at an end of int32. */
  readonly saturated: number;
}

/** @throws device/fault, device/unsupported */
export function convolve(conv: Conv<Cube>, bus: Bus, state: DeviceState): StageValues {
  const { core, output } = conv;
  if (!core) return fail('device/fault', 'a convolution without the set-up of the convolution core');
  const data = takeData(conv, core, bus, state);
  const steps = convolutionSteps(conv, core);
  const weights = unpackWeights(takeWeights(conv, core, bus, state), steps, output.channels, core);
  const sums =
    core.precision === 'float16'
      ? floatSums(weights, steps.ends)
      : integerSums(weights, steps.ends, core.accumulatorBits, conv.truncate);
  const counts = state.nvdla?.counts?.conv;
  if (counts && core.precision === 'float16') {
    if (!core.reuse.data) countSpecials(counts.data, data.data);
    if (!core.reuse.weights) countSpecials(counts.weights, weights);
  }
  const plane = output.height * output.width;
  const result = new Int32Array(core.accumulatorChannels * plane);
  const window = windows(conv, data, steps);
  for (let y = 0; y < output.height; y++) {
    for (let x = 0; x < output.width; x++) {
      sums.load(window(y, x));
      for (let k = 0; k < output.channels; k++) result[k * plane + y * output.width + x] = sums.of(k);
    }
  }
  if (counts) counts.saturated = sums.saturated;
  return { shape: [1, core.accumulatorChannels, output.height, output.width], data: result };
}

export const convolutionMacs = (conv: Conv<Cube>): number => {
  const { channels, height, width } = conv.output;
  return conv.kernel.h * conv.kernel.w * conv.input.shape[1] * channels * height * width;
};

/** Gathers the elements under the window for an output point; padding stands where the input ends. */
function windows(conv: Conv<Cube>, input: StageValues, { elements }: ConvolutionSteps) {
  const { stride, dilation, padding, padValue } = conv;
  const [, , height, width] = input.shape;
  const plane = height * width;
  const rows = Int32Array.from(elements, ({ row }) => row * dilation.h);
  const columns = Int32Array.from(elements, ({ column }) => column * dilation.w);
  const offsets = Int32Array.from(
    elements,
    ({ row, column, channel }) => channel * plane + row * dilation.h * width + column * dilation.w,
  );
  const bottom = rows.reduce((most, row) => Math.max(most, row), 0);
  const end = columns.reduce((most, column) => Math.max(most, column), 0);
  const window = new Int32Array(elements.length);
  const { data } = input;
  return (y: number, x: number): Int32Array => {
    const top = y * stride.h - padding.top;
    const left = x * stride.w - padding.left;
    const base = top * width + left;
    if (top >= 0 && left >= 0 && top + bottom < height && left + end < width) {
      for (let i = 0; i < window.length; i++) window[i] = data[base + offsets[i]!]!;
      return window;
    }
    for (let i = 0; i < window.length; i++) {
      const row = top + rows[i]!;
      const column = left + columns[i]!;
      const inside = row >= 0 && row < height && column >= 0 && column < width;
      window[i] = inside ? data[base + offsets[i]!]! : padValue;
    }
    return window;
  };
}
