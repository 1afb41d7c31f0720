/**
 * The pass from a point stage in real numbers to nv_full's single-point processor in floating point:
 *
 *     X1     (x + b) · m       bias and factor of a channel; or the factor alone, where the sum does not fit float16
 *     X2     ∘ operand, or · slope, or a bound, or what X1 could not add
 *     Y      one such step more, or the lookup table
 *
 * Operands are float16, in Y's registers float32; arithmetic is float32.
 */

import { fail } from '../../../base/errors.ts';
import { float16Bits } from '../../../base/float16.ts';
import type { Lookup, SdpUnit } from '../../../program/layer.ts';
import type { SurfaceTable } from '../../emit.ts';
import type { Point } from '../../operation.ts';
import { isPerChannel } from '../int8/point.ts';
import { isFreeRelu, plainUnit } from '../lowering.ts';
import { float32Bits, floatTable, signed16 } from './table.ts';

export interface FloatPointContext {
  readonly name: string;
  readonly channels: number;
  readonly bias?: Float64Array;
  readonly atom: number;
  readonly surfaces: SurfaceTable;
}

export interface FloatUnits {
  readonly x1?: SdpUnit<number>;
  readonly x2?: SdpUnit<number>;
  readonly y?: SdpUnit<number>;
  readonly lookup?: Lookup<number>;
}

/** Limit of an operand's magnitude. */
const mostOffset = 60_000;

/** One step, for the channels of a run, in an X unit or in Y. */
type Step = (from: number, to: number, operand: number | undefined, unit: 'x' | 'y') => SdpUnit<number>;

/** @throws calibrate/value for an operand that float16 does not hold */
export function floatPoint(point: Point, context: FloatPointContext) {
  const { name } = context;
  const half = (value: number): number => {
    const bits = float16Bits(value);
    if ((bits & 0x7c00) !== 0x7c00) return bits;
    return fail('calibrate/value', 'a number is too large for float16', { node: name }, { actual: value });
  };
  const others = otherSteps(point, context, half);
  const steps = [...linearSteps(point, context, half, others.length === 0), ...others];
  const relu = isFreeRelu(point);
  const lookup = point.table && floatTable(point.table.evaluate, context);

  return (from: number, to: number, operand: number | undefined): FloatUnits => {
    const units = steps.map((step, index) => step(from, to, operand, index < 2 ? 'x' : 'y'));
    const linear = units.slice(0, 2);
    if (relu) linear.push({ ...(linear.pop() ?? plainUnit), activation: 'relu' });
    const [x1, x2] = linear;
    const [third, ...more] = units.slice(2);
    if (more.length > 0 || (third && lookup)) throw new Error(`${name} needs more units than there are`);
    const y = lookup ? ({ ...plainUnit, activation: 'lut' } as const) : third;
    return { ...(x1 && { x1 }), ...(x2 && { x2 }), ...(y && { y }), ...(lookup && { lookup }) };
  };
}

/** (x + bias) · multiply + add, in one step where a channel's sum ahead of the factor fits float16. */
function linearSteps(
  { multiply, add }: Point,
  context: FloatPointContext,
  half: (value: number) => number,
  roomForTwo: boolean,
): readonly Step[] {
  const { channels, bias } = context;
  const each = (values: Float64Array | undefined, k: number, otherwise: number): number =>
    values === undefined ? otherwise : values[k % values.length]!;
  const factors = Float64Array.from({ length: channels }, (_, k) => each(multiply, k, 1));
  const offsets = Float64Array.from({ length: channels }, (_, k) => each(bias, k, 0) * factors[k]! + each(add, k, 0));
  const vector = (values: Float64Array) => Uint16Array.from(values, half);
  const fits = factors.every((factor, k) => Math.abs(offsets[k]!) <= Math.abs(factor) * mostOffset);
  if (!fits && roomForTwo) {
    return [
      (from, to) => perKernel(context, from, to, undefined, vector(factors)),
      (from, to) => perKernel(context, from, to, vector(offsets), undefined),
    ];
  }
  // A factor is raised where it is so small beside the offset that the sum in float16 does not show it.
  const held = factors.map((factor, k) => {
    const least = Math.abs(offsets[k]!) / mostOffset;
    return Math.abs(factor) < least ? (factor < 0 ? -least : least) : factor;
  });
  const before = held.map((factor, k) => (offsets[k] === 0 ? 0 : offsets[k]! / factor));
  const adds = before.some((value) => value !== 0) ? vector(before) : undefined;
  const multiplies = held.some((factor) => factor !== 1) ? vector(held) : undefined;
  return adds || multiplies ? [(from, to) => perKernel(context, from, to, adds, multiplies)] : [];
}

function otherSteps(point: Point, context: FloatPointContext, half: (value: number) => number): readonly Step[] {
  const { operand, slope, low, high } = point;
  const steps: Step[] = [];
  if (operand) {
    steps.push((_from, _to, surface) => ({
      ...plainUnit,
      ...(operand.op === 'mul' ? { mul: true } : { alu: operand.op === 'add' ? 'sum' : (operand.op as 'max' | 'min') }),
      source: isPerChannel(context.surfaces, surface!) ? 'kernel' : 'point',
      operand: surface!,
      operandUse: operand.op === 'mul' ? 'mul' : 'alu',
    }));
  }
  if (slope) {
    const slopes = Uint16Array.from({ length: context.channels }, (_, k) => half(slope[k % slope.length]!));
    steps.push((from, to) => ({ ...perKernel(context, from, to, undefined, slopes), activation: 'prelu' }));
  }
  const bound = (alu: 'max' | 'min', value: number): Step => {
    half(value);
    const operand = { x: signed16(value), y: float32Bits(value) };
    return (_from, _to, _operand, unit) => ({ ...plainUnit, alu, aluOperand: operand[unit] });
  };
  if (!isFreeRelu(point) && Number.isFinite(low)) steps.push(bound('max', low));
  if (Number.isFinite(high)) steps.push(bound('min', high));
  return steps;
}

function perKernel(
  { name, channels, atom, surfaces }: FloatPointContext,
  from: number,
  to: number,
  add: Uint16Array | undefined,
  multiply: Uint16Array | undefined,
): SdpUnit<number> {
  const operandUse = add && multiply ? 'both' : add ? 'alu' : 'mul';
  const each = operandUse === 'both' ? 2 : 1;
  const values = new Uint16Array(Math.ceil((to - from) / atom) * atom * each);
  for (let k = from; k < to; k++) {
    if (add) values[(k - from) * each] = add[k]!;
    if (multiply) values[(k - from) * each + each - 1] = multiply[k]!;
  }
  const part = to - from === channels ? '' : `[${from}:${to}]`;
  const operand = surfaces.vector(`${name}:${operandUse}${part}`, 'float16', values);
  return {
    ...plainUnit,
    ...(add && { alu: 'sum' }),
    mul: multiply !== undefined,
    source: 'kernel',
    operand,
    operandUse,
  };
}
