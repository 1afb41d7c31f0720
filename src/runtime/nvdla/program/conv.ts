/** The registers of a convolution, from last block to first (nvdla/sw `conv.c` for which field goes where). */

import { fail } from '../../../base/errors.ts';
import type { ConvOp, OperationDesc } from '../../../loadable/nvdla/format/descriptors.ts';
import { convolutionCodes, weightFormatCodes } from '../../../program/nvdla/codes.ts';
import { featureData } from '../../../program/nvdla/pixel-formats.ts';
import { type ProgramContext, ramType, writeAddress } from './register-writer.ts';

export type ConvSurfaces = Extract<OperationDesc, { type: 'conv' }>['surfaces'];

/** @throws loadable/corrupt, device/fault */
export function programConv(op: ConvOp, surfaces: ConvSurfaces, context: ProgramContext): void {
  if (op.outConvert.scale !== 1 || op.outConvert.offset !== 0) {
    fail('loadable/corrupt', 'a convolution can only shift its results', {}, { actual: op.outConvert.scale });
  }
  if (op.dataFormat > featureData) {
    fail('loadable/corrupt', 'a convolution has no such data format', {}, { actual: op.dataFormat });
  }
  programAccumulator(op, surfaces, context);
  programSequencer(op, surfaces, context);
  programFetch(op, surfaces, context);
}

const modes = (op: ConvOp) => ({ CONV_MODE: op.convMode, PROC_PRECISION: op.outPrecision });

const misc = (op: ConvOp, inPrecision: number) => ({
  ...modes(op),
  IN_PRECISION: inPrecision,
  DATA_REUSE: op.dataReuse,
  WEIGHT_REUSE: op.weightReuse,
  SKIP_DATA_RLS: op.skipDataRelease,
  SKIP_WEIGHT_RLS: op.skipWeightRelease,
});

const isImage = (op: ConvOp): number => Number(op.dataFormat !== featureData);

function programAccumulator(op: ConvOp, { dst }: ConvSurfaces, { write, address }: ProgramContext): void {
  write('CACC', 'D_MISC_CFG', modes(op));
  write('CACC', 'D_DATAOUT_SIZE_0', { DATAOUT_WIDTH: dst.width - 1, DATAOUT_HEIGHT: dst.height - 1 });
  write('CACC', 'D_DATAOUT_SIZE_1', { DATAOUT_CHANNEL: dst.channel - 1 });
  write('CACC', 'D_DATAOUT_ADDR', dst.address === -1 ? 0 : Number(address(dst) & 0xffffffffn));
  write('CACC', 'D_BATCH_NUMBER', { BATCHES: op.batch - 1 });
  write('CACC', 'D_LINE_STRIDE', dst.lineStride);
  write('CACC', 'D_SURF_STRIDE', dst.surfaceStride);
  const packed = Number(dst.width === 1 && dst.height === 1);
  write('CACC', 'D_DATAOUT_MAP', { LINE_PACKED: packed, SURF_PACKED: packed });
  write('CACC', 'D_CLIP_CFG', { CLIP_TRUNCATE: op.outConvert.truncate });
  write('CMAC_A', 'D_MISC_CFG', modes(op));
  write('CMAC_B', 'D_MISC_CFG', modes(op));
}

function programSequencer(op: ConvOp, { dst, weight, wmb }: ConvSurfaces, { write }: ProgramContext): void {
  const direct = op.convMode === convolutionCodes.numbers.direct;
  write('CSC', 'D_MISC_CFG', misc(op, op.outPrecision));
  write('CSC', 'D_DATAIN_FORMAT', { DATAIN_FORMAT: isImage(op) });
  write('CSC', 'D_DATAIN_SIZE_EXT_0', {
    DATAIN_WIDTH_EXT: op.inputWidthCsc - 1,
    DATAIN_HEIGHT_EXT: op.inputHeightCsc - 1,
  });
  write('CSC', 'D_DATAIN_SIZE_EXT_1', { DATAIN_CHANNEL_EXT: op.inputChannelCsc - 1 });
  write('CSC', 'D_BATCH_NUMBER', { BATCHES: op.batch - 1 });
  write('CSC', 'D_POST_Y_EXTENSION', { Y_EXTENSION: op.postExtension });
  write('CSC', 'D_ENTRY_PER_SLICE', { ENTRIES: op.entryPerSlice - 1 });
  write('CSC', 'D_WEIGHT_FORMAT', { WEIGHT_FORMAT: op.weightFormat });
  write('CSC', 'D_WEIGHT_SIZE_EXT_0', {
    WEIGHT_WIDTH_EXT: op.kernelWidthCsc - 1,
    WEIGHT_HEIGHT_EXT: op.kernelHeightCsc - 1,
  });
  write('CSC', 'D_WEIGHT_SIZE_EXT_1', {
    WEIGHT_CHANNEL_EXT: op.kernelChannelCsc - 1,
    WEIGHT_KERNEL: dst.channel - 1,
  });
  write('CSC', 'D_WEIGHT_BYTES', weight.size);
  write('CSC', 'D_WMB_BYTES', wmb.size);
  write('CSC', 'D_DATAOUT_SIZE_0', { DATAOUT_WIDTH: op.inputWidthCmac - 1, DATAOUT_HEIGHT: op.inputHeightCmac - 1 });
  write('CSC', 'D_DATAOUT_SIZE_1', { DATAOUT_CHANNEL: dst.channel - 1 });
  write('CSC', 'D_ATOMICS', { ATOMICS: dst.width * dst.height - 1 });
  write('CSC', 'D_RELEASE', { RLS_SLICES: op.release - 1 });
  write('CSC', 'D_CONV_STRIDE_EXT', {
    CONV_X_STRIDE_EXT: direct ? op.convStrideX - 1 : 0,
    CONV_Y_STRIDE_EXT: direct ? op.convStrideY - 1 : 0,
  });
  write('CSC', 'D_DILATION_EXT', { X_DILATION_EXT: op.dilationX - 1, Y_DILATION_EXT: op.dilationY - 1 });
  write('CSC', 'D_ZERO_PADDING', { PAD_LEFT: direct ? op.padLeft : 0, PAD_TOP: direct ? op.padTop : 0 });
  write('CSC', 'D_ZERO_PADDING_VALUE', { PAD_VALUE: op.padValue });
  write('CSC', 'D_BANK', { DATA_BANK: op.dataBank - 1, WEIGHT_BANK: op.weightBank - 1 });
  write('CSC', 'D_PRA_CFG', { PRA_TRUNCATE: op.praTruncate });
}

function programFetch(op: ConvOp, surfaces: ConvSurfaces, { write, address, atomBytes }: ProgramContext): void {
  const { src, dst, weight, wmb, wgs } = surfaces;
  write('CDMA', 'D_MISC_CFG', misc(op, op.inPrecision));
  const image = isImage(op);
  write('CDMA', 'D_DATAIN_FORMAT', {
    DATAIN_FORMAT: image,
    PIXEL_FORMAT: image ? op.dataFormat : 0,
    PIXEL_MAPPING: op.pixelMapping,
    PIXEL_SIGN_OVERRIDE: op.pixelOverride,
  });
  write('CDMA', 'D_DATAIN_SIZE_0', { DATAIN_WIDTH: src.width - 1, DATAIN_HEIGHT: src.height - 1 });
  write('CDMA', 'D_DATAIN_SIZE_1', { DATAIN_CHANNEL: src.channel - 1 });
  write('CDMA', 'D_DATAIN_SIZE_EXT_0', {
    DATAIN_WIDTH_EXT: op.inputWidthCsc - 1,
    DATAIN_HEIGHT_EXT: op.inputHeightCsc - 1,
  });
  write('CDMA', 'D_DAIN_RAM_TYPE', { DATAIN_RAM_TYPE: ramType(src) });
  const source = address(src);
  writeAddress(write, 'CDMA', { low: 'D_DAIN_ADDR_LOW_0', high: 'D_DAIN_ADDR_HIGH_0' }, source);
  const secondPlane = BigInt.asUintN(64, source + surfaces.offsetU);
  writeAddress(write, 'CDMA', { low: 'D_DAIN_ADDR_LOW_1', high: 'D_DAIN_ADDR_HIGH_1' }, secondPlane);
  write('CDMA', 'D_LINE_STRIDE', src.lineStride);
  write('CDMA', 'D_SURF_STRIDE', src.surfaceStride);
  write('CDMA', 'D_LINE_UV_STRIDE', surfaces.inLineUvStride);
  write('CDMA', 'D_DAIN_MAP', {
    LINE_PACKED: Number(src.lineStride === src.width * atomBytes),
    SURF_PACKED: Number(src.surfaceStride === src.width * src.height * atomBytes),
  });
  write('CDMA', 'D_BATCH_NUMBER', { BATCHES: op.batch - 1 });
  write('CDMA', 'D_BATCH_STRIDE', op.batchStride);
  write('CDMA', 'D_ENTRY_PER_SLICE', { ENTRIES: op.entryPerSlice - 1 });
  write('CDMA', 'D_FETCH_GRAIN', { GRAINS: op.fetchGrain - 1 });
  write('CDMA', 'D_WEIGHT_FORMAT', { WEIGHT_FORMAT: op.weightFormat });
  write('CDMA', 'D_WEIGHT_SIZE_0', { BYTE_PER_KERNEL: op.bytesPerKernel - 1 });
  write('CDMA', 'D_WEIGHT_SIZE_1', { WEIGHT_KERNEL: dst.channel - 1 });
  write('CDMA', 'D_WEIGHT_RAM_TYPE', { WEIGHT_RAM_TYPE: ramType(weight) });
  const weights = weight.address === -1 ? 0n : address(weight);
  writeAddress(write, 'CDMA', { low: 'D_WEIGHT_ADDR_LOW', high: 'D_WEIGHT_ADDR_HIGH' }, weights);
  write('CDMA', 'D_WEIGHT_BYTES', weight.size);
  if (op.weightFormat === weightFormatCodes.numbers.compressed) {
    writeAddress(write, 'CDMA', { low: 'D_WGS_ADDR_LOW', high: 'D_WGS_ADDR_HIGH' }, address(wgs));
    writeAddress(write, 'CDMA', { low: 'D_WMB_ADDR_LOW', high: 'D_WMB_ADDR_HIGH' }, address(wmb));
    write('CDMA', 'D_WMB_BYTES', wmb.size);
  }
  write('CDMA', 'D_MEAN_FORMAT', { MEAN_FORMAT: op.meanFormat });
  if (op.meanFormat === 1) {
    write('CDMA', 'D_MEAN_GLOBAL_0', { MEAN_RY: op.meanRy, MEAN_GU: op.meanGu });
    write('CDMA', 'D_MEAN_GLOBAL_1', { MEAN_BV: op.meanBv, MEAN_AX: op.meanAx });
  }
  const { inConvert } = op;
  write('CDMA', 'D_CVT_CFG', inConvert.enable ? { CVT_EN: 1, CVT_TRUNCATE: inConvert.truncate } : { CVT_EN: 0 });
  if (inConvert.enable) {
    write('CDMA', 'D_CVT_OFFSET', { CVT_OFFSET: inConvert.offset });
    write('CDMA', 'D_CVT_SCALE', { CVT_SCALE: inConvert.scale });
  }
  write('CDMA', 'D_CONV_STRIDE', { CONV_X_STRIDE: op.convStrideX - 1, CONV_Y_STRIDE: op.convStrideY - 1 });
  write('CDMA', 'D_ZERO_PADDING', {
    PAD_LEFT: op.padLeft,
    PAD_RIGHT: op.padRight,
    PAD_TOP: op.padTop,
    PAD_BOTTOM: op.padBottom,
  });
  write('CDMA', 'D_ZERO_PADDING_VALUE', { PAD_VALUE: op.padValue });
  write('CDMA', 'D_BANK', { DATA_BANK: op.dataBank - 1, WEIGHT_BANK: op.weightBank - 1 });
}
