/**
 * The pass from real numbers to the integers and factors that the engines use. With the scales s_x of the input, s_w[k] of kernel
 * k, s_y of the result and s_b of a second operand (arithmetic of program/layers/sdp.ts):
 *
 *     weight  = round(w / s_w[k]), within ±127
 *     bias    = round(b / (s_x · s_w[k])), saturated             int32
 *     scale   = float32(s_x · s_w[k] · multiply / s_y)           shift = float32(add / s_y)
 *     operand = float32(s_b / s_y)                               of a product: 1, and scale and shift have s_b
 *     bounds  = round(bound / s_y), saturated                    int8
 *     table   = round(f(i · s_y) / s_out), saturated             for the integers −128 … 127
 *
 * Rounding is the target's. Products are taken in double precision and rounded to float32 once. Weight scales are quantize/'s.
 */

import { fail, locate } from '../base/errors.ts';
import { asFloat32, elementCount, float32Tensor } from '../graph/tensor.ts';
import { weightScales } from '../quantize/scales.ts';
import type { ChannelVector, ConvOperation, Point } from './operation.ts';

const int8 = { low: -128, high: 127 } as const;
const int32 = { low: -(2 ** 31), high: 2 ** 31 - 1 } as const;
export type Round = (value: number) => number;

const clamp = (value: number, range: { readonly low: number; readonly high: number }): number =>
  Math.min(Math.max(value, range.low), range.high);

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
  round: Round,
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
    bias[k] = clamp(round((real?.[k] ?? 0) / (inputScale * scale)), int32);
    const reach = sum * 128 + Math.abs(bias[k]!);
    if (reach > int32.high) {
      fail('compile/accumulator-overflow', `the sum of kernel ${k} could leave the int32 accumulator`, place, {
        expected: `at most ${int32.high}`,
        actual: reach,
      });
    }
  }
  return { weights, scales, bias };
}

/** Quantizes some elements that lie side by side. A function of its own, so that engines compile its loop well. @returns Σ|w| */
function quantizeRun(
  values: Float32Array,
  weights: Int8Array,
  start: number,
  count: number,
  scale: number,
  round: Round,
): number {
  let sum = 0;
  for (let at = start, end = start + count; at < end; at++) {
    const quantized = round(values[at]! / scale) | 0;
    weights[at] = quantized;
    sum += Math.abs(quantized);
  }
  return sum;
}

export interface QuantizedPoint {
  readonly scale: Float32Array;
  readonly shift?: Float32Array;
  readonly operandScale?: number;
  readonly slope?: Float32Array;
  readonly low: number;
  readonly high: number;
  readonly lut?: Int8Array;
}

/** @param inputScales of the accumulator: one, or one per channel */
export function quantizePoint(
  point: Point,
  inputScales: Float64Array,
  outputScale: number,
  scaleOf: (value: string) => number,
  round: Round,
  node: string,
): QuantizedPoint {
  const { operand, table } = point;
  const step = table === undefined ? outputScale : scaleOf(table.input);
  const product = operand?.op === 'mul';
  // A product multiplies all that comes before it, the shift too, by the operand's integers: both carry its scale.
  const factor = product ? scaleOf(operand.value) : 1;
  const { multiply } = point;
  const length = Math.max(inputScales.length, multiply?.length ?? 1);
  const scale = Float64Array.from({ length }, (_, k) => {
    const real = multiply === undefined ? 1 : multiply[k % multiply.length]!;
    return (inputScales[k % inputScales.length]! * real * factor) / step;
  });
  return {
    scale: factors(scale, node),
    ...(point.add !== undefined && {
      shift: factors(
        point.add.map((value) => (value * factor) / step),
        node,
      ),
    }),
    ...(operand !== undefined && { operandScale: product ? 1 : Math.fround(scaleOf(operand.value) / step) }),
    ...(point.slope !== undefined && { slope: factors(point.slope, node) }),
    low: clamp(round(point.low / step), int8),
    high: clamp(round(point.high / step), int8),
    ...(table !== undefined && { lut: lookupTable(table.evaluate, step, outputScale, round) }),
  };
}

function factors(values: ChannelVector, node: string): Float32Array {
  const rounded = Float32Array.from(values);
  const wrong = rounded.findIndex((value) => !Number.isFinite(value));
  if (wrong >= 0)
    fail('calibrate/value', 'a scale, shift or slope is not finite', { node }, { actual: values[wrong]! });
  return rounded;
}

/** int8 results for the integers −128 … 127. */
export function lookupTable(
  evaluate: (x: number) => number,
  inputScale: number,
  outputScale: number,
  round: Round,
): Int8Array {
  return Int8Array.from({ length: 256 }, (_, index) =>
    clamp(round(evaluate((index - 128) * inputScale) / outputScale), int8),
  );
}
