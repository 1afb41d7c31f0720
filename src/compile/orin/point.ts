/**
 * The single-point stage of orin and xavier: from real numbers to the factors and integers of `FloatScaleSdp` (program/layers/sdp.ts).
 * With the scales s_x of the input, s_w[k] of kernel k, s_y of the result and s_b of a second operand:
 *
 *     scale   = float32(s_x · s_w[k] · multiply / s_y)           shift = float32(add / s_y)
 *     operand = float32(s_b / s_y)                               of a product: 1, and scale and shift have s_b
 *     bounds  = round(bound / s_y), saturated                    int8
 *     table   = round(f(i · s_y) / s_out), saturated             for the integers −128 … 127
 *
 * Rounding is the target's. Products are taken in double precision and rounded to float32 once.
 */

import { fail } from '../../base/errors.ts';
import { clamp } from '../../base/rounding.ts';
import type { ChannelVector, Point } from '../operation.ts';

type Round = (value: number) => number;

const saturate = (value: number): number => clamp(value, -128, 127);

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
  const scale = new Float64Array(length).map((_, k) => {
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
    low: saturate(round(point.low / step)),
    high: saturate(round(point.high / step)),
    ...(table !== undefined && { lut: lookupTable(table.evaluate, step, outputScale, round) }),
  };
}

/** @throws calibrate/value */
export function factors(values: ChannelVector, node: string): Float32Array {
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
    saturate(round(evaluate((index - 128) * inputScale) / outputScale)),
  );
}
