/**
 * SDP of the open NVDLA on integers: X1 and X2 (ALU, then multiplier, then shift, then ReLU), Y (multiplier, then ALU,
 * then lookup table), then the output converter. Widths and order: docs/hardware/nvdla.md#sdp.
 */

import { fail } from '../../../../../base/errors.ts';
import { type Convert, looksUp, type NvdlaSdp, type SdpUnit } from '../../../../../program/layer.ts';
import type { Shape4 } from '../../../../../program/surface.ts';
import type { Bus } from '../../../../bus.ts';
import type { Cube } from '../../../../launch.ts';
import type { DeviceState } from '../../../../state.ts';
import type { Counted, StageValues } from '../../stages.ts';
import { readOperand } from '../feature.ts';
import { integerToHalf } from '../float16/float.ts';
import { type HardwareCounts, isLargestHalf, reportsSaturation, sdpLookups } from '../hardware-counts.ts';
import { lookUp, sdpWidths } from '../lookup-table.ts';
import { multiplyShift, roundShift, saturate } from './integer.ts';

/** One sub-unit as a function of a value and the position of its element. */
type Step = (value: number, channel: number, element: number) => number;

/** @throws device/fault, device/unsupported */
export function singlePointIntegers(
  sdp: NvdlaSdp<Cube>,
  input: StageValues,
  bus: Bus,
  state: DeviceState,
): Counted<StageValues> {
  const [batch, channels, height, width] = input.shape;
  if (batch !== 1) return fail('device/unsupported', 'hardware batches are not modelled', {}, { actual: batch });
  const steps = [
    ...(sdp.x1 ? [linearUnit(sdp.x1, input.shape, bus, 'X1')] : []),
    ...(sdp.x2 ? [linearUnit(sdp.x2, input.shape, bus, 'X2')] : []),
    ...(sdp.y ? [elementUnit(sdp.y, input.shape, bus, state)] : []),
  ];
  const out = outputConverter(sdp);
  const plane = height * width;
  const data = new Int32Array(input.data.length);
  const count = state.nvdla?.counts && counter(sdp, state.nvdla.counts);
  let saturated = 0;
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < plane; p++) {
      const element = c * plane + p;
      let value = input.data[element]!;
      for (const step of steps) value = step(value, c, element);
      const exact = out.convert(value);
      const clamped = saturate(exact, out.bits);
      if (clamped !== exact) saturated++;
      data[element] = sdp.outputType === 'float16' ? integerToHalf(clamped) : clamped;
      count?.(value, data[element]!);
    }
  }
  return { values: { shape: input.shape, data }, saturated };
}

/** Widths that results saturate to; those that become float16 keep the converter's. */
const resultBits = { int8: 8, int16: 16, float16: 17 } as const;

function outputConverter(sdp: NvdlaSdp<Cube>): { readonly convert: (value: number) => number; bits: number } {
  const bits = resultBits[sdp.outputType];
  // With the comparison the flag goes out as it is.
  if (sdp.y?.alu === 'equal') return { convert: (value) => value, bits };
  return { convert: converter(sdp.convert, 17), bits };
}

/** What SDP's counters see of a value that enters the output converter and of the result that leaves it. */
function counter(sdp: NvdlaSdp<Cube>, { sdp: counts, generation }: HardwareCounts) {
  if (sdp.y?.alu === 'equal') {
    return (value: number): void => {
      if (value !== 0) counts.unequal = true;
    };
  }
  const { offset, scale, shift } = sdp.convert;
  return (value: number, result: number): void => {
    const product = (value - offset) * scale;
    const rounded = roundShift(product, shift);
    const reports =
      sdp.outputType === 'float16'
        ? isLargestHalf(result)
        : reportsSaturation(generation, product, shift, rounded, saturate(rounded, 17));
    if (reports) counts.saturated++;
  };
}

/** sat((x − offset) × scale >> shift) */
const converter =
  ({ offset, scale, shift }: Convert, bits: number) =>
  (value: number): number =>
    saturate(roundShift((value - offset) * scale, shift), bits);

/** Where a unit's ALU and multiplier find their operands. */
function operands(unit: SdpUnit<Cube>, shape: Shape4, bus: Bus, what: string): { alu: Step; mul: Step } {
  const constant =
    (value: number): Step =>
    () =>
      value;
  const fromRegisters = { alu: constant(unit.aluOperand), mul: constant(unit.mulOperand) };
  if (unit.source === 'layer' || !unit.operand) return fromRegisters;
  const perChannel = unit.source === 'kernel';
  const cube = { ...unit.operand, shape };
  const pairs = unit.operandUse === 'both';
  const { first, second } = readOperand(cube, perChannel, pairs, bus, `the operand of ${what}`);
  const at =
    (values: Int32Array): Step =>
    (_, channel, element) =>
      values[perChannel ? channel : element]!;
  return {
    alu: unit.aluFromRegister ? fromRegisters.alu : at(first),
    mul: unit.mulFromRegister ? fromRegisters.mul : at(second ?? first),
  };
}

/** X1 or X2. */
function linearUnit(unit: SdpUnit<Cube>, shape: Shape4, bus: Bus, what: string): Step {
  const operand = operands(unit, shape, bus, what);
  const { alu, mul, truncate, activation, aluShift } = unit;
  const relu = activation === 'relu' || unit.afterPrelu === 'relu';
  return (value, channel, element) => {
    let t = value;
    if (alu) {
      const b = saturate(operand.alu(value, channel, element) * 2 ** aluShift, 32);
      if (alu === 'sum') t += b;
      else t = alu === 'max' ? Math.max(t, b) : Math.min(t, b);
    }
    if (!(mul && activation === 'prelu' && t >= 0)) {
      t = mul ? multiplyShift(t, operand.mul(value, channel, element), truncate) : roundShift(t, truncate);
    }
    t = saturate(t, 32);
    return relu && t < 0 ? 0 : t;
  };
}

/** Y. */
function elementUnit(unit: SdpUnit<Cube>, shape: Shape4, bus: Bus, state: DeviceState): Step {
  const operand = operands(unit, shape, bus, 'Y');
  const { alu, mul, truncate, activation } = unit;
  const endsInTable = looksUp(unit);
  const convertAlu = unit.aluConvert ? converter(unit.aluConvert, 32) : undefined;
  const convertMul = unit.mulConvert ? converter(unit.mulConvert, 32) : undefined;
  const table = state.nvdla?.sdpTable;
  if (endsInTable && !table) return fail('device/fault', 'the lookup table of SDP was never loaded');
  const note = state.nvdla?.counts && sdpLookups(state.nvdla.counts.sdp.lookup);
  return (value, channel, element) => {
    let t = value;
    if (mul && !(activation === 'prelu' && t >= 0)) {
      const raw = operand.mul(value, channel, element);
      t = saturate(multiplyShift(t, convertMul ? convertMul(raw) : raw, truncate), 32);
    }
    if (alu) {
      const raw = operand.alu(value, channel, element);
      const b = convertAlu ? convertAlu(raw) : raw;
      if (alu === 'sum') t = saturate(t + b, 32);
      else if (alu === 'equal') t = t === b ? 0 : 1;
      else t = alu === 'max' ? Math.max(t, b) : Math.min(t, b);
    }
    return endsInTable ? lookUp(table!, t, sdpWidths, note) : t;
  };
}
