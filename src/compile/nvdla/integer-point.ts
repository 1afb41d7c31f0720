/**
 * The pass from a point stage in real numbers to the units of the open NVDLA's single-point processor, INT8. With the scale
 * s of the accumulator (one, or one per kernel), s_y of the result and u of what lies between the units:
 *
 *     X1     (acc + bias) · mul[k] >> n      → multiples of u, per kernel: requantisation by scale and shift
 *     X2     ∘ operand, or · slope, or a bound, or the bias where it needs fractions
 *     Y      a bound where X2 is taken; the lookup table
 *     out    · scale >> shift                → multiples of s_y, saturated
 *
 * u is s_y where nothing follows X1, so that there is one rounding; s_y or the operand's scale over a power of two where
 * something does. Factors have 15 bits and a sign; the largest one of a layer decides the shift.
 */

import { fail } from '../../graph/errors.ts';
import type { Convert, Lookup, SdpUnit } from '../../program/layer.ts';
import type { SurfaceTable } from '../emit.ts';
import type { Point } from '../operation.ts';
import { roundHalfEven } from '../quantise.ts';
import { isFreeRelu, plainUnit, stepsOf } from './plain-unit.ts';

/** The units of one operation, their tables for a run of kernels. */
export interface IntegerUnits {
  readonly x1: SdpUnit<number>;
  readonly x2?: SdpUnit<number>;
  readonly y?: SdpUnit<number>;
  readonly convert: Convert;
  readonly lookup?: Lookup<number>;
}

export interface IntegerPointContext {
  readonly name: string;
  readonly channels: number;
  /** Real value of one step of the accumulator: one, or one per channel. */
  readonly inputScales: Float64Array;
  /** Added to the accumulator, real: one per channel. */
  readonly bias?: Float64Array;
  readonly outputScale: number;
  readonly operandScale?: number;
  /** Scale of the numbers that index the table. */
  readonly tableScale?: number;
  /** Channels of an atom: tables hold whole ones. */
  readonly atom: number;
  /** The element-wise unit is there. */
  readonly elementwise: boolean;
  readonly surfaces: SurfaceTable;
}

const int16 = { low: -(2 ** 15), high: 2 ** 15 - 1 } as const;
const saturate16 = (value: number): number => Math.min(Math.max(roundHalfEven(value), int16.low), int16.high);
/** Bits below a unit of the result that are kept between the units. */
const fractionBits = 8;
/** Largest shift of a multiplier. */
const mostShift = 63;

/** Factors as integers over one power of two. */
interface Factors {
  readonly integers: Int32Array;
  readonly shift: number;
}

/** The largest shift with which every factor has 16 bits. */
export function factorsOf(values: Float64Array): Factors {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let shift = 0;
  while (shift < mostShift && largest * 2 ** (shift + 1) <= int16.high) shift++;
  return { integers: Int32Array.from(values, (value) => saturate16(value * 2 ** shift)), shift };
}

/** Integers of 16 bits over a left shift that all of them fit. */
function shiftedOperands(values: Float64Array): Factors {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let shift = 0;
  while (largest / 2 ** shift > int16.high) shift++;
  return { integers: Int32Array.from(values, (value) => saturate16(value / 2 ** shift)), shift };
}

/** Units for the channels [from, to) of a stage; `operand` is the second input's surface there. */
export type UnitsFor = (from: number, to: number, operand: number | undefined) => IntegerUnits;

export function integerPoint(point: Point, context: IntegerPointContext): UnitsFor {
  const { channels, inputScales, outputScale, operandScale } = context;
  const at = (values: ArrayLike<number> | undefined, k: number, otherwise: number): number =>
    values === undefined ? otherwise : values[k % values.length]!;
  const gain = Float64Array.from({ length: channels }, (_, k) => at(inputScales, k, 1) * at(point.multiply, k, 1));
  const offset = Float64Array.from(
    { length: channels },
    (_, k) => at(context.bias, k, 0) * at(point.multiply, k, 1) + at(point.add, k, 0),
  );
  const between = unitBetween(point, context);
  const factors = factorsOf(gain.map((value) => value / between));
  const linear = placeOffset(gain, offset, factors, between);
  if (linear.error > outputScale / 8) {
    if (stepsOf(point) === 0) return lateOffset(point, context, gain, offset);
    // X2 is taken, so nothing else can add it.
    if (linear.error > outputScale) {
      fail(
        'compile/unsupported',
        'the biases of its kernels differ too much for one shift, and no unit is left to add them elsewhere',
        { node: context.name },
        { expected: 'at most one step of the result', actual: linear.error / outputScale },
      );
    }
  }

  const toResult = (value: number): number => roundHalfEven(value / between);
  const relu = isFreeRelu(point);
  const low = relu ? undefined : boundOf(point.low, outputScale, -1);
  const high = boundOf(point.high, outputScale, 1);
  const convert = outputConvert(point, between, outputScale, operandScale);

  return (from, to, operand) => {
    const units: SdpUnit<number>[] = [
      {
        ...perKernel(context, from, to, linear.integers, factors.integers),
        aluShift: linear.shift,
        truncate: factors.shift,
      },
    ];
    if (point.operand !== undefined) {
      const unit = operandUnit(point.operand.op, operand!, between, operandScale!);
      units.push(isPerChannel(context.surfaces, operand!) ? { ...unit, source: 'kernel' } : unit);
    }
    if (point.slope !== undefined) units.push(slopeUnit(context, point.slope, from, to));
    if (low !== undefined) units.push({ ...plainUnit, alu: 'max', aluOperand: toResult(low) });
    if (high !== undefined) units.push({ ...plainUnit, alu: 'min', aluOperand: toResult(high) });
    const linearUnits = units.slice(0, 2);
    if (relu) linearUnits.push({ ...linearUnits.pop()!, activation: 'relu' });
    const [x1, x2] = linearUnits as [SdpUnit<number>, SdpUnit<number> | undefined];
    const [third, ...more] = units.slice(2);
    if (more.length > 0 || (third && !context.elementwise))
      throw new Error(`${context.name} needs more units than there are`);
    const table = point.table && tableUnit(context, point.table.evaluate);
    const y = table?.unit ?? third;
    return { x1, ...(x2 && { x2 }), ...(y && { y }), convert, ...(table && { lookup: table.lookup }) };
  };
}

/** What a step between the units stands for. */
function unitBetween(point: Point, context: IntegerPointContext): number {
  const { outputScale, operandScale, tableScale } = context;
  if (point.table !== undefined) return tableScale! / 2 ** fractionBits;
  if (point.operand?.op === 'mul') return outputScale / (127 * operandScale! * 2 ** fractionBits);
  if (point.operand !== undefined) {
    let shift = 0;
    while (shift < 20 && operandScale! / 2 ** shift > outputScale / 2 ** fractionBits) shift++;
    return operandScale! / 2 ** shift;
  }
  return point.slope === undefined ? outputScale : outputScale / 2 ** fractionBits;
}

interface Linear extends Factors {
  /** How far off the offset of some channel is in units of the accumulator, in real numbers. */
  readonly error: number;
}

/** The offset in units of the accumulator, before the multiplication. */
function placeOffset(gain: Float64Array, offset: Float64Array, factors: Factors, between: number): Linear {
  const wanted = gain.map((value, k) => (value === 0 ? 0 : offset[k]! / value));
  const finite = wanted.every((value) => Math.abs(value) < 2 ** 40);
  const placed = shiftedOperands(finite ? wanted : wanted.map(() => 0));
  const error = gain.reduce((most, _, k) => {
    const reached = placed.integers[k]! * 2 ** placed.shift * (factors.integers[k]! / 2 ** factors.shift) * between;
    return Math.max(most, Math.abs(reached - offset[k]!));
  }, 0);
  return { ...placed, error };
}

/** The offset behind the multiplication, in X2, where steps are fractions of the result's. */
function lateOffset(point: Point, context: IntegerPointContext, gain: Float64Array, offset: Float64Array): UnitsFor {
  const { outputScale } = context;
  const between = point.table === undefined ? outputScale / 2 ** fractionBits : unitBetween(point, context);
  const factors = factorsOf(gain.map((value) => value / between));
  const placed = shiftedOperands(offset.map((value) => value / between));
  const convert = outputConvert(point, between, outputScale, undefined);
  return (from, to) => {
    const x1 = { ...perKernel(context, from, to, undefined, factors.integers), truncate: factors.shift };
    const x2: SdpUnit<number> = {
      ...perKernel(context, from, to, placed.integers, undefined),
      aluShift: placed.shift,
      activation: isFreeRelu(point) ? 'relu' : 'none',
    };
    const table = point.table && tableUnit(context, point.table.evaluate);
    return { x1, x2, convert, ...(table && { y: table.unit, lookup: table.lookup }) };
  };
}

/** A bound in real numbers, unless the result saturates there anyway. */
function boundOf(bound: number, scale: number, sign: 1 | -1): number | undefined {
  const reach = sign > 0 ? 127 : 128;
  return Number.isFinite(bound) && sign * bound < (reach - 0.5) * scale ? bound : undefined;
}

/** A unit that adds and multiplies: by registers where all channels have the same numbers, else by a table. */
function perKernel(
  { name, channels, atom, surfaces }: IntegerPointContext,
  from: number,
  to: number,
  add: Int32Array | undefined,
  multiply: Int32Array | undefined,
): SdpUnit<number> {
  const adds = add?.some((value) => value !== 0) ?? false;
  const common = { ...plainUnit, ...(adds && { alu: 'sum' as const }), mul: multiply !== undefined };
  const same = (values: Int32Array | undefined) => values?.every((value) => value === values[0]) ?? true;
  if (same(add) && same(multiply)) {
    return { ...common, aluOperand: adds ? add![0]! : 0, mulOperand: multiply?.[0] ?? 0 };
  }
  const operandUse = adds ? (multiply === undefined ? 'alu' : 'both') : 'mul';
  const each = operandUse === 'both' ? 2 : 1;
  const values = new Int16Array(Math.ceil((to - from) / atom) * atom * each);
  for (let k = from; k < to; k++) {
    const at = (k - from) * each;
    if (adds) values[at] = add![k]!;
    if (multiply !== undefined) values[at + each - 1] = multiply[k]!;
  }
  const part = to - from === channels ? '' : `[${from}:${to}]`;
  return {
    ...common,
    source: 'kernel',
    operand: surfaces.vector(`${name}:${operandUse}${part}`, 'int16', values),
    operandUse,
  };
}

/** One number for each channel: those of a 1 × 1 map lie side by side, as a table's do. */
export function isPerChannel(surfaces: SurfaceTable, operand: number): boolean {
  const [, , height, width] = surfaces.shapeOf(operand);
  return height === 1 && width === 1;
}

function operandUnit(
  op: NonNullable<Point['operand']>['op'],
  operand: number,
  between: number,
  operandScale: number,
): SdpUnit<number> {
  const common = { ...plainUnit, source: 'point', operand } as const;
  if (op === 'mul') return { ...common, mul: true, operandUse: 'mul', truncate: fractionBits };
  // The scale between the units is the operand's over a power of two.
  let aluShift = 0;
  while (operandScale / 2 ** (aluShift + 1) >= between * 0.75) aluShift++;
  if (op === 'sub') throw new Error('a subtraction adds the negative');
  return { ...common, alu: op === 'add' ? 'sum' : op, operandUse: 'alu', aluShift };
}

/** Negative numbers times their slope. */
function slopeUnit(context: IntegerPointContext, slope: Float64Array, from: number, to: number): SdpUnit<number> {
  const { integers, shift } = factorsOf(slope);
  const every = Int32Array.from({ length: context.channels }, (_, k) => integers[k % integers.length]!);
  return { ...perKernel(context, from, to, undefined, every), truncate: shift, activation: 'prelu' };
}

function outputConvert(point: Point, between: number, outputScale: number, operandScale: number | undefined): Convert {
  if (point.table !== undefined) return { offset: 0, scale: 1, shift: tableBits };
  const product = point.operand?.op === 'mul' ? between * operandScale! * 2 ** fractionBits : between;
  const { integers, shift } = factorsOf(Float64Array.of(product / outputScale));
  return reduced(integers[0]!, shift);
}

/** The same factor with the smallest numbers: a power of two is a shift alone. */
function reduced(scale: number, shift: number): Convert {
  let [s, n] = [scale, shift];
  while (n > 0 && s % 2 === 0) [s, n] = [s / 2, n - 1];
  return { offset: 0, scale: s, shift: n };
}

/** Bits below a step of the result that entries of a table keep. */
const tableBits = 7;

/**
 * The function of an int8 number as 257 evenly spaced entries (LO), one for each of them: what comes in between is
 * interpolated. LE spans the same numbers, so that it never answers alone.
 */
function tableUnit({ name, tableScale, outputScale, surfaces }: IntegerPointContext, evaluate: (x: number) => number) {
  const entry = (index: number) => saturate16((evaluate((index - 128) * tableScale!) / outputScale) * 2 ** tableBits);
  const lo = Int16Array.from({ length: 257 }, (_, index) => entry(index));
  const le = Int16Array.from({ length: 65 }, (_, index) => lo[4 * index]!);
  const flat = { scale: 0, shift: 0 };
  const ends = { start: -128 * 2 ** fractionBits, end: 128 * 2 ** fractionBits, underflow: flat, overflow: flat };
  const lookup: Lookup<number> = {
    le: { ...ends, entries: surfaces.vector(`${name}:le`, 'int16', le), spacing: 'linear', exponent: fractionBits + 2 },
    lo: { ...ends, entries: surfaces.vector(`${name}:lo`, 'int16', lo), exponent: fractionBits },
    underflowPriority: 'lo',
    overflowPriority: 'lo',
    hybridPriority: 'lo',
  };
  return { unit: { ...plainUnit, activation: 'lut' } as const, lookup };
}
