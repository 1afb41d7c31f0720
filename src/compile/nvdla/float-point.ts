/**
 * The pass from a point stage in real numbers to nv_full's single-point processor in floating point: X1 adds the bias and
 * multiplies, X2 has the second operand, a slope or a bound; operands are float16, arithmetic is float32.
 */

import { fail } from '../../graph/errors.ts';
import { float16Bits } from '../../onnx/fold/float16.ts';
import type { SdpUnit } from '../../program/layer.ts';
import type { SurfaceTable } from '../emit.ts';
import type { Point } from '../operation.ts';

import { isPerChannel } from './integer-point.ts';
import { isFreeRelu, plainUnit, stepsOf } from './plain-unit.ts';

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
}

/** Why float SDP cannot do a stage; undefined when it can. */
export function floatObstacle(point: Point): string | undefined {
  const { operand, table, multiply, add } = point;
  if (table !== undefined) return 'a lookup table in FP16 is not exact enough';
  if (stepsOf(point) > 1) return 'it needs more units than the single-point processor has';
  if (operand?.op === 'sub') return 'it subtracts a tensor in FP16';
  const zero = multiply?.some((value, k) => value === 0 && (add?.[k % add.length] ?? 0) !== 0);
  return zero ? 'a channel is a constant' : undefined;
}

/** @throws calibrate/value for an operand that float16 does not hold */
export function floatPoint(point: Point, context: FloatPointContext) {
  const { channels, bias, name } = context;
  const half = (value: number): number => {
    const bits = float16Bits(value);
    if ((bits & 0x7c00) !== 0x7c00) return bits;
    return fail('calibrate/value', 'a number is too large for float16', { node: name }, { actual: value });
  };
  const at = (values: Float64Array | undefined, k: number, otherwise: number): number =>
    values === undefined ? otherwise : values[k % values.length]!;
  const multiply = point.multiply && Uint16Array.from({ length: channels }, (_, k) => half(at(point.multiply, k, 1)));
  // (x + b) · m + a = (x + b + a / m) · m
  const offsets = Float64Array.from({ length: channels }, (_, k) => {
    const m = at(point.multiply, k, 1);
    return at(bias, k, 0) + (m === 0 ? 0 : at(point.add, k, 0) / m);
  });
  const add = offsets.some((value) => value !== 0) ? Uint16Array.from(offsets, half) : undefined;
  const relu = isFreeRelu(point);

  return (from: number, to: number, operand: number | undefined): FloatUnits => {
    const units: SdpUnit<number>[] = [];
    if (add || multiply) units.push(perKernel(context, from, to, add, multiply));
    if (point.operand) {
      const mul = point.operand.op === 'mul';
      const alu = point.operand.op === 'add' ? 'sum' : (point.operand.op as 'max' | 'min');
      units.push({
        ...plainUnit,
        ...(mul ? { mul: true } : { alu }),
        source: isPerChannel(context.surfaces, operand!) ? 'kernel' : 'point',
        operand: operand!,
        operandUse: mul ? 'mul' : 'alu',
      });
    }
    if (point.slope) {
      const slopes = Uint16Array.from({ length: channels }, (_, k) => half(at(point.slope, k, 1)));
      units.push({ ...perKernel(context, from, to, undefined, slopes), activation: 'prelu' });
    }
    if (!relu && Number.isFinite(point.low))
      units.push({ ...plainUnit, alu: 'max', aluOperand: signed(half(point.low)) });
    if (Number.isFinite(point.high)) units.push({ ...plainUnit, alu: 'min', aluOperand: signed(half(point.high)) });
    if (relu) units.push({ ...(units.pop() ?? plainUnit), activation: 'relu' });
    const [x1, x2] = units;
    return { ...(x1 && { x1 }), ...(x2 && { x2 }) };
  };
}

/** As a 16-bit register holds it. */
const signed = (bits: number): number => (bits << 16) >> 16;

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
