/**
 * The weights and the bias of a convolution as integers. With the scale s_x of the input and s_w[k] of kernel k:
 *
 *     weight = round(w / s_w[k]), within ±127
 *     bias   = round(b / (s_x · s_w[k])), saturated      int32
 *
 * Rounding is the target's; the scales are those of quantize/scales.ts.
 */

import { fail, locate } from '../base/errors.ts';
import { clamp } from '../base/rounding.ts';
import { asFloat32, elementCount, float32Tensor } from '../graph/tensor.ts';
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
 * @param coarsen scales that must be larger than the weights ask for
 * @throws compile/accumulator-overflow, calibrate/value
 */
export function quantizeKernels(
  operation: ConvOperation,
  inputScale: number,
  round: (value: number) => number,
  coarsen = (scales: Float32Array): Float32Array => scales,
): QuantizedKernels {
  const { transposed, output } = operation.shape;
  const place = { node: operation.nodes[0]!.name };
  const { shape } = operation.weights;
  const values = asFloat32(operation.weights);
  const real = operation.bias && asFloat32(operation.bias);
  const wrong = real?.findIndex((value) => !Number.isFinite(value)) ?? -1;
  if (wrong >= 0) fail('calibrate/value', `bias ${wrong} is not finite`, place, { actual: real![wrong]! });
  const axis = transposed ? 1 : 0;
  const scales = coarsen(
    locate(place, () => weightScales(float32Tensor(shape, values), axis, real && { bias: real, inputScale })),
  );

  const [outer = 1, inner = 1, ...rest] = shape;
  const area = elementCount(rest);
  const weights = new Int8Array(values.length);
  const bias = new Int32Array(output.channels);
  // The elements of one output channel: a run of its own, or (transposed) one run in every input channel.
  const run = transposed ? area : inner * area;
  const runs = transposed ? outer : 1;
  const step = inner * area;
  for (let k = 0; k < output.channels; k++) {
    const scale = scales[k]!;
    let sum = 0;
    for (let r = 0; r < runs; r++) sum += quantizeRun(values, weights, k * run + r * step, run, scale, round);
    bias[k] = clamp(round((real?.[k] ?? 0) / (inputScale * scale)), -(2 ** 31), mostAccumulated);
    const reach = sum * 128 + Math.abs(bias[k]!);
    if (reach > mostAccumulated) {
      fail('compile/accumulator-overflow', `the sum of kernel ${k} could leave the int32 accumulator`, place, {
        expected: `at most ${mostAccumulated}`,
        actual: reach,
      });
    }
  }
  return { weights, scales, bias };
}

/** Added to a double below 2⁵¹ and taken off again, it leaves the nearest integer. */
const aid = 1.5 * 2 ** 52;

/** So near to a half that the reciprocal, which errs by less than 2⁻⁴⁴ on quotients up to 128, might miss on which side of it. */
const nearHalf = 0.5 - 2 ** -30;

/**
 * Quantizes some elements that lie side by side. A function of its own, so that engines compile its loop well: it multiplies by
 * the reciprocal of the scale, and divides only where the quotient lies next to a half. @returns Σ|w|
 */
function quantizeRun(
  values: Float32Array,
  weights: Int8Array,
  start: number,
  count: number,
  scale: number,
  round: (value: number) => number,
): number {
  const reciprocal = 1 / scale;
  let sum = 0;
  for (let at = start, end = start + count; at < end; at++) {
    const quotient = values[at]! * reciprocal;
    const nearest = quotient + aid - aid;
    const tie = Math.abs(quotient - nearest) > nearHalf;
    const quantized = (tie ? round(values[at]! / scale) : nearest) | 0;
    weights[at] = quantized;
    sum += Math.abs(quantized);
  }
  return sum;
}
