/**
 * SDP of nv_full on float16: singles throughout, operands widened from halves. X1 and X2: ALU, multiplier, ReLU; Y:
 * multiplier, ALU, lookup table. At the end halves, or int16 (docs/hardware/nvdla.md#sdp).
 */

import { fail } from '../../../../../base/errors.ts';
import { looksUp, type NvdlaSdp, type SdpUnit } from '../../../../../program/layer.ts';
import type { Shape4 } from '../../../../../program/surface.ts';
import type { Bus } from '../../../../bus.ts';
import type { Cube } from '../../../../launch.ts';
import type { DeviceState } from '../../../../state.ts';
import type { Counted, StageValues } from '../../stages.ts';
import { readOperand } from '../feature.ts';
import { countNaN, countSpecials, isLargestHalf, sdpLookups } from '../hardware-counts.ts';
import {
  addSingle,
  fp17ToSingle,
  halfToInt16,
  halfToSingle,
  largerSingle,
  multiplySingle,
  reluSingle,
  singleToHalf,
  smallerSingle,
} from './float.ts';
import { lookUpFloat } from './lookup.ts';

/** One sub-unit as a function of a value and the position of its element. */
type Step = (value: number, channel: number, element: number) => number;

/** @throws device/fault, device/unsupported */
export function singlePointFloats(
  sdp: NvdlaSdp<Cube>,
  input: StageValues,
  bus: Bus,
  state: DeviceState,
): Counted<StageValues> {
  const [batch, channels, height, width] = input.shape;
  if (batch !== 1) return fail('device/unsupported', 'hardware batches are not modelled', {}, { actual: batch });
  if (sdp.outputType === 'int8') return fail('device/unsupported', 'float16 to int8 in SDP is not modelled');
  if (sdp.input && sdp.input.dtype !== 'float16') {
    return fail('device/unsupported', `${sdp.input.dtype} to float16 ahead of SDP is not modelled`);
  }
  const steps = [
    ...(sdp.x1 ? [linearUnit(sdp.x1, input.shape, bus, 'X1')] : []),
    ...(sdp.x2 ? [linearUnit(sdp.x2, input.shape, bus, 'X2')] : []),
    ...(sdp.y ? [elementUnit(sdp.y, input.shape, bus, state)] : []),
  ];
  const fromMemory = sdp.input !== undefined;
  const flag = sdp.y?.alu === 'equal';
  const plane = height * width;
  const data = new Int32Array(input.data.length);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < plane; p++) {
      const element = c * plane + p;
      let value = input.data[element]!;
      if (fromMemory) value = halfToSingle(value);
      for (const step of steps) value = step(value, c, element);
      // With the comparison the flag goes out as it is.
      if (!flag) value = singleToHalf(value);
      data[element] = sdp.outputType === 'int16' && !flag ? halfToInt16(value) : value;
    }
  }
  const counts = state.nvdla?.counts?.sdp;
  if (counts) {
    if (fromMemory) countSpecials(counts.input, input.data);
    if (flag) counts.unequal = data.some((value) => value !== 0);
    else if (sdp.outputType === 'float16') {
      counts.nanOutput = countNaN(data);
      counts.saturated = data.reduce((sum, bits) => sum + Number(isLargestHalf(bits)), 0);
    }
  }
  return { values: { shape: input.shape, data }, saturated: 0 };
}

const algorithms = {
  max: largerSingle,
  min: smallerSingle,
  sum: addSingle,
  equal: (a: number, b: number): number => (a === b ? 0 : 1),
} as const;

/** Where a unit's ALU and multiplier find their operands. */
function operands(
  unit: SdpUnit<Cube>,
  registers: { readonly alu: number; readonly mul: number },
  shape: Shape4,
  bus: Bus,
  what: string,
): { alu: Step; mul: Step } {
  const constant =
    (bits: number): Step =>
    () =>
      bits;
  const fromRegisters = { alu: constant(registers.alu), mul: constant(registers.mul) };
  if (unit.source === 'layer' || !unit.operand) return fromRegisters;
  const perChannel = unit.source === 'kernel';
  const pairs = unit.operandUse === 'both';
  const { first, second } = readOperand({ ...unit.operand, shape }, perChannel, pairs, bus, `the operand of ${what}`);
  const at = (halves: Int32Array): Step => {
    const values = halves.map(halfToSingle);
    return (_, channel, element) => values[perChannel ? channel : element]!;
  };
  return {
    alu: unit.aluFromRegister ? fromRegisters.alu : at(first),
    mul: unit.mulFromRegister ? fromRegisters.mul : at(second ?? first),
  };
}

/** A PReLU multiplies only what is negative. */
const multiplies = (unit: SdpUnit<Cube>, value: number): boolean =>
  unit.mul && !(unit.activation === 'prelu' && value >= 0);

/** X1 or X2. */
function linearUnit(unit: SdpUnit<Cube>, shape: Shape4, bus: Bus, what: string): Step {
  const registers = { alu: halfToSingle(unit.aluOperand), mul: halfToSingle(unit.mulOperand) };
  const operand = operands(unit, registers, shape, bus, what);
  const algorithm = unit.alu && algorithms[unit.alu];
  const relu = unit.activation === 'relu' || unit.afterPrelu === 'relu';
  return (value, channel, element) => {
    let t = value;
    if (algorithm) t = algorithm(t, operand.alu(value, channel, element));
    if (multiplies(unit, t)) t = multiplySingle(t, operand.mul(value, channel, element));
    return relu ? reluSingle(t) : t;
  };
}

/** Y. */
function elementUnit(unit: SdpUnit<Cube>, shape: Shape4, bus: Bus, state: DeviceState): Step {
  const operand = operands(unit, { alu: unit.aluOperand | 0, mul: unit.mulOperand | 0 }, shape, bus, 'Y');
  const algorithm = unit.alu && algorithms[unit.alu];
  const endsInTable = looksUp(unit);
  const table = state.nvdla?.sdpTable;
  if (endsInTable && !table) return fail('device/fault', 'the lookup table of SDP was never loaded');
  const note = state.nvdla?.counts && sdpLookups(state.nvdla.counts.sdp.lookup);
  return (value, channel, element) => {
    let t = value;
    if (multiplies(unit, t)) t = multiplySingle(t, operand.mul(value, channel, element));
    if (algorithm) t = algorithm(t, operand.alu(value, channel, element));
    return endsInTable ? fp17ToSingle(lookUpFloat(table!, t, 'sdp', note)) : t;
  };
}
