/** The convolution stage from the registers of CDMA, CSC, CMAC and CACC. */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import type { Conv } from '../../../program/layer.ts';
import { convolutionCodes, weightFormatCodes } from '../../../program/nvdla/codes.ts';
import type { ConvolutionPrecision } from '../../../program/nvdla/convolution-buffer.ts';
import type { Cube } from '../../launch.ts';
import type { RegisterFile, RegisterView } from '../registers/register-file.ts';
import { addressIn, type CoreFeatures, checkMemory, featureCube, precisionOf, wholeAtoms } from './core-features.ts';
import { formImage } from './image.ts';

/** @throws device/unsupported, device/fault */
export function formConvolution(file: RegisterFile, core: CoreFeatures): Conv<Cube> {
  const cdma = file.current('CDMA');
  const csc = file.current('CSC');
  const cacc = file.current('CACC');
  refuse(cdma, csc);
  const precision = precisionOf(core, csc.field('D_MISC_CFG', 'PROC_PRECISION'), 'CSC.D_MISC_CFG');
  const inputPrecision = precisionOf(core, cdma.field('D_MISC_CFG', 'IN_PRECISION'), 'CDMA.D_MISC_CFG');
  if (inputPrecision !== precision) {
    fail('device/unsupported', 'conversion of precision on the way into the convolution is not modelled');
  }
  checkMemory(core, cdma.field('D_DAIN_RAM_TYPE', 'DATAIN_RAM_TYPE'), 'CDMA.D_DAIN_RAM_TYPE');
  checkMemory(core, cdma.field('D_WEIGHT_RAM_TYPE', 'WEIGHT_RAM_TYPE'), 'CDMA.D_WEIGHT_RAM_TYPE');
  const kernels = csc.field('D_WEIGHT_SIZE_EXT_1', 'WEIGHT_KERNEL') + 1;
  const pixels = cdma.field('D_DATAIN_FORMAT', 'DATAIN_FORMAT') === 1 ? formImage(cdma, csc, precision) : undefined;
  const kernel = {
    h: csc.field('D_WEIGHT_SIZE_EXT_0', 'WEIGHT_HEIGHT_EXT') + 1,
    w: pixels?.kernelWidth ?? csc.field('D_WEIGHT_SIZE_EXT_0', 'WEIGHT_WIDTH_EXT') + 1,
  };
  const weightBytes = cdma.value('D_WEIGHT_BYTES');
  return {
    input: pixels?.input ?? formFeatures(cdma, csc, core, precision),
    weights: {
      address: addressIn(cdma, 'D_WEIGHT_ADDR_LOW', 'D_WEIGHT_ADDR_HIGH'),
      shape: [1, weightBytes / elementSize[precision], 1, 1],
      dtype: precision,
      format: 'vector',
      lineStride: 0,
      surfaceStride: 0,
      batchStride: 0,
      size: weightBytes,
    },
    kernel,
    stride: {
      h: csc.field('D_CONV_STRIDE_EXT', 'CONV_Y_STRIDE_EXT') + 1,
      w: csc.field('D_CONV_STRIDE_EXT', 'CONV_X_STRIDE_EXT') + 1,
    },
    dilation: {
      h: csc.field('D_DILATION_EXT', 'Y_DILATION_EXT') + 1,
      w: csc.field('D_DILATION_EXT', 'X_DILATION_EXT') + 1,
    },
    padding: {
      top: csc.field('D_ZERO_PADDING', 'PAD_TOP'),
      left: csc.field('D_ZERO_PADDING', 'PAD_LEFT'),
      bottom: cdma.field('D_ZERO_PADDING', 'PAD_BOTTOM'),
      right: cdma.field('D_ZERO_PADDING', 'PAD_RIGHT'),
    },
    padValue: paddingValue(csc, precision),
    groups: 1,
    transposed: false,
    output: {
      channels: kernels,
      height: csc.field('D_DATAOUT_SIZE_0', 'DATAOUT_HEIGHT') + 1,
      width: csc.field('D_DATAOUT_SIZE_0', 'DATAOUT_WIDTH') + 1,
    },
    sparse: false,
    truncate: cacc.field('D_CLIP_CFG', 'CLIP_TRUNCATE'),
    core: {
      precision,
      kernelGroup: precision === 'int8' ? core.atomicK : core.features.kernelGroup16,
      channelBlock: core.atomicC,
      accumulatorChannels: wholeAtoms(core, kernels, precision),
      accumulatorBits: core.features.accumulatorBits,
      cbuf: {
        dataBanks: csc.field('D_BANK', 'DATA_BANK') + 1,
        weightBanks: csc.field('D_BANK', 'WEIGHT_BANK') + 1,
      },
      ...(cdma.field('D_CVT_CFG', 'CVT_EN') === 1 && {
        convert: {
          offset: cdma.signed('D_CVT_OFFSET', 'CVT_OFFSET'),
          scale: cdma.signed('D_CVT_SCALE', 'CVT_SCALE'),
          shift: cdma.field('D_CVT_CFG', 'CVT_TRUNCATE'),
        },
      }),
      ...(pixels && { image: pixels.image }),
      reuse: {
        data: csc.field('D_MISC_CFG', 'DATA_REUSE') === 1,
        weights: csc.field('D_MISC_CFG', 'WEIGHT_REUSE') === 1,
      },
      keep: {
        data: csc.field('D_MISC_CFG', 'SKIP_DATA_RLS') === 1,
        weights: csc.field('D_MISC_CFG', 'SKIP_WEIGHT_RLS') === 1,
      },
    },
  };
}

function formFeatures(
  cdma: RegisterView,
  csc: RegisterView,
  core: CoreFeatures,
  precision: ConvolutionPrecision,
): Cube {
  const channels = cdma.field('D_DATAIN_SIZE_1', 'DATAIN_CHANNEL') + 1;
  const weightChannels = csc.field('D_WEIGHT_SIZE_EXT_1', 'WEIGHT_CHANNEL_EXT') + 1;
  if (weightChannels !== channels) {
    fail(
      'device/fault',
      'kernels and data differ in channels',
      { value: 'CSC.D_WEIGHT_SIZE_EXT_1' },
      { expected: channels, actual: weightChannels },
    );
  }
  const height = cdma.field('D_DATAIN_SIZE_0', 'DATAIN_HEIGHT') + 1;
  const width = cdma.field('D_DATAIN_SIZE_0', 'DATAIN_WIDTH') + 1;
  const place = {
    address: addressIn(cdma, 'D_DAIN_ADDR_LOW_0', 'D_DAIN_ADDR_HIGH_0'),
    lineStride: cdma.value('D_LINE_STRIDE'),
    surfaceStride: cdma.value('D_SURF_STRIDE'),
  };
  return featureCube(core, place, [1, channels, height, width], precision);
}

/** int8 data is padded with the low byte of the register. */
function paddingValue(csc: RegisterView, precision: string): number {
  const value = csc.signed('D_ZERO_PADDING_VALUE', 'PAD_VALUE');
  return precision === 'int8' ? (value << 24) >> 24 : value;
}

/** Refuses, by name, what the convolution core can do and this model cannot. */
function refuse(cdma: RegisterView, csc: RegisterView): void {
  const functions: readonly (readonly [used: boolean, name: string])[] = [
    [csc.field('D_MISC_CFG', 'CONV_MODE') === convolutionCodes.numbers.winograd, 'Winograd convolution'],
    [cdma.field('D_WEIGHT_FORMAT', 'WEIGHT_FORMAT') === weightFormatCodes.numbers.compressed, 'compressed weights'],
    [cdma.field('D_BATCH_NUMBER', 'BATCHES') !== 0, 'hardware batches'],
  ];
  for (const [used, name] of functions) if (used) fail('device/unsupported', `${name} is not modelled`);
}
