/** The normalization stage from the registers of CDP and CDP_RDMA. */

import type { Cdp } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import type { Cube } from '../../launch.ts';
import type { RegisterFile } from '../registers/register-file.ts';
import { addressIn, type CoreFeatures, checkMemory, featureCube, precisionOf } from './core-features.ts';

/** On int8 the converters take only the low bits of their offsets (nvdla/hw cmod/hls/cdp_libs). */
const signExtend = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits);

const { sizes, input, output } = nvdlaLimits.normalization;

/** @throws device/unsupported, device/fault */
export function formNormalize(file: RegisterFile, core: CoreFeatures): Cdp<Cube> {
  const cdp = file.current('CDP');
  const dma = file.current('CDP_RDMA');
  const precision = precisionOf(core, cdp.field('D_DATA_FORMAT', 'INPUT_DATA_TYPE'), 'CDP.D_DATA_FORMAT');
  checkMemory(core, cdp.field('D_DST_DMA_CFG', 'DST_RAM_TYPE'), 'CDP.D_DST_DMA_CFG');
  checkMemory(core, dma.field('D_SRC_DMA_CFG', 'SRC_RAM_TYPE'), 'CDP_RDMA.D_SRC_DMA_CFG');
  const shape: Shape4 = [
    1,
    dma.value('D_DATA_CUBE_CHANNEL') + 1,
    dma.value('D_DATA_CUBE_HEIGHT') + 1,
    dma.value('D_DATA_CUBE_WIDTH') + 1,
  ];
  return {
    input: featureCube(
      core,
      {
        address: addressIn(dma, 'D_SRC_BASE_ADDR_LOW', 'D_SRC_BASE_ADDR_HIGH'),
        lineStride: dma.value('D_SRC_LINE_STRIDE'),
        surfaceStride: dma.value('D_SRC_SURFACE_STRIDE'),
      },
      shape,
      precision,
    ),
    localSize: sizes[cdp.field('D_LRN_CFG', 'NORMALZ_LEN')]!,
    inputConvert: {
      offset: signExtend(
        cdp.signed('D_DATIN_OFFSET', 'DATIN_OFFSET'),
        precision === 'int8' ? input.int8OffsetBits : input.offsetBits,
      ),
      scale: cdp.signed('D_DATIN_SCALE', 'DATIN_SCALE'),
      shift: cdp.field('D_DATIN_SHIFTER', 'DATIN_SHIFTER'),
    },
    outputConvert: {
      offset: signExtend(
        cdp.signed('D_DATOUT_OFFSET', 'DATOUT_OFFSET'),
        precision === 'int8' ? output.int8OffsetBits : output.offsetBits,
      ),
      scale: cdp.signed('D_DATOUT_SCALE', 'DATOUT_SCALE'),
      shift: cdp.field('D_DATOUT_SHIFTER', 'DATOUT_SHIFTER'),
    },
    bypassSquareSum: cdp.field('D_FUNC_BYPASS', 'SQSUM_BYPASS') === 1,
    bypassMultiply: cdp.field('D_FUNC_BYPASS', 'MUL_BYPASS') === 1,
    output: featureCube(
      core,
      {
        address: addressIn(cdp, 'D_DST_BASE_ADDR_LOW', 'D_DST_BASE_ADDR_HIGH'),
        lineStride: cdp.value('D_DST_LINE_STRIDE'),
        surfaceStride: cdp.value('D_DST_SURFACE_STRIDE'),
      },
      shape,
      precision,
    ),
  };
}
