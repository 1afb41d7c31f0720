/**
 * SDP of nv_full on float16 for kernels: its sub-units as fields of a job. Operands are read where they lie.
 *
 * `undefined` stands for what the kernels leave to the reference: comparisons, other types in or out, infinite registers.
 */

import { looksUp, type NvdlaSdp, type SdpUnit } from '../../../../../program/layer.ts';
import type { Shape4 } from '../../../../../program/surface.ts';
import type { Bus } from '../../../../bus.ts';
import type { Cube } from '../../../../launch.ts';
import type { DeviceState } from '../../../../state.ts';
import { halfToSingle } from '../../../reference/nvdla/float16/float.ts';
import type { JobFields, KernelHost } from '../../kernel-host.ts';
import * as integers from '../job.ts';
import { atomOf } from '../placement.ts';
import * as layout from './job.ts';
import { layOutFloatLookup } from './lookup-layout.ts';

/** What a unit reads: a cube may lie where the results go, element upon element; nothing else may. */
export interface FloatOperand {
  readonly address: number;
  readonly extent: number;
  readonly isTable: boolean;
  /** Bytes of an element: a half or a pair of them. */
  readonly element: 2 | 4;
  readonly rowStep: number;
  readonly surfaceStep: number;
}

export interface FloatStage {
  readonly operands: readonly FloatOperand[];
  set(job: JobFields): void;
}

interface FloatUnit {
  readonly operand?: FloatOperand;
  set(job: JobFields): void;
}

/** @param shape of what SDP works on: whole atoms @throws device/fault */
export function floatStage(
  host: KernelHost,
  sdp: NvdlaSdp<Cube>,
  shape: Shape4,
  state: DeviceState,
): FloatStage | undefined {
  const { bus } = host;
  if (sdp.arithmetic !== 'nvdla-float16' || sdp.outputType !== 'float16') return undefined;
  const units = [
    floatUnit(bus, sdp.x1, layout.x1, shape),
    floatUnit(bus, sdp.x2, layout.x2, shape),
    floatUnit(bus, sdp.y, layout.y, shape),
  ];
  if (!units.every((unit) => unit !== undefined)) return undefined;
  const table = looksUp(sdp.y) ? state.nvdla?.sdpTable : undefined;
  const lookup = table && layOutFloatLookup(host, table);
  if (looksUp(sdp.y) && lookup === undefined) return undefined;
  return {
    operands: units.flatMap(({ operand }) => operand ?? []),
    set(job) {
      for (const unit of units) unit.set(job);
      job.set(layout.lookup, lookup ?? 0);
    },
  };
}

const alus = { max: integers.aluMax, min: integers.aluMin, sum: integers.aluSum } as const;

function floatUnit(bus: Bus, unit: SdpUnit<Cube> | undefined, at: number, shape: Shape4): FloatUnit | undefined {
  if (!unit) return { set: (job) => job.set(at + layout.unitOrder, 0) };
  const isY = at === layout.y;
  const { alu, mul, activation, afterPrelu } = unit;
  if (alu === 'equal') return undefined;
  const bits = (register: number): number => (isY ? register | 0 : halfToSingle(register));
  const registers = { alu: bits(unit.aluOperand), mul: bits(unit.mulOperand) };
  if (isY && Object.values(registers).some(isInfinite)) return undefined;
  const inMemory = unit.source !== 'layer' && unit.operand !== undefined;
  const operand = inMemory ? placeOperand(bus, unit, unit.operand, shape) : undefined;
  if (inMemory && !operand) return undefined;
  const source = (fromRegister: boolean | undefined): number =>
    !operand || fromRegister ? layout.fromRegister : operand.isTable ? layout.fromTable : layout.fromCube;
  const multiplier = !mul ? integers.mulNone : activation === 'prelu' ? integers.mulNegative : integers.mulAll;
  const relu = !isY && (activation === 'relu' || afterPrelu === 'relu');
  return {
    ...(operand && { operand }),
    set(job) {
      job.set(at + layout.unitOrder, isY ? 2 : 1);
      job.set(at + layout.unitAlu, alu === undefined ? integers.aluNone : alus[alu]);
      job.set(at + layout.unitMul, multiplier);
      job.set(at + layout.unitRelu, relu ? 1 : 0);
      job.set(at + layout.aluSource, source(unit.aluFromRegister));
      job.set(at + layout.mulSource, source(unit.mulFromRegister));
      job.set(at + layout.aluBits, registers.alu);
      job.set(at + layout.mulBits, registers.mul);
      if (!operand) return;
      job.set(at + layout.operandAddress, operand.address);
      job.set(at + layout.operandElement, operand.element);
      job.set(at + layout.operandRow, operand.rowStep);
      job.set(at + layout.operandSurface, operand.surfaceStep);
    },
  };
}

const isInfinite = (single: number): boolean => (single & 0x7fffffff) === 0x7f800000;

function placeOperand(bus: Bus, unit: SdpUnit<Cube>, cube: Cube, shape: Shape4): FloatOperand | undefined {
  const { lineStride: rowStep, surfaceStride: surfaceStep } = cube;
  const [, channels, height, width] = shape;
  if (cube.dtype !== 'float16') return undefined;
  const element = unit.operandUse === 'both' ? 4 : 2;
  const isTable = unit.source === 'kernel';
  if (!isTable && (atomOf(cube) !== 16 || rowStep < 0 || surfaceStep < 0)) return undefined;
  const extent = isTable
    ? channels * element
    : (channels / 16 - 1) * surfaceStep + (height - 1) * rowStep + width * 16 * element;
  return { address: bus.locate(cube.address, extent), extent, isTable, element, rowStep, surfaceStep };
}
