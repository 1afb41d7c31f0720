/**
 * The pass from a point stage in real numbers to the units of the open NVDLA's single-point processor, INT8. With the scale
 * s of the accumulator (one, or one per kernel), s_y of the result and u of what lies between the units:
 *
 *     X1     (acc + bias) · mul[k] >> n      → multiples of u, per kernel: requantization by scale and shift
 *     X2     ∘ operand, or · slope, or a bound, or the bias where it needs fractions
 *     Y      a bound where X2 is taken; the lookup table
 *     out    · scale >> shift                → multiples of s_y, saturated
 *
 * u is s_y where nothing follows X1, so that there is one rounding; s_y or the operand's scale over a power of two where
 * something does. Factors have 15 bits and a sign; the largest one of a layer decides the shift.
 */

import { roundHalfEven } from '../../../base/rounding.ts';
import type { Convert, Lookup, SdpUnit } from '../../../program/layer.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import type { SurfaceTable } from '../../emit.ts';
import type { Point } from '../../operation.ts';
import { isFreeRelu, plainUnit } from '../lowering.ts';
import { fromTable, integerTable, largest16, saturate16 } from './table.ts';

/** The units of one operation, their tables for a run of kernels. */
interface IntegerUnits {
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
  /** Whether the configuration has the Y unit. */
  readonly elementwise: boolean;
  readonly surfaces: SurfaceTable;
}

/** Bits below a unit of the result that are kept between the units. */
const fractionBits = 8;
/** Largest shift of a multiplier. */
const [, mostShift] = nvdlaLimits.point.shift;

/** Factors as integers over one power of two. */
interface Factors {
  readonly integers: Int32Array;
  readonly shift: number;
}

/** The largest shift with which every factor has 16 bits. */
function factorsOf(values: Float64Array): Factors {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let shift = 0;
  while (shift < mostShift && largest * 2 ** (shift + 1) <= largest16) shift++;
  return { integers: Int32Array.from(values, (value) => saturate16(value * 2 ** shift)), shift };
}

/** Integers of 16 bits over a left shift that all of them fit. */
function shiftedOperands(values: Float64Array): Factors {
  const largest = values.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let shift = 0;
  while (largest / 2 ** shift > largest16) shift++;
  return { integers: Int32Array.from(values, (value) => saturate16(value / 2 ** shift)), shift };
}

/** Units for the channels [from, to) of a stage; `operand` is the second input's surface there. */
export type UnitsFor = (from: number, to: number, operand: number | undefined) => IntegerUnits;

export function integerPoint(point: Point, context: IntegerPointContext): UnitsFor {
  const result = resultScale(point, context);
  const linear = linearPart(point, context);
  const relu = isFreeRelu(point);
  const low = relu ? undefined : boundOf(point.low, result, -1);
  const high = boundOf(point.high, result, 1);
  const others = [point.operand, point.slope, low, high].filter((step) => step !== undefined).length;
  const early = placeOffset(linear, stepsBetween(point, context), result);
  const late = early.error > early.steps.tolerance && others === 0 ? lateOffset(linear, point, context) : undefined;
  const { gain, offset, steps } = late ?? early;
  const { between, after } = steps;
  const convert = point.table ? fromTable : stepsTo(context.outputScale, after);

  return (from, to, operand) => {
    const units: SdpUnit<number>[] = late
      ? [
          { ...perKernel(context, from, to, undefined, gain.integers), truncate: gain.shift },
          { ...perKernel(context, from, to, offset.integers, undefined), aluShift: offset.shift },
        ]
      : [
          {
            ...perKernel(context, from, to, offset.integers, gain.integers),
            aluShift: offset.shift,
            truncate: gain.shift,
          },
        ];
    if (point.operand !== undefined) {
      const unit = operandUnit(point.operand.op, operand!, between, context.operandScale!);
      units.push(isPerChannel(context.surfaces, operand!) ? { ...unit, source: 'kernel' } : unit);
    }
    if (point.slope !== undefined) units.push(slopeUnit(context, point.slope, from, to));
    if (low !== undefined) units.push({ ...plainUnit, alu: 'max', aluOperand: roundHalfEven(low / after) });
    if (high !== undefined) units.push({ ...plainUnit, alu: 'min', aluOperand: roundHalfEven(high / after) });
    const linearUnits = units.slice(0, 2);
    if (relu) linearUnits.push({ ...linearUnits.pop()!, activation: 'relu' });
    const [x1, x2] = linearUnits as [SdpUnit<number>, SdpUnit<number> | undefined];
    const [third, ...more] = units.slice(2);
    if (more.length > 0 || (third && (!context.elementwise || point.table)))
      throw new Error(`${context.name} needs more units than there are`);
    const table = point.table && sdpTable(context, point.table.evaluate, after);
    const y = table?.unit ?? third;
    return { x1, ...(x2 && { x2 }), ...(y && { y }), convert, ...(table && { lookup: table.lookup }) };
  };
}

/** Gain and offset of a channel's accumulator, in real numbers: acc · gain + offset. */
interface LinearPart {
  readonly gain: Float64Array;
  readonly offset: Float64Array;
}

function linearPart({ multiply, add }: Point, { channels, inputScales, bias }: IntegerPointContext): LinearPart {
  const at = (values: ArrayLike<number> | undefined, k: number, otherwise: number): number =>
    values === undefined ? otherwise : values[k % values.length]!;
  return {
    gain: Float64Array.from({ length: channels }, (_, k) => at(inputScales, k, 1) * at(multiply, k, 1)),
    offset: Float64Array.from({ length: channels }, (_, k) => at(bias, k, 0) * at(multiply, k, 1) + at(add, k, 0)),
  };
}

/** Real values of a step of the integers between the units. */
interface Steps {
  /** A step between X1 and the units behind it. */
  readonly between: number;
  /** A step of the numbers that the output converter gets. */
  readonly after: number;
  /** Tolerance of an offset: a sixteenth of a step of the result. */
  readonly tolerance: number;
}

function stepsBetween(point: Point, context: ScaleContext): Steps {
  const { operandScale } = context;
  const result = resultScale(point, context);
  if (point.operand?.op === 'mul') {
    const { between, tolerance } = fraction(result / (127 * operandScale!));
    return { between, after: between * operandScale! * 2 ** fractionBits, tolerance };
  }
  if (point.operand !== undefined) {
    let shift = 0;
    while (shift < 20 && operandScale! / 2 ** shift > result / 2 ** fractionBits) shift++;
    const between = operandScale! / 2 ** shift;
    return { between, after: between, tolerance: result / 16 };
  }
  if (point.slope !== undefined || point.table !== undefined) return fraction(result);
  return { between: result, after: result, tolerance: result / 16 };
}

/** The scale of the units' result: that of the table's index, where there is a table. */
const resultScale = ({ table }: Point, { outputScale, tableScale }: ScaleContext): number =>
  table === undefined ? outputScale : tableScale!;

type ScaleContext = Pick<IntegerPointContext, 'outputScale' | 'operandScale' | 'tableScale'>;

const fraction = (step: number): Steps => {
  const between = step / 2 ** fractionBits;
  return { between, after: between, tolerance: step / 16 };
};

/** The largest left shift of an operand that rounds no channel's offset by more than the tolerance. */
function finestShift(gain: Float64Array, { tolerance }: Steps): number {
  const largest = gain.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  let shift = 0;
  while (shift < mostOperandShift && largest * 2 ** shift <= tolerance) shift++;
  return shift;
}

/** Left shift of X1's and X2's operands: 6 bits, of which 16-bit operands in 32 bits can use these. */
const mostOperandShift = 16;

/**
 * Least magnitudes of the gains of kernels with which their offsets, counted in steps of the accumulator, fit the operands of
 * X1: kernels of next to no weights beside a bias (folded batch norms leave such) ask for more bits than there are. A kernel
 * that gets a coarser scale than its weights need loses nothing that the result shows.
 */
export function leastGains(
  point: Point,
  context: Pick<IntegerPointContext, 'channels' | 'inputScales' | 'bias'> & ScaleContext,
): Float64Array {
  const linear = linearPart(point, context as IntegerPointContext);
  return leastGainsOf(linear, finestShift(linear.gain, stepsBetween(point, context)));
}

const leastGainsOf = ({ offset }: LinearPart, shift: number): Float64Array =>
  offset.map((value) => Math.abs(value) / (largest16 * 2 ** shift));

interface Placed {
  readonly gain: Factors;
  readonly offset: Factors;
  readonly steps: Steps;
}

/**
 * The offset in steps of the accumulator, ahead of the multiplication; and how far off, in real numbers, some channel is: by an
 * offset that is rounded, or by a gain that is raised to its least magnitude although the accumulator counts in smaller steps
 * (a convolution's does not, since its weights have been quantized for that gain; a surface's may).
 */
function placeOffset({ gain, offset }: LinearPart, steps: Steps, result: number): Placed & { readonly error: number } {
  const shift = finestShift(gain, steps);
  const least = leastGainsOf({ gain, offset }, shift);
  const held = gain.map((value, k) => (Math.abs(value) < least[k]! ? (value < 0 ? -1 : 1) * least[k]! : value));
  const wanted = held.map((value, k) => (value === 0 ? 0 : offset[k]! / value));
  const placed = shiftedOperands(wanted);
  const factors = factorsOf(held.map((value) => value / steps.between));
  const error = held.reduce((most, value, k) => {
    const reached =
      placed.integers[k]! * 2 ** placed.shift * (factors.integers[k]! / 2 ** factors.shift) * steps.between;
    // What a channel's accumulator contributes within the result's range, beyond which it saturates.
    const contribution = 128 * result + Math.abs(offset[k]!);
    const raised = value === gain[k] ? 0 : (Math.abs(value / gain[k]!) - 1) * contribution;
    return Math.max(most, Math.abs(reached - offset[k]!) + raised);
  }, 0);
  return { gain: factors, offset: placed, steps, error };
}

/** The offset behind the multiplication, in X2, where steps are fractions of the result's. */
function lateOffset({ gain, offset }: LinearPart, point: Point, context: ScaleContext): Placed {
  const steps = fraction(resultScale(point, context));
  return {
    gain: factorsOf(gain.map((value) => value / steps.between)),
    offset: shiftedOperands(offset.map((value) => value / steps.between)),
    steps,
  };
}

/** A bound in real numbers, unless the result saturates there anyway. */
export function boundOf(bound: number, scale: number, sign: 1 | -1): number | undefined {
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

/** The converter from steps of one size to the result's. */
function stepsTo(outputScale: number, after: number): Convert {
  const { integers, shift } = factorsOf(Float64Array.of(after / outputScale));
  return reduced(integers[0]!, shift);
}

/** The same factor with the smallest numbers: a power of two is a shift alone. */
function reduced(scale: number, shift: number): Convert {
  let [s, n] = [scale, shift];
  while (n > 0 && s % 2 === 0) [s, n] = [s / 2, n - 1];
  return { offset: 0, scale: s, shift: n };
}

/** The table of Y: its entries lie as near to the steps of int8 as a power of two times what comes in. */
function sdpTable(context: IntegerPointContext, evaluate: (x: number) => number, after: number) {
  const { name, tableScale, outputScale, surfaces } = context;
  let bits = 0;
  while (after * 2 ** bits < tableScale! * 0.999) bits++;
  const inputScale = after * 2 ** bits;
  const lookup = integerTable(evaluate, { name, inputScale, outputScale, fractionBits: bits, surfaces });
  return { unit: { ...plainUnit, activation: 'lut' } as const, lookup };
}
