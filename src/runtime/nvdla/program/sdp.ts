/** The registers of a single-point operation (nvdla/sw `sdp.c` for which field goes where). */

import { fail } from '../../../base/errors.ts';
import type {
  ConvertParam,
  DataCube,
  OperationDesc,
  SdpOp,
  SdpUnitOp,
} from '../../../loadable/nvdla/format/descriptors.ts';
import {
  activationCodes,
  convolutionCodes,
  operandUseCodes,
  precisionCodes,
  processPrecision,
  sourceCodes,
  unitCodes,
} from '../../../program/nvdla/codes.ts';
import type { ConvolutionPrecision } from '../../../program/nvdla/convolution-buffer.ts';
import { programLut } from './lut.ts';
import { isFlying, type ProgramContext, ramType, type WriteRegister, writeAddress } from './register-writer.ts';

export type SdpSurfaces = Extract<OperationDesc, { type: 'sdp' }>['surfaces'];

const operands = unitCodes.numbers;
const { layer: perLayer, kernel: perKernel } = sourceCodes.numbers;
const activations = activationCodes.numbers;
const uses = operandUseCodes.numbers;

const units = [
  { name: 'x1', unit: 'BS', dma: 'BRDMA' },
  { name: 'x2', unit: 'BN', dma: 'NRDMA' },
  { name: 'y', unit: 'EW', dma: 'ERDMA' },
] as const;

type Unit = (typeof units)[number];

const flies = (surfaces: SdpSurfaces): boolean => isFlying(surfaces.src);

/** An enabled unit asks for the DMA by its mode alone, even where its type then leaves nothing to read. */
export const sdpNeedsDma = (op: SdpOp, surfaces: SdpSurfaces): boolean =>
  !flies(surfaces) || units.some(({ name }) => op[name].enable !== 0 && op[name].mode !== perLayer);

const readsOperand = (unit: SdpUnitOp): boolean =>
  unit.enable !== 0 && unit.type !== operands.none && unit.mode !== perLayer;

const precisionAt = (code: number): ConvolutionPrecision =>
  precisionCodes.names[code] ?? fail('loadable/corrupt', 'an SDP operation has no such precision');

const processing = ({ srcPrecision, dstPrecision }: SdpOp): number =>
  precisionCodes.numbers[processPrecision(precisionAt(srcPrecision), precisionAt(dstPrecision))];

/** @throws loadable/corrupt, device/fault */
export function programSdp(op: SdpOp, surfaces: SdpSurfaces, context: ProgramContext): void {
  const { write } = context;
  const source = precisionAt(op.srcPrecision);
  precisionAt(op.dstPrecision);
  if (sdpNeedsDma(op, surfaces)) programDma(op, surfaces, context);
  if (op.lutIndex >= 0) programLut('SDP', context.lut(op.lutIndex), source === 'float16', write);
  const { src, dst } = surfaces;
  write('SDP', 'D_DATA_CUBE_WIDTH', src.width - 1);
  write('SDP', 'D_DATA_CUBE_HEIGHT', src.height - 1);
  write('SDP', 'D_DATA_CUBE_CHANNEL', src.channel - 1);
  const toPooling = isFlying(dst);
  if (!toPooling) {
    writeAddress(write, 'SDP', { low: 'D_DST_BASE_ADDR_LOW', high: 'D_DST_BASE_ADDR_HIGH' }, context.address(dst));
    write('SDP', 'D_DST_LINE_STRIDE', dst.lineStride);
    write('SDP', 'D_DST_SURFACE_STRIDE', dst.surfaceStride);
  }
  for (const unit of units) programUnit(unit, op[unit.name], write);
  write('SDP', 'D_FEATURE_MODE_CFG', {
    FLYING_MODE: Number(flies(surfaces)),
    OUTPUT_DST: Number(toPooling),
    WINOGRAD: Number(op.convMode === convolutionCodes.numbers.winograd),
    BATCH_NUMBER: op.batch - 1,
  });
  write('SDP', 'D_DST_DMA_CFG', { DST_RAM_TYPE: ramType(dst) });
  if (op.batch > 1) write('SDP', 'D_DST_BATCH_STRIDE', op.batchStride);
  write('SDP', 'D_DATA_FORMAT', { PROC_PRECISION: processing(op), OUT_PRECISION: op.dstPrecision });
  // Whether the converter is enabled makes no difference: the firmware never looks.
  write('SDP', 'D_CVT_OFFSET', { CVT_OFFSET: op.outConvert.offset });
  write('SDP', 'D_CVT_SCALE', { CVT_SCALE: op.outConvert.scale });
  write('SDP', 'D_CVT_SHIFT', { CVT_SHIFT: op.outConvert.truncate });
}

function programDma(op: SdpOp, surfaces: SdpSurfaces, { write, address }: ProgramContext): void {
  const { src } = surfaces;
  const fly = flies(surfaces);
  write('SDP_RDMA', 'D_FEATURE_MODE_CFG', {
    FLYING_MODE: Number(fly),
    WINOGRAD: Number(op.convMode === convolutionCodes.numbers.winograd),
    IN_PRECISION: op.srcPrecision,
    OUT_PRECISION: op.dstPrecision,
    PROC_PRECISION: processing(op),
    BATCH_NUMBER: op.batch - 1,
  });
  write('SDP_RDMA', 'D_DATA_CUBE_WIDTH', src.width - 1);
  write('SDP_RDMA', 'D_DATA_CUBE_HEIGHT', src.height - 1);
  write('SDP_RDMA', 'D_DATA_CUBE_CHANNEL', src.channel - 1);
  if (!fly) {
    writeAddress(write, 'SDP_RDMA', { low: 'D_SRC_BASE_ADDR_LOW', high: 'D_SRC_BASE_ADDR_HIGH' }, address(src));
    write('SDP_RDMA', 'D_SRC_LINE_STRIDE', src.lineStride);
    write('SDP_RDMA', 'D_SRC_SURFACE_STRIDE', src.surfaceStride);
    write('SDP_RDMA', 'D_SRC_DMA_CFG', { SRC_RAM_TYPE: ramType(src) });
  }
  for (const unit of units) programOperand(unit, op[unit.name], surfaces[unit.name], write, address);
}

function programOperand(
  { unit, dma }: Unit,
  op: SdpUnitOp,
  cube: DataCube,
  write: WriteRegister,
  address: ProgramContext['address'],
): void {
  const reads = readsOperand(op);
  write('SDP_RDMA', `D_${dma}_CFG`, {
    [`${dma}_DISABLE`]: Number(!reads),
    [`${dma}_DATA_USE`]: op.type === operands.both ? uses.both : op.type === operands.alu ? uses.alu : uses.mul,
    [`${dma}_DATA_SIZE`]: Number(op.precision !== precisionCodes.numbers.int8),
    [`${dma}_DATA_MODE`]: Number(op.mode !== perKernel),
    [`${dma}_RAM_TYPE`]: ramType(cube),
  });
  if (!reads) return;
  const registers = { low: `D_${unit}_BASE_ADDR_LOW`, high: `D_${unit}_BASE_ADDR_HIGH` };
  writeAddress(write, 'SDP_RDMA', registers, address(cube));
  write('SDP_RDMA', `D_${unit}_LINE_STRIDE`, cube.lineStride);
  write('SDP_RDMA', `D_${unit}_SURFACE_STRIDE`, cube.surfaceStride);
}

function programUnit({ unit }: Unit, op: SdpUnitOp, write: WriteRegister): void {
  const isY = unit === 'EW';
  const adds = op.type === operands.alu || op.type === operands.both;
  const multiplies = op.type === operands.mul || op.type === operands.both;
  write('SDP', `D_DP_${unit}_CFG`, {
    [`${unit}_BYPASS`]: Number(op.enable === 0),
    [`${unit}_ALU_BYPASS`]: Number(!adds),
    [`${unit}_ALU_ALGO`]: op.aluType,
    [`${unit}_MUL_BYPASS`]: Number(!multiplies),
    [`${unit}_MUL_PRELU`]: Number(op.activation === activations.prelu),
    ...(isY
      ? { EW_LUT_BYPASS: Number(op.activation !== activations.lut) }
      : { [`${unit}_RELU_BYPASS`]: Number(op.activation !== activations.relu) }),
  });
  if (op.enable === 0) return;
  const fromMemory = Number(op.mode !== perLayer);
  if (isY) programElementUnit(op, adds, multiplies, fromMemory, write);
  else {
    if (adds) {
      write('SDP', `D_DP_${unit}_ALU_CFG`, {
        [`${unit}_ALU_SRC`]: fromMemory,
        [`${unit}_ALU_SHIFT_VALUE`]: op.shift,
      });
    }
    if (op.mode === perLayer) {
      write('SDP', `D_DP_${unit}_ALU_SRC_VALUE`, { [`${unit}_ALU_OPERAND`]: op.aluOperand });
      write('SDP', `D_DP_${unit}_MUL_SRC_VALUE`, { [`${unit}_MUL_OPERAND`]: op.mulOperand });
    }
    // The shift takes effect whether or not the multiplier does.
    write('SDP', `D_DP_${unit}_MUL_CFG`, {
      [`${unit}_MUL_SRC`]: fromMemory,
      [`${unit}_MUL_SHIFT_VALUE`]: op.truncate,
    });
  }
}

function programElementUnit(
  op: SdpUnitOp,
  adds: boolean,
  multiplies: boolean,
  fromMemory: number,
  write: WriteRegister,
): void {
  const part = (name: 'ALU' | 'MUL', operand: number, convert: ConvertParam): void => {
    write('SDP', `D_DP_EW_${name}_CFG`, {
      [`EW_${name}_SRC`]: fromMemory,
      [`EW_${name}_CVT_BYPASS`]: Number(convert.enable === 0),
    });
    if (op.mode === perLayer) write('SDP', `D_DP_EW_${name}_SRC_VALUE`, operand);
    else {
      write('SDP', `D_DP_EW_${name}_CVT_OFFSET_VALUE`, convert.offset);
      write('SDP', `D_DP_EW_${name}_CVT_SCALE_VALUE`, { [`EW_${name}_CVT_SCALE`]: convert.scale });
      write('SDP', `D_DP_EW_${name}_CVT_TRUNCATE_VALUE`, { [`EW_${name}_CVT_TRUNCATE`]: convert.truncate });
    }
  };
  if (adds) part('ALU', op.aluOperand, op.aluConvert);
  if (multiplies) part('MUL', op.mulOperand, op.mulConvert);
  write('SDP', 'D_DP_EW_TRUNCATE_VALUE', { EW_TRUNCATE: op.truncate });
}
