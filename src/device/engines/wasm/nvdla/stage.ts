/**
 * SDP of the open NVDLA for kernels: its sub-units and its output converter as fields of a job. Operands that are the
 * same for every point become vectors, one number for each channel, kept until the memory that they came from changes.
 *
 * `undefined` stands for what the kernels leave to the reference: 16-bit and float types, and numbers that no register
 * holds, for which float64 might not be exact.
 */

import { type Convert, looksUp, type NvdlaSdp, type SdpUnit } from '../../../../program/layer.ts';
import type { Shape4 } from '../../../../program/surface.ts';
import type { Cube } from '../../../launch.ts';
import type { DeviceState } from '../../../state.ts';
import { roundShift, saturate } from '../../reference/nvdla/int8/integer.ts';
import type { JobFields, KernelHost } from '../kernel-host.ts';
import * as layout from './job.ts';
import { layOutLookup } from './lookup-layout.ts';
import { narrowFields } from './narrow.ts';
import { atomOf, blockShift } from './placement.ts';

type SetFields = (job: JobFields) => void;

/** A point operand in memory: it may lie where the results go, element upon element, but not across it. */
interface OperandPlace {
  readonly address: number;
  readonly extent: number;
  readonly atom: number;
  readonly rowStep: number;
  readonly surfaceStep: number;
  readonly elementBytes: number;
}

export interface IntegerStage {
  readonly operands: readonly OperandPlace[];
  readonly set: SetFields;
}

const isWithin = (value: number, limit: number): boolean => Number.isInteger(value) && Math.abs(value) <= limit;

const isWord = (value: number): boolean => (value | 0) === value;

/** Whether a converter keeps (32 bits − offset) × scale within 53 bits. */
const isOrdinary = ({ offset, scale, shift }: Convert): boolean =>
  isWithin(offset, 2 ** 32) && isWithin(scale, 2 ** 16) && Number.isInteger(shift) && shift >= 0 && shift <= 63;

const factorOf = ({ scale, shift }: Convert): number => scale * 2 ** -shift;

/**
 * @param shape of what SDP works on: whole atoms
 * @param truncate CACC's rounding shift before SDP
 * @throws device/fault
 */
export function integerStage(
  host: KernelHost,
  sdp: NvdlaSdp<Cube>,
  shape: Shape4,
  truncate: number,
  state: DeviceState,
): IntegerStage | undefined {
  if (sdp.arithmetic !== 'integer-scale' || sdp.outputType !== 'int8' || !isOrdinary(sdp.convert) || !isShift(truncate))
    return undefined;
  const x1 = unitFields(host, sdp.x1, layout.x1, shape, linearUnit);
  const x2 = unitFields(host, sdp.x2, layout.x2, shape, linearUnit);
  const y = unitFields(host, sdp.y, layout.y, shape, elementUnit);
  if (!x1 || !x2 || !y) return undefined;
  const units = [x1, x2, y];
  let lookup: number | undefined = 0;
  if (looksUp(sdp.y)) {
    const table = state.nvdla?.sdpTable;
    lookup = table && layOutLookup(host, table);
    if (lookup === undefined) return undefined;
  }
  const { offset, scale, shift } = sdp.convert;
  const narrow = narrowFields(sdp, { x1: x1.kind, x2: x2.kind }, truncate);
  const isPlain = sdp.y?.alu === 'equal' || (offset === 0 && scale === 1 && shift === 0);
  return {
    operands: units.flatMap(({ operand }) => operand ?? []),
    set(job) {
      job.set(layout.integer, 1);
      job.setDouble(layout.accumulatorF, 2 ** -truncate);
      for (const unit of units) unit.set(job);
      narrow(job);
      job.set(layout.lookup, lookup);
      job.set(layout.convertMode, isPlain ? 0 : 1);
      job.setDouble(layout.convertOffsetF, offset);
      job.setDouble(layout.convertFactorF, factorOf(sdp.convert));
    },
  };
}

const isShift = (value: number): boolean => Number.isInteger(value) && value >= 0 && value <= 255;

interface UnitFields {
  /** What the unit is to the kernels; 0: bypassed. */
  readonly kind: number;
  readonly operand?: OperandPlace;
  readonly set: SetFields;
}

/** What is left of a unit once it is known where its operands come from. */
type UnitKind = (
  host: KernelHost,
  unit: SdpUnit<Cube>,
  at: number,
  channels: number,
  fromMemory: { readonly alu: boolean; readonly mul: boolean },
) => { readonly kind: number; readonly set: SetFields } | undefined;

function unitFields(
  host: KernelHost,
  unit: SdpUnit<Cube> | undefined,
  at: number,
  shape: Shape4,
  kind: UnitKind,
): UnitFields | undefined {
  if (!unit) return { kind: 0, set: (job) => job.set(at + layout.unitKind, 0) };
  const inMemory = unit.source !== 'layer' && unit.operand !== undefined;
  const fromMemory = { alu: inMemory && !unit.aluFromRegister, mul: inMemory && !unit.mulFromRegister };
  const fields = kind(host, unit, at, shape[1], fromMemory);
  if (!fields) return undefined;
  const usesPoints = unit.source === 'point' && ((unit.alu && fromMemory.alu) || (unit.mul && fromMemory.mul));
  if (!usesPoints) return fields;
  const operand = placeOperand(host, unit, shape);
  if (!operand) return undefined;
  return {
    kind: fields.kind,
    operand,
    set(job) {
      fields.set(job);
      const pairs = unit.operandUse === 'both';
      job.set(at + layout.operandAddress, operand.address);
      job.set(at + layout.operandRow, operand.rowStep);
      job.set(at + layout.operandPixel, operand.atom * operand.elementBytes);
      job.set(at + layout.operandSurface, operand.surfaceStep);
      job.set(at + layout.operandBlocks, blockShift(operand.atom));
      job.set(at + layout.operandBytes, pairs ? operand.elementBytes / 2 : operand.elementBytes);
      job.set(at + layout.operandPairs, pairs ? 1 : 0);
    },
  };
}

/** Bytes of one value of an operand. */
const valueBytes = ({ dtype }: Cube): 1 | 2 | undefined => (dtype === 'int8' ? 1 : dtype === 'int16' ? 2 : undefined);

function placeOperand({ bus }: KernelHost, unit: SdpUnit<Cube>, shape: Shape4): OperandPlace | undefined {
  const cube = unit.operand!;
  const bytes = valueBytes(cube);
  const atom = atomOf(cube);
  const [, channels, height, width] = shape;
  if (!bytes || !atom || channels % atom !== 0 || cube.lineStride < 0 || cube.surfaceStride < 0) return undefined;
  const elementBytes = unit.operandUse === 'both' ? 2 * bytes : bytes;
  const runs = channels / atom;
  const extent = (runs - 1) * cube.surfaceStride + (height - 1) * cube.lineStride + width * atom * elementBytes;
  const address = bus.locate(cube.address, extent);
  return { address, extent, atom, elementBytes, rowStep: cube.lineStride, surfaceStep: cube.surfaceStride };
}

/** The values of a table of operands, one for each channel; pairs are taken apart. */
function tableValues(table: Int8Array | Int16Array, pairs: boolean, channels: number) {
  const step = pairs ? 2 : 1;
  return {
    alu: Array.from({ length: channels }, (_, c) => table[c * step]!),
    mul: Array.from({ length: channels }, (_, c) => table[c * step + step - 1]!),
  };
}

/**
 * Two vectors, the ALU's and the multiplier's, `bytes` bytes a channel. `fill` makes them of a table's values, or of
 * nothing where registers hold the operands.
 * @returns the address of the first
 */
function layOutVectors(
  host: KernelHost,
  unit: SdpUnit<Cube>,
  region: { readonly name: string; readonly key: string; readonly bytes: number },
  channels: number,
  fromTable: boolean,
  fill: (to: ArrayBufferLike, address: number, values: ReturnType<typeof tableValues> | undefined) => void,
): number | undefined {
  const size = channels * region.bytes * 2;
  if (!fromTable) {
    return host.lay(region.name, size, (memory, address) => fill(memory, address, undefined));
  }
  const cube = unit.operand!;
  const bytes = valueBytes(cube);
  if (!bytes) return undefined;
  const pairs = unit.operandUse === 'both';
  const length = channels * bytes * (pairs ? 2 : 1);
  host.reads(cube.address, length);
  return host.packed.locate(`${region.key} ${channels} ${pairs} ${bytes}`, cube, length, size, (from, to) => {
    // A table may begin at an odd address.
    const raw = from.slice();
    const table = bytes === 1 ? raw : new Int16Array(raw.buffer);
    fill(to.buffer, to.byteOffset, tableValues(table, pairs, channels));
  });
}

const alus = {
  max: layout.aluMax,
  min: layout.aluMin,
  sum: layout.aluSum,
  equal: layout.aluEqual,
} as const;

const multiplier = ({ mul, activation }: SdpUnit<Cube>): number =>
  !mul ? layout.mulNone : activation === 'prelu' ? layout.mulNegative : layout.mulAll;

/** X1 or X2. */
function linearUnit(
  host: KernelHost,
  unit: SdpUnit<Cube>,
  at: number,
  channels: number,
  fromMemory: { readonly alu: boolean; readonly mul: boolean },
): ReturnType<UnitKind> {
  const { alu, mul, truncate, aluShift } = unit;
  if (alu === 'equal' || !isShift(truncate) || !isShift(aluShift)) return undefined;
  if (!isWithin(unit.aluOperand, 2 ** 32) || !isWithin(unit.mulOperand, 2 ** 16)) return undefined;
  const { aluPoints, mulPoints, fromTable, registers } = sourcesOf(unit, fromMemory);
  const factor = 2 ** -truncate;
  const shifted = (value: number): number => saturate(value * 2 ** aluShift, 32);
  const key = `linear ${alu} ${mul} ${aluShift} ${truncate} ${registers}`;
  const address = layOutVectors(
    host,
    unit,
    { name: `vectors ${at}`, key, bytes: 8 },
    channels,
    fromTable,
    (buffer, start, values) => {
      const adds = new Float64Array(buffer, start, channels);
      const factors = new Float64Array(buffer, start + channels * 8, channels);
      for (let c = 0; c < channels; c++) {
        const add = values && fromMemory.alu ? values.alu[c]! : unit.aluOperand;
        const times = values && fromMemory.mul ? values.mul[c]! : unit.mulOperand;
        adds[c] = alu === undefined ? 0 : shifted(add);
        factors[c] = mul ? times * factor : factor;
      }
    },
  );
  if (address === undefined) return undefined;
  const code = alu === undefined ? layout.aluNone : alus[alu];
  const multiplies = multiplier(unit);
  const adds = code === layout.aluSum || code === layout.aluNone;
  const isVector = adds && !aluPoints && !mulPoints && multiplies !== layout.mulNegative;
  const isSum =
    code === layout.aluSum && aluPoints && !mul && unit.operandUse !== 'both' && unit.operand?.dtype === 'int8';
  const kind = isVector ? layout.kindVector : isSum && aluShift < 24 ? layout.kindAdd : layout.kindLinear;
  const relu = unit.activation === 'relu' || unit.afterPrelu === 'relu';
  const set: SetFields = (job) => {
    job.set(at + layout.unitKind, kind);
    job.set(at + layout.unitAlu, code);
    job.set(at + layout.unitMul, multiplies);
    job.set(at + layout.unitRelu, relu ? 1 : 0);
    job.set(at + layout.unitAluVector, aluPoints ? 0 : address);
    job.set(at + layout.unitMulVector, mulPoints ? 0 : address + channels * 8);
    job.setDouble(at + layout.unitAluFactorF, 2 ** aluShift);
    job.setDouble(at + layout.unitFactorF, factor);
  };
  return { kind, set };
}

/** Which operands are a cube, whether any is a table, and the registers that stand for the others. */
function sourcesOf(unit: SdpUnit<Cube>, fromMemory: { readonly alu: boolean; readonly mul: boolean }) {
  const byChannel = unit.source === 'kernel';
  const alu = unit.alu !== undefined && fromMemory.alu;
  const mul = unit.mul && fromMemory.mul;
  return {
    aluPoints: alu && !byChannel,
    mulPoints: mul && !byChannel,
    fromTable: byChannel && (alu || mul),
    registers: `${fromMemory.alu} ${fromMemory.mul} ${unit.aluOperand} ${unit.mulOperand}`,
  };
}

/** Y. */
function elementUnit(
  host: KernelHost,
  unit: SdpUnit<Cube>,
  at: number,
  channels: number,
  fromMemory: { readonly alu: boolean; readonly mul: boolean },
): ReturnType<UnitKind> {
  const { alu, truncate, aluConvert, mulConvert } = unit;
  if (![aluConvert, mulConvert].every((convert) => !convert || isOrdinary(convert))) return undefined;
  if (!isWord(unit.aluOperand) || !isWord(unit.mulOperand)) return undefined;
  if (!isWithin(truncate, 1023) || truncate < 0) return undefined;
  const { aluPoints, mulPoints, fromTable, registers } = sourcesOf(unit, fromMemory);
  const key = `element ${registers} ${convertKey(aluConvert)} ${convertKey(mulConvert)}`;
  const address = layOutVectors(
    host,
    unit,
    { name: `vectors ${at}`, key, bytes: 4 },
    channels,
    fromTable,
    (buffer, start, values) => {
      const adds = new Int32Array(buffer, start, channels);
      const factors = new Int32Array(buffer, start + channels * 4, channels);
      for (let c = 0; c < channels; c++) {
        adds[c] = convertOperand(values && fromMemory.alu ? values.alu[c]! : unit.aluOperand, aluConvert);
        factors[c] = convertOperand(values && fromMemory.mul ? values.mul[c]! : unit.mulOperand, mulConvert);
      }
    },
  );
  if (address === undefined) return undefined;
  const code = alu === undefined ? layout.aluNone : alus[alu];
  const set: SetFields = (job) => {
    job.set(at + layout.unitKind, layout.kindElement);
    job.set(at + layout.unitAlu, code);
    job.set(at + layout.unitMul, multiplier(unit));
    job.set(at + layout.unitTruncate, truncate);
    job.set(at + layout.unitAluVector, aluPoints ? 0 : address);
    job.set(at + layout.unitMulVector, mulPoints ? 0 : address + channels * 4);
    setConvert(job, at + layout.aluConvert, at + layout.aluConvertOffsetF, at + layout.aluConvertFactorF, aluConvert);
    setConvert(job, at + layout.mulConvert, at + layout.mulConvertOffsetF, at + layout.mulConvertFactorF, mulConvert);
  };
  return { kind: layout.kindElement, set };
}

const convertKey = (convert: Convert | undefined): string =>
  convert ? `${convert.offset} ${convert.scale} ${convert.shift}` : '-';

const convertOperand = (value: number, convert: Convert | undefined): number =>
  convert ? saturate(roundShift((value - convert.offset) * convert.scale, convert.shift), 32) : value;

function setConvert(job: JobFields, flag: number, offset: number, factor: number, convert: Convert | undefined): void {
  job.set(flag, convert ? 1 : 0);
  if (!convert) return;
  job.setDouble(offset, convert.offset);
  job.setDouble(factor, factorOf(convert));
}
