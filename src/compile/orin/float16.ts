/**
 * FP16 of orin and xavier: from real numbers to binary16 weights and the float32 numbers of `Float16Sdp` (program/layers/sdp.ts).
 * With the scales s_x of the accumulator and s_b of a second operand, which are 1 unless they are of int8:
 *
 *     weight  = half(w)                        a weight that binary16 does not hold is refused
 *     scale   = float32(s_x · multiply)        absent where all are 1
 *     shift   = float32(add)                   the bias of a convolution among it
 *     operand = float32(s_b)
 *     bounds  = float32(bound)
 *     table   = half(f(x)) for each of the 65,536 numbers x of binary16
 *
 * Products are taken in double precision and rounded once.
 */

import { fail } from '../../base/errors.ts';
import { float16Bits, float16Value, saturatedFloat16 } from '../../base/float16.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { ChannelVector, ConvOperation, Point } from '../operation.ts';
import { factors } from './point.ts';

/** What rounds to infinity. */
const beyondHalf = 65520;

/** The weights of a convolution as bits of binary16, in the order of the tensor. @throws calibrate/value */
export function halfKernels({ weights, nodes }: ConvOperation, read: (tensor: Tensor) => Float32Array): Uint16Array {
  const values = read(weights);
  const wrong = values.findIndex((value) => !(Math.abs(value) < beyondHalf));
  if (wrong >= 0) {
    const detail = { expected: `less than ${beyondHalf}`, actual: values[wrong]! };
    fail('calibrate/value', `weight ${wrong} is too large for FP16`, { node: nodes[0]!.name }, detail);
  }
  // Typed arrays' `from` collects all values in a list first: millions of weights take ten times as long.
  const bits = new Uint16Array(values.length);
  for (let index = 0; index < values.length; index++) bits[index] = float16Bits(values[index]!);
  return bits;
}

export interface HalfPoint {
  readonly scale?: Float32Array;
  readonly shift?: Float32Array;
  readonly operandScale?: number;
  readonly slope?: Float32Array;
  readonly low?: number;
  readonly high?: number;
  readonly lut?: Uint16Array;
}

/** @param inputScales of the accumulator: one, or one per channel @throws calibrate/value */
export function halfPoint(
  { multiply, add, operand, slope, low, high, table }: Point,
  inputScales: Float64Array,
  scaleOf: (value: string) => number,
  node: string,
): HalfPoint {
  const length = Math.max(inputScales.length, multiply?.length ?? 1);
  const scale = Float64Array.from({ length }, (_, k) => {
    const real = multiply === undefined ? 1 : multiply[k % multiply.length]!;
    return inputScales[k % inputScales.length]! * real;
  });
  return {
    ...(scale.some((factor) => factor !== 1) && { scale: factors(scale, node) }),
    ...(add !== undefined && { shift: factors(add, node) }),
    ...(operand !== undefined && { operandScale: Math.fround(scaleOf(operand.value)) }),
    ...(slope !== undefined && { slope: factors(slope, node) }),
    ...(Number.isFinite(low) && { low: bound(low) }),
    ...(Number.isFinite(high) && { high: bound(high) }),
    ...(table !== undefined && { lut: halfTable(table.evaluate) }),
  };
}

/** A bound beyond float32 bounds nothing that binary16 holds. */
const bound = (value: number): number => Math.fround(Math.min(Math.max(value, -(2 ** 127)), 2 ** 127));

/** (x + bias) · multiply + add, with the bias taken into what is added. */
export function withBias(point: Point, bias: ChannelVector | undefined): Point {
  if (bias === undefined) return point;
  const { multiply, add } = point;
  const at = (values: ChannelVector | undefined, k: number, otherwise: number): number =>
    values === undefined ? otherwise : values[k % values.length]!;
  return { ...point, add: bias.map((value, k) => value * at(multiply, k, 1) + at(add, k, 0)) };
}

/** Bits of a function of every binary16 number, by its bits; infinities become the largest finite number. */
export const halfTable = (evaluate: (x: number) => number): Uint16Array =>
  Uint16Array.from({ length: 65_536 }, (_, bits) =>
    float16Bits(saturatedFloat16(Math.fround(evaluate(float16Value(bits))))),
  );
