/** The pooling stage from the registers of PDP and PDP_RDMA. */

import { fail } from '../../../base/errors.ts';
import type { Pdp } from '../../../program/layer.ts';
import { poolingCodes } from '../../../program/nvdla/codes.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Cube } from '../../launch.ts';
import type { RegisterFile, RegisterView } from '../registers/register-file.ts';
import { addressIn, type CoreFeatures, checkMemory, featureCube, precisionOf, wholeAtoms } from './core-features.ts';

/** Whether PDP takes its data from SDP, not from memory. */
export const isFlying = (pdp: RegisterView): boolean => pdp.field('D_OPERATION_MODE_CFG', 'FLYING_MODE') === 0;

/**
 * Splitting the cube into vertical stripes changes the order of work, not the result.
 * @throws device/unsupported, device/fault
 */
export function formPooling(file: RegisterFile, core: CoreFeatures): Pdp<Cube> & { readonly inputShape: Shape4 } {
  const pdp = file.current('PDP');
  const precision = precisionOf(core, pdp.field('D_DATA_FORMAT', 'INPUT_DATA'), 'PDP.D_DATA_FORMAT');
  const mode = poolingCodes.names[pdp.field('D_OPERATION_MODE_CFG', 'POOLING_METHOD')];
  if (!mode) return fail('device/fault', 'PDP has no such method', { value: 'PDP.D_OPERATION_MODE_CFG' });
  const shape = (direction: 'IN' | 'OUT'): Shape4 => [
    1,
    wholeAtoms(core, pdp.value(`D_DATA_CUBE_${direction}_CHANNEL`) + 1, precision),
    pdp.value(`D_DATA_CUBE_${direction}_HEIGHT`) + 1,
    pdp.value(`D_DATA_CUBE_${direction}_WIDTH`) + 1,
  ];
  checkMemory(core, pdp.field('D_DST_RAM_CFG', 'DST_RAM_TYPE'), 'PDP.D_DST_RAM_CFG');
  return {
    inputShape: shape('IN'),
    ...(!isFlying(pdp) && { input: formInput(file, core, shape('IN')) }),
    mode,
    kernel: {
      h: pdp.field('D_POOLING_KERNEL_CFG', 'KERNEL_HEIGHT') + 1,
      w: pdp.field('D_POOLING_KERNEL_CFG', 'KERNEL_WIDTH') + 1,
    },
    stride: {
      h: pdp.field('D_POOLING_KERNEL_CFG', 'KERNEL_STRIDE_HEIGHT') + 1,
      w: pdp.field('D_POOLING_KERNEL_CFG', 'KERNEL_STRIDE_WIDTH') + 1,
    },
    padding: {
      top: pdp.field('D_POOLING_PADDING_CFG', 'PAD_TOP'),
      left: pdp.field('D_POOLING_PADDING_CFG', 'PAD_LEFT'),
      bottom: pdp.field('D_POOLING_PADDING_CFG', 'PAD_BOTTOM'),
      right: pdp.field('D_POOLING_PADDING_CFG', 'PAD_RIGHT'),
    },
    countPadding: true,
    ...(mode === 'average' && {
      average: {
        recipWidth: pdp.value('D_RECIP_KERNEL_WIDTH'),
        recipHeight: pdp.value('D_RECIP_KERNEL_HEIGHT'),
        padValues: [1, 2, 3, 4, 5, 6, 7].map((n) => pdp.signed(`D_POOLING_PADDING_VALUE_${n}_CFG`, `PAD_VALUE_${n}X`)),
      },
    }),
    output: featureCube(
      core,
      {
        address: addressIn(pdp, 'D_DST_BASE_ADDR_LOW', 'D_DST_BASE_ADDR_HIGH'),
        lineStride: pdp.value('D_DST_LINE_STRIDE'),
        surfaceStride: pdp.value('D_DST_SURFACE_STRIDE'),
      },
      shape('OUT'),
      precision,
    ),
  };
}

function formInput(file: RegisterFile, core: CoreFeatures, shape: Shape4): Cube {
  const dma = file.current('PDP_RDMA');
  checkMemory(core, dma.field('D_SRC_RAM_CFG', 'SRC_RAM_TYPE'), 'PDP_RDMA.D_SRC_RAM_CFG');
  const precision = precisionOf(core, dma.field('D_DATA_FORMAT', 'INPUT_DATA'), 'PDP_RDMA.D_DATA_FORMAT');
  const place = {
    address: addressIn(dma, 'D_SRC_BASE_ADDR_LOW', 'D_SRC_BASE_ADDR_HIGH'),
    lineStride: dma.value('D_SRC_LINE_STRIDE'),
    surfaceStride: dma.value('D_SRC_SURFACE_STRIDE'),
  };
  return featureCube(core, place, shape, precision);
}
