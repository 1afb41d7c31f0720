/** Transfers of BDMA and operations of Rubik from their registers. */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import { rubikCodes } from '../../../program/nvdla/codes.ts';
import type { Shape4 } from '../../../program/surface.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import type { Cube } from '../../launch.ts';
import type { RegisterFile } from '../registers/register-file.ts';
import { checkRubik, type Rubik } from '../rubik.ts';
import type { Transfer } from '../transfer.ts';
import { addressIn, type CoreFeatures, checkMemory, featureCube, precisionOf } from './core-features.ts';

const { lineUnit } = nvdlaLimits.bdma;

/** @throws device/unsupported */
export function formTransfer(file: RegisterFile, core: CoreFeatures): Transfer {
  if (!core.features.bdma) fail('device/unsupported', `${core.target} has no BDMA`);
  const view = file.current('BDMA');
  checkMemory(core, view.field('CFG_CMD', 'SRC_RAM_TYPE'), 'BDMA.CFG_CMD');
  checkMemory(core, view.field('CFG_CMD', 'DST_RAM_TYPE'), 'BDMA.CFG_CMD');
  return {
    source: {
      address: addressIn(view, 'CFG_SRC_ADDR_LOW', 'CFG_SRC_ADDR_HIGH'),
      lineStride: view.value('CFG_SRC_LINE'),
      surfaceStride: view.value('CFG_SRC_SURF'),
    },
    destination: {
      address: addressIn(view, 'CFG_DST_ADDR_LOW', 'CFG_DST_ADDR_HIGH'),
      lineStride: view.value('CFG_DST_LINE'),
      surfaceStride: view.value('CFG_DST_SURF'),
    },
    lineBytes: (view.field('CFG_LINE', 'SIZE') + 1) * lineUnit,
    lines: view.value('CFG_LINE_REPEAT') + 1,
    surfaces: view.value('CFG_SURF_REPEAT') + 1,
  };
}

/** @throws device/unsupported, device/fault */
export function formRubik(file: RegisterFile, core: CoreFeatures): Rubik {
  if (!core.features.rubik) fail('device/unsupported', `${core.target} has no Rubik`);
  const view = file.current('RBK');
  const mode = rubikCodes.names[view.field('D_MISC_CFG', 'RUBIK_MODE')];
  if (!mode) return fail('device/fault', 'Rubik has no such mode', { value: 'RBK.D_MISC_CFG' });
  const precision = precisionOf(core, view.field('D_MISC_CFG', 'IN_PRECISION'), 'RBK.D_MISC_CFG');
  checkMemory(core, view.field('D_DAIN_RAM_TYPE', 'DATAIN_RAM_TYPE'), 'RBK.D_DAIN_RAM_TYPE');
  checkMemory(core, view.field('D_DAOUT_RAM_TYPE', 'DATAOUT_RAM_TYPE'), 'RBK.D_DAOUT_RAM_TYPE');
  const stride =
    mode === 'contract'
      ? {
          h: view.field('D_DECONV_STRIDE', 'DECONV_Y_STRIDE') + 1,
          w: view.field('D_DECONV_STRIDE', 'DECONV_X_STRIDE') + 1,
        }
      : { h: 1, w: 1 };
  const height = view.field('D_DATAIN_SIZE_0', 'DATAIN_HEIGHT') + 1;
  const width = view.field('D_DATAIN_SIZE_0', 'DATAIN_WIDTH') + 1;
  const shape: Shape4 = [1, view.value('D_DATAIN_SIZE_1') + 1, height, width];
  const outShape: Shape4 = [1, view.value('D_DATAOUT_SIZE_1') + 1, height * stride.h, width * stride.w];
  const side = (direction: 'DAIN' | 'DAOUT', ofShape: Shape4, isPlanes: boolean): Cube => {
    const place = {
      address: addressIn(view, `D_${direction}_ADDR_LOW`, `D_${direction}_ADDR_HIGH`),
      lineStride: view.value(`D_${direction}_LINE_STRIDE`),
      surfaceStride: view.value(`D_${direction}_${isPlanes ? 'PLANAR' : 'SURF'}_STRIDE`),
    };
    if (!isPlanes) return featureCube(core, place, ofShape, precision);
    const [, channels, rows, columns] = ofShape;
    const size =
      (channels - 1) * place.surfaceStride + (rows - 1) * place.lineStride + columns * elementSize[precision];
    return { ...place, shape: ofShape, dtype: precision, format: 'dla_linear', batchStride: 0, size };
  };
  const rubik: Rubik = {
    mode,
    input: side('DAIN', shape, mode === 'merge'),
    output: side('DAOUT', outShape, mode === 'split'),
    stride,
    runStride: mode === 'contract' ? view.value('D_CONTRACT_STRIDE_0') : 0,
    atomBytes: core.atomBytes,
  };
  checkRubik(rubik);
  return rubik;
}
