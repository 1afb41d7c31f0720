/** The single-point stage from the registers of SDP and SDP_RDMA. */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import { type NvdlaSdp, nvdlaArithmetic, type SdpUnit } from '../../../program/layer.ts';
import { aluCodes, operandUseCodes } from '../../../program/nvdla/codes.ts';
import type { ConvolutionPrecision } from '../../../program/nvdla/convolution-buffer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Cube } from '../../launch.ts';
import type { RegisterFile, RegisterView } from '../registers/register-file.ts';
import {
  addressIn,
  type CoreFeatures,
  checkMemory,
  featureCube,
  featureFormat,
  precisionOf,
  wholeAtoms,
} from './core-features.ts';

/** The registers and fields of a sub-unit and its DMA that tell whether the sub-unit reads memory. */
const named = (unit: 'BS' | 'BN' | 'EW', dma: 'BRDMA' | 'NRDMA' | 'ERDMA') => ({
  unit,
  dma,
  config: `D_DP_${unit}_CFG`,
  bypass: `${unit}_BYPASS`,
  aluBypass: `${unit}_ALU_BYPASS`,
  mulBypass: `${unit}_MUL_BYPASS`,
  aluConfig: `D_DP_${unit}_ALU_CFG`,
  aluSource: `${unit}_ALU_SRC`,
  mulConfig: `D_DP_${unit}_MUL_CFG`,
  mulSource: `${unit}_MUL_SRC`,
});

const units = { x1: named('BS', 'BRDMA'), x2: named('BN', 'NRDMA'), y: named('EW', 'ERDMA') } as const;

type UnitName = keyof typeof units;

export const isFlying = (sdp: RegisterView): boolean => sdp.field('D_FEATURE_MODE_CFG', 'FLYING_MODE') === 1;
export const feedsPooling = (sdp: RegisterView): boolean => sdp.field('D_FEATURE_MODE_CFG', 'OUTPUT_DST') === 1;

/** Whether SDP waits for its read DMA. */
export const needsDma = (sdp: RegisterView): boolean =>
  !isFlying(sdp) || readsMemory(sdp, 'x1') || readsMemory(sdp, 'x2') || readsMemory(sdp, 'y');

/** Whether the read DMA, as it is set up, reads the data or any operand. */
export const readsAnything = (dma: RegisterView): boolean =>
  dma.field('D_FEATURE_MODE_CFG', 'FLYING_MODE') === 0 ||
  (['x1', 'x2', 'y'] as const).some(
    (name) => dma.field(`D_${units[name].dma}_CFG`, `${units[name].dma}_DISABLE`) === 0,
  );

function readsMemory(sdp: RegisterView, name: UnitName): boolean {
  const unit = units[name];
  if (sdp.field(unit.config, unit.bypass) === 1) return false;
  return (
    (sdp.field(unit.config, unit.aluBypass) === 0 && sdp.field(unit.aluConfig, unit.aluSource) === 1) ||
    (sdp.field(unit.config, unit.mulBypass) === 0 && sdp.field(unit.mulConfig, unit.mulSource) === 1)
  );
}

/** @throws device/unsupported, device/fault */
export function formSinglePoint(
  file: RegisterFile,
  core: CoreFeatures,
): NvdlaSdp<Cube> & { readonly inputShape: Shape4 } {
  const sdp = file.current('SDP');
  if (sdp.field('D_FEATURE_MODE_CFG', 'WINOGRAD') === 1) fail('device/unsupported', 'Winograd is not modelled');
  if (sdp.field('D_FEATURE_MODE_CFG', 'BATCH_NUMBER') !== 0) {
    fail('device/unsupported', 'hardware batches are not modelled');
  }
  const process = precisionOf(core, sdp.field('D_DATA_FORMAT', 'PROC_PRECISION'), 'SDP.D_DATA_FORMAT');
  const outputType = precisionOf(core, sdp.field('D_DATA_FORMAT', 'OUT_PRECISION'), 'SDP.D_DATA_FORMAT');
  const shape: Shape4 = [
    1,
    wholeAtoms(core, sdp.value('D_DATA_CUBE_CHANNEL') + 1, process),
    sdp.value('D_DATA_CUBE_HEIGHT') + 1,
    sdp.value('D_DATA_CUBE_WIDTH') + 1,
  ];
  const unit = (name: UnitName) => formUnit(name, file, core, shape, process);
  const [x1, x2, y] = [unit('x1'), unit('x2'), unit('y')];
  return {
    arithmetic: nvdlaArithmetic(process),
    inputShape: shape,
    ...(!isFlying(sdp) && { input: formInput(file, core, shape) }),
    ...(x1 && { x1 }),
    ...(x2 && { x2 }),
    ...(y && { y }),
    convert: {
      offset: sdp.signed('D_CVT_OFFSET', 'CVT_OFFSET'),
      scale: sdp.signed('D_CVT_SCALE', 'CVT_SCALE'),
      shift: sdp.field('D_CVT_SHIFT', 'CVT_SHIFT'),
    },
    outputType,
    ...(!feedsPooling(sdp) && { output: formOutput(sdp, core, shape, outputType) }),
  };
}

function formInput(file: RegisterFile, core: CoreFeatures, shape: Shape4): Cube {
  const dma = file.current('SDP_RDMA');
  checkMemory(core, dma.field('D_SRC_DMA_CFG', 'SRC_RAM_TYPE'), 'SDP_RDMA.D_SRC_DMA_CFG');
  const precision = precisionOf(core, dma.field('D_FEATURE_MODE_CFG', 'IN_PRECISION'), 'SDP_RDMA.D_FEATURE_MODE_CFG');
  const place = {
    address: addressIn(dma, 'D_SRC_BASE_ADDR_LOW', 'D_SRC_BASE_ADDR_HIGH'),
    lineStride: dma.value('D_SRC_LINE_STRIDE'),
    surfaceStride: dma.value('D_SRC_SURFACE_STRIDE'),
  };
  return featureCube(core, place, shape, precision);
}

function formOutput(sdp: RegisterView, core: CoreFeatures, shape: Shape4, precision: ConvolutionPrecision): Cube {
  checkMemory(core, sdp.field('D_DST_DMA_CFG', 'DST_RAM_TYPE'), 'SDP.D_DST_DMA_CFG');
  const place = {
    address: addressIn(sdp, 'D_DST_BASE_ADDR_LOW', 'D_DST_BASE_ADDR_HIGH'),
    lineStride: sdp.value('D_DST_LINE_STRIDE'),
    surfaceStride: sdp.value('D_DST_SURFACE_STRIDE'),
  };
  return featureCube(core, place, shape, precision);
}

function formUnit(
  name: UnitName,
  file: RegisterFile,
  core: CoreFeatures,
  shape: Shape4,
  process: ConvolutionPrecision,
): SdpUnit<Cube> | undefined {
  const sdp = file.current('SDP');
  const { unit } = units[name];
  const bit = (register: string, field: string): boolean =>
    sdp.field(`D_DP_${unit}_${register}`, `${unit}_${field}`) === 1;
  const signed = (register: string, field: string): number =>
    sdp.signed(`D_DP_${unit}_${register}`, `${unit}_${field}`);
  const number = (register: string, field: string): number => sdp.field(`D_DP_${unit}_${register}`, `${unit}_${field}`);
  if (bit('CFG', 'BYPASS')) return undefined;
  const hasAlu = !bit('CFG', 'ALU_BYPASS');
  const hasMul = !bit('CFG', 'MUL_BYPASS');
  const memory = readsMemory(sdp, name) ? formOperand(name, file, core, shape, process) : undefined;
  const alu = aluCodes.names[number('CFG', 'ALU_ALGO')]!;
  if (alu === 'equal' && name !== 'y' && hasAlu) fail('device/fault', `${unit} has no comparison`);
  const prelu = hasMul && bit('CFG', 'MUL_PRELU');
  const isY = name === 'y';
  const after = isY ? !bit('CFG', 'LUT_BYPASS') && 'lut' : !bit('CFG', 'RELU_BYPASS') && 'relu';
  return {
    ...(hasAlu && { alu }),
    mul: hasMul,
    source: memory?.source ?? 'layer',
    ...(memory && { operand: memory.operand, operandUse: memory.operandUse }),
    ...(memory && !bit('ALU_CFG', 'ALU_SRC') && { aluFromRegister: true }),
    ...(memory && !bit('MUL_CFG', 'MUL_SRC') && { mulFromRegister: true }),
    aluOperand: signed('ALU_SRC_VALUE', 'ALU_OPERAND'),
    mulOperand: signed('MUL_SRC_VALUE', 'MUL_OPERAND'),
    aluShift: isY ? 0 : number('ALU_CFG', 'ALU_SHIFT_VALUE'),
    truncate: isY ? number('TRUNCATE_VALUE', 'TRUNCATE') : number('MUL_CFG', 'MUL_SHIFT_VALUE'),
    activation: prelu ? 'prelu' : after || 'none',
    ...(prelu && after && { afterPrelu: after }),
    ...(isY && !bit('ALU_CFG', 'ALU_CVT_BYPASS') && { aluConvert: formConvert(sdp, 'ALU') }),
    ...(isY && !bit('MUL_CFG', 'MUL_CVT_BYPASS') && { mulConvert: formConvert(sdp, 'MUL') }),
  };
}

const formConvert = (sdp: RegisterView, part: 'ALU' | 'MUL') => ({
  offset: sdp.signed(`D_DP_EW_${part}_CVT_OFFSET_VALUE`, `EW_${part}_CVT_OFFSET`),
  scale: sdp.signed(`D_DP_EW_${part}_CVT_SCALE_VALUE`, `EW_${part}_CVT_SCALE`),
  shift: sdp.field(`D_DP_EW_${part}_CVT_TRUNCATE_VALUE`, `EW_${part}_CVT_TRUNCATE`),
});

/** The operand that a sub-unit reads from memory. */
function formOperand(
  name: UnitName,
  file: RegisterFile,
  core: CoreFeatures,
  shape: Shape4,
  process: ConvolutionPrecision,
) {
  const dma = file.current('SDP_RDMA');
  const { unit, dma: prefix } = units[name];
  const register = `D_${prefix}_CFG`;
  if (dma.field(register, `${prefix}_DISABLE`) === 1) {
    fail('device/fault', `${unit} waits for an operand that its DMA does not read`, { value: `SDP_RDMA.${register}` });
  }
  checkMemory(core, dma.field(register, `${prefix}_RAM_TYPE`), `SDP_RDMA.${register}`);
  const operandUse = operandUseCodes.names[dma.field(register, `${prefix}_DATA_USE`)];
  if (!operandUse) return fail('device/fault', 'the operand has no such use', { value: `SDP_RDMA.${register}` });
  const source = dma.field(register, `${prefix}_DATA_MODE`) === 0 ? ('kernel' as const) : ('point' as const);
  const dtype = dma.field(register, `${prefix}_DATA_SIZE`) === 0 ? 'int8' : process === 'float16' ? 'float16' : 'int16';
  if (process === 'float16' && dtype === 'int8') {
    fail('device/fault', 'operands of float16 have two bytes', { value: `SDP_RDMA.${register}` });
  }
  // An operand's atom has as many channels as the data's atom, whatever the size of the operand's elements.
  const format = featureFormat(core, process);
  const atomBytes = (core.atomBytes / elementSize[process]) * elementSize[dtype] * (operandUse === 'both' ? 2 : 1);
  const lineStride = dma.value(`D_${unit}_LINE_STRIDE`);
  const surfaceStride = dma.value(`D_${unit}_SURFACE_STRIDE`);
  const runs = Math.ceil((shape[1] * elementSize[process]) / core.atomBytes);
  const operand: Cube = {
    address: addressIn(dma, `D_${unit}_BASE_ADDR_LOW`, `D_${unit}_BASE_ADDR_HIGH`),
    shape: source === 'kernel' ? [1, shape[1], 1, 1] : shape,
    dtype,
    format,
    lineStride,
    surfaceStride,
    batchStride: 0,
    size:
      source === 'kernel'
        ? (shape[1] * atomBytes * elementSize[process]) / core.atomBytes
        : (runs - 1) * surfaceStride + (shape[2] - 1) * lineStride + shape[3] * atomBytes,
  };
  return { operand, operandUse, source };
}
