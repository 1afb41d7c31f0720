/** The registers of a normalization (nvdla/sw `cdp.c` for which field goes where). */

import { fail } from '../../../base/errors.ts';
import type { CdpOp, OperationDesc } from '../../../loadable/nvdla/format/descriptors.ts';
import { precisionCodes } from '../../../program/nvdla/codes.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import { programLut } from './lut.ts';
import { isFlying, type ProgramContext, ramType, writeAddress } from './register-writer.ts';

export type CdpSurfaces = Extract<OperationDesc, { type: 'cdp' }>['surfaces'];

/** @throws loadable/corrupt, device/fault */
export function programCdp(op: CdpOp, { src, dst }: CdpSurfaces, context: ProgramContext): void {
  const { write, address } = context;
  const sizes: readonly number[] = nvdlaLimits.normalization.sizes;
  const localSize = sizes.indexOf(op.localSize);
  const wrong =
    ((isFlying(src) || isFlying(dst)) && 'it works from memory to memory') ||
    (op.inPrecision !== op.outPrecision && 'it cannot change precision') ||
    (precisionCodes.names[op.inPrecision] === undefined && 'there is no such precision') ||
    (localSize < 0 && 'it sums 3, 5, 7 or 9 channels');
  if (wrong) fail('loadable/corrupt', `a normalization is impossible: ${wrong}`);
  write('CDP_RDMA', 'D_DATA_CUBE_WIDTH', src.width - 1);
  write('CDP_RDMA', 'D_DATA_CUBE_HEIGHT', src.height - 1);
  write('CDP_RDMA', 'D_DATA_CUBE_CHANNEL', src.channel - 1);
  writeAddress(write, 'CDP_RDMA', { low: 'D_SRC_BASE_ADDR_LOW', high: 'D_SRC_BASE_ADDR_HIGH' }, address(src));
  write('CDP_RDMA', 'D_SRC_LINE_STRIDE', src.lineStride);
  write('CDP_RDMA', 'D_SRC_SURFACE_STRIDE', src.surfaceStride);
  write('CDP_RDMA', 'D_SRC_DMA_CFG', { SRC_RAM_TYPE: ramType(src) });
  write('CDP_RDMA', 'D_DATA_FORMAT', { INPUT_DATA: op.inPrecision });
  if (op.lutIndex >= 0)
    programLut('CDP', context.lut(op.lutIndex), op.inPrecision === precisionCodes.numbers.float16, write);
  writeAddress(write, 'CDP', { low: 'D_DST_BASE_ADDR_LOW', high: 'D_DST_BASE_ADDR_HIGH' }, address(dst));
  write('CDP', 'D_DST_LINE_STRIDE', dst.lineStride);
  write('CDP', 'D_DST_SURFACE_STRIDE', dst.surfaceStride);
  write('CDP', 'D_DST_DMA_CFG', { DST_RAM_TYPE: ramType(dst) });
  write('CDP', 'D_DATA_FORMAT', { INPUT_DATA_TYPE: op.inPrecision });
  write('CDP', 'D_LRN_CFG', { NORMALZ_LEN: localSize });
  write('CDP', 'D_DATIN_OFFSET', { DATIN_OFFSET: op.inConvert.offset });
  write('CDP', 'D_DATIN_SCALE', { DATIN_SCALE: op.inConvert.scale });
  write('CDP', 'D_DATIN_SHIFTER', { DATIN_SHIFTER: op.inConvert.truncate });
  write('CDP', 'D_DATOUT_OFFSET', { DATOUT_OFFSET: op.outConvert.offset });
  write('CDP', 'D_DATOUT_SCALE', { DATOUT_SCALE: op.outConvert.scale });
  write('CDP', 'D_DATOUT_SHIFTER', { DATOUT_SHIFTER: op.outConvert.truncate });
  write('CDP', 'D_FUNC_BYPASS', {
    SQSUM_BYPASS: Number(op.bypassSquareSum !== 0),
    MUL_BYPASS: Number(op.bypassMultiply !== 0),
  });
}
