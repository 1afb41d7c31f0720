/**
 * The weights and the bias of a convolution as integers. With the scale s_x of the input and s_w[k] of kernel k:
 *
 *     weight = round(w / s_w[k]), within ±127; −128 where the model's own integers have it
 *     bias   = round(b / (s_x · s_w[k])), saturated      int32
 *
 * Rounding is the target's; the scales are those of quantize/scales.ts.
 */

import { fail, locate, type Place } from '../base/errors.ts';
import { clamp } from '../base/rounding.ts';
import { asFloat32, elementCount, float32Tensor, type Tensor } from '../graph/tensor.ts';
import { weightScales } from '../quantize/scales.ts';
import type { ConvOperation } from './operation.ts';

const mostAccumulated = 2 ** 31 - 1;

export interface QuantizedKernels {
  /** In the order of the tensor. */
  readonly weights: Int8Array;
  /** s_w, one per output channel. */
  readonly scales: Float32Array;
  readonly bias: Int32Array;
}

/**
 * Weights and bias of a convolution, each output channel with a scale of its own.
 * @param read gives the elements of a tensor until it is called again
 * @param coarsen scales that must be larger than the weights ask for
 * @throws compile/accumulator-overflow, calibrate/value
 */
export function quantizeKernels(
  operation: ConvOperation,
  inputScale: number,
  round: (value: number) => number,
  read: (tensor: Tensor) => Float32Array = asFloat32,
  coarsen = (scales: Float32Array): Float32Array => scales,
): QuantizedKernels {
  const { transposed, output } = operation.shape;
  const place = { node: operation.nodes[0]!.name };
  const { shape } = operation.weights;
  const real = operation.bias && asFloat32(operation.bias);
  const wrong = real?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  if (wrong >= 0) fail('calibrate/value', `bias ${wrong} is not finite`, place, { actual: real![wrong]! });
  const axis = transposed ? 1 : 0;
  const values = read(operation.weights);
  const { scales: own } = operation.weights;
  const floats = { ...float32Tensor(shape, values), ...(own && { scales: own }) };
  const scales = coarsen(locate(place, () => weightScales(floats, axis, real && { bias: real, inputScale })));

  const weights = new Int8Array(values.length);
  // Elements side by side that share a scale: all of a kernel, or (transposed) those of one input channel.
  const run = elementCount(shape.slice(axis + 1));
  for (let start = 0, k = 0; start < values.length; start += run, k = (k + 1) % scales.length) {
    quantizeRun(values, weights, start, start + run, scales[k]!, round);
  }
  const bias = new Int32Array(output.channels).map((_, k) =>
    clamp(round((real?.[k] ?? 0) / (inputScale * scales[k]!)), -(2 ** 31), mostAccumulated),
  );
  requireAccumulator(weights, bias, run, place);
  return { weights, scales, bias };
}

/** @throws compile/accumulator-overflow when the sum of a kernel's products and its bias could leave an int32 */
function requireAccumulator(weights: Int8Array, bias: Int32Array, run: number, place: Place): void {
  const perKernel = weights.length / bias.length;
  bias.forEach((shift, k) => {
    // The weights are summed up only where the largest that they could be are too much.
    if (perKernel * 127 * 128 + Math.abs(shift) <= mostAccumulated) return;
    let sum = 0;
    for (let start = k * run; start < weights.length; start += run * bias.length) {
      for (let at = start; at < start + run; at++) sum += Math.abs(weights[at]!);
    }
    const reach = sum * 128 + Math.abs(shift);
    if (reach <= mostAccumulated) return;
    fail('compile/accumulator-overflow', `the sum of kernel ${k} could leave the int32 accumulator`, place, {
      expected: `at most ${mostAccumulated}`,
      actual: reach,
    });
  });
}

/** Added to a double below 2⁵¹ and taken off again, it leaves the nearest integer. */
const aid = 1.5 * 2 ** 52;

/** So near to a half that the reciprocal, which errs by less than 2⁻⁴⁴ on quotients up to 128, might miss on which side of it. */
const nearHalf = 0.5 - 2 ** -30;

/**
 * Quantizes some elements that lie side by side. A function of its own, two elements at a time, so that engines compile its loop
 * well: it multiplies by the reciprocal of the scale, and divides all of them after all where a quotient lies next to a half.
 */
function quantizeRun(
  values: Float32Array,
  weights: Int8Array,
  start: number,
  end: number,
  scale: number,
  round: (value: number) => number,
): void {
  const reciprocal = 1 / scale;
  let farthestEven = 0;
  let farthestOdd = 0;
  let at = start;
  for (; at + 2 <= end; at += 2) {
    const even = values[at]! * reciprocal;
    const odd = values[at + 1]! * reciprocal;
    const nearestEven = even + aid - aid;
    const nearestOdd = odd + aid - aid;
    farthestEven = Math.max(farthestEven, Math.abs(even - nearestEven));
    farthestOdd = Math.max(farthestOdd, Math.abs(odd - nearestOdd));
    weights[at] = nearestEven;
    weights[at + 1] = nearestOdd;
  }
  if (Math.max(farthestEven, farthestOdd) > nearHalf) at = start;
  for (; at < end; at++) weights[at] = round(values[at]! / scale);
}
