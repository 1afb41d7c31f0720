/** The registers of a Rubik operation (nvdla/sw `rubik.c` for which field goes where). */

import { fail } from '../../../base/errors.ts';
import type { OperationDesc } from '../../../loadable/nvdla/format/descriptors.ts';
import { precisionCodes, rubikCodes } from '../../../program/nvdla/codes.ts';
import { isFlying, type ProgramContext, ramType, writeAddress } from './register-writer.ts';

type RubikOperation = Extract<OperationDesc, { type: 'rubik' }>;

const modes = rubikCodes.numbers;

/** @throws loadable/corrupt, device/fault */
export function programRubik(
  op: RubikOperation['op'],
  { src, dst }: RubikOperation['surfaces'],
  { write, address, atomBytes }: ProgramContext,
): void {
  const wrong =
    ((isFlying(src) || isFlying(dst)) && 'it works from memory to memory') ||
    (op.mode > modes.merge && 'there is no such mode') ||
    (precisionCodes.names[op.precision] === undefined && 'there is no such precision') ||
    (op.mode === modes.contract && (op.strideX < 1 || op.strideY < 1) && 'its stride is zero') ||
    (op.mode === modes.merge && (src.planeStride === 0 || src.planeStride % 32 !== 0) && 'its planes are not aligned');
  if (wrong) fail('loadable/corrupt', `a Rubik operation is impossible: ${wrong}`);
  write('RBK', 'D_MISC_CFG', { RUBIK_MODE: op.mode, IN_PRECISION: op.precision });
  write('RBK', 'D_DAIN_RAM_TYPE', { DATAIN_RAM_TYPE: ramType(src) });
  write('RBK', 'D_DATAIN_SIZE_0', { DATAIN_WIDTH: src.width - 1, DATAIN_HEIGHT: src.height - 1 });
  write('RBK', 'D_DATAIN_SIZE_1', { DATAIN_CHANNEL: src.channel - 1 });
  writeAddress(write, 'RBK', { low: 'D_DAIN_ADDR_LOW', high: 'D_DAIN_ADDR_HIGH' }, address(src));
  if (op.mode === modes.merge) write('RBK', 'D_DAIN_PLANAR_STRIDE', src.planeStride);
  else write('RBK', 'D_DAIN_SURF_STRIDE', src.surfaceStride);
  write('RBK', 'D_DAIN_LINE_STRIDE', src.lineStride);
  write('RBK', 'D_DAOUT_RAM_TYPE', { DATAOUT_RAM_TYPE: ramType(dst) });
  write('RBK', 'D_DATAOUT_SIZE_1', { DATAOUT_CHANNEL: dst.channel - 1 });
  writeAddress(write, 'RBK', { low: 'D_DAOUT_ADDR_LOW', high: 'D_DAOUT_ADDR_HIGH' }, address(dst));
  write('RBK', 'D_DAOUT_LINE_STRIDE', dst.lineStride);
  if (op.mode === modes.split) {
    write('RBK', 'D_DAOUT_PLANAR_STRIDE', dst.planeStride);
    return;
  }
  write('RBK', 'D_DAOUT_SURF_STRIDE', dst.surfaceStride);
  if (op.mode !== modes.contract) return;
  const bytes = dst.channel * (op.precision === precisionCodes.numbers.int8 ? 1 : 2);
  write('RBK', 'D_CONTRACT_STRIDE_0', Math.ceil(bytes / atomBytes) * src.surfaceStride);
  write('RBK', 'D_CONTRACT_STRIDE_1', op.strideY * dst.lineStride);
  write('RBK', 'D_DECONV_STRIDE', { DECONV_X_STRIDE: op.strideX - 1, DECONV_Y_STRIDE: op.strideY - 1 });
}
