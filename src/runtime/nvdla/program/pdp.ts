/** The registers of a pooling operation (nvdla/sw `pdp.c` for which field goes where). */

import { fail } from '../../../base/errors.ts';
import type { OperationDesc, PdpOp } from '../../../loadable/nvdla/format/descriptors.ts';
import { poolingCodes, precisionCodes } from '../../../program/nvdla/codes.ts';
import { poolingReciprocals } from '../../../program/nvdla/pooling.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import { isFlying, type ProgramContext, ramType, writeAddress } from './register-writer.ts';

export type PdpSurfaces = Extract<OperationDesc, { type: 'pdp' }>['surfaces'];

const { float16 } = precisionCodes.numbers;
const limits = nvdlaLimits.pooling;

/** @throws loadable/corrupt, device/fault */
export function programPdp(op: PdpOp, surfaces: PdpSurfaces, context: ProgramContext): void {
  const { write, address } = context;
  const { src, dst } = surfaces;
  check(op, surfaces);
  const fromMemory = !isFlying(src);
  if (fromMemory) programDma(op, surfaces, context);
  for (const [direction, cube] of [
    ['IN', src],
    ['OUT', dst],
  ] as const) {
    write('PDP', `D_DATA_CUBE_${direction}_WIDTH`, cube.width - 1);
    write('PDP', `D_DATA_CUBE_${direction}_HEIGHT`, cube.height - 1);
    write('PDP', `D_DATA_CUBE_${direction}_CHANNEL`, cube.channel - 1);
  }
  write('PDP', 'D_OPERATION_MODE_CFG', {
    POOLING_METHOD: op.mode,
    FLYING_MODE: Number(fromMemory),
    SPLIT_NUM: op.splitNum - 1,
  });
  write('PDP', 'D_PARTIAL_WIDTH_IN', partialIn(op));
  write('PDP', 'D_PARTIAL_WIDTH_OUT', {
    PARTIAL_WIDTH_OUT_FIRST: lessOne(op.partialWidthFirst),
    PARTIAL_WIDTH_OUT_MID: lessOne(op.partialWidthMid),
    PARTIAL_WIDTH_OUT_LAST: lessOne(op.partialWidthLast),
  });
  write('PDP', 'D_POOLING_KERNEL_CFG', {
    KERNEL_WIDTH: op.width,
    KERNEL_HEIGHT: op.height,
    KERNEL_STRIDE_WIDTH: op.strideX - 1,
    KERNEL_STRIDE_HEIGHT: op.strideY - 1,
  });
  const table = poolingReciprocals(op.precision === float16 ? 'float16' : 'int16');
  write('PDP', 'D_RECIP_KERNEL_WIDTH', table[op.width]!);
  write('PDP', 'D_RECIP_KERNEL_HEIGHT', table[op.height]!);
  write('PDP', 'D_POOLING_PADDING_CFG', {
    PAD_LEFT: op.padLeft,
    PAD_RIGHT: op.padRight,
    PAD_TOP: op.padTop,
    PAD_BOTTOM: op.padBottom,
  });
  for (const [index, value] of op.padValues.entries()) {
    write('PDP', `D_POOLING_PADDING_VALUE_${index + 1}_CFG`, value);
  }
  if (fromMemory) {
    write('PDP', 'D_SRC_LINE_STRIDE', src.lineStride);
    write('PDP', 'D_SRC_SURFACE_STRIDE', src.surfaceStride);
  }
  writeAddress(write, 'PDP', { low: 'D_DST_BASE_ADDR_LOW', high: 'D_DST_BASE_ADDR_HIGH' }, address(dst));
  write('PDP', 'D_DST_LINE_STRIDE', dst.lineStride);
  write('PDP', 'D_DST_SURFACE_STRIDE', dst.surfaceStride);
  write('PDP', 'D_DST_RAM_CFG', { DST_RAM_TYPE: ramType(dst) });
  write('PDP', 'D_DATA_FORMAT', { INPUT_DATA: op.precision });
}

/** What the firmware refuses. */
function check(op: PdpOp, { src, dst }: PdpSurfaces): void {
  const wrong =
    (isFlying(dst) && 'its destination is no memory') ||
    (precisionCodes.names[op.precision] === undefined && 'there is no such precision') ||
    ((Math.min(op.strideX, op.strideY) < limits.stride[0] || Math.max(op.strideX, op.strideY) > limits.stride[1]) &&
      `the stride is not ${limits.stride.join(' to ')}`) ||
    (Math.max(op.width, op.height) + 1 > limits.window[1] && `the kernel is larger than ${limits.window[1]}`) ||
    (poolingCodes.names[op.mode] === undefined && 'there is no such mode') ||
    (op.splitNum < 1 && 'it is split in no parts') ||
    (isFlying(src) && op.splitNum !== 1 && 'it cannot be split on the fly') ||
    (op.precision === float16 && op.padValues.some((value) => value !== 0) && 'float16 wants zero padding');
  if (wrong) fail('loadable/corrupt', `a pooling operation is impossible: ${wrong}`);
}

const lessOne = (width: number): number => Math.max(0, width - 1);

const partialIn = (op: PdpOp) => ({
  PARTIAL_WIDTH_IN_FIRST: lessOne(op.partialInWidthFirst),
  PARTIAL_WIDTH_IN_MID: lessOne(op.partialInWidthMid),
  PARTIAL_WIDTH_IN_LAST: lessOne(op.partialInWidthLast),
});

function programDma(op: PdpOp, { src }: PdpSurfaces, { write, address }: ProgramContext): void {
  write('PDP_RDMA', 'D_DATA_CUBE_IN_WIDTH', src.width - 1);
  write('PDP_RDMA', 'D_DATA_CUBE_IN_HEIGHT', src.height - 1);
  write('PDP_RDMA', 'D_DATA_CUBE_IN_CHANNEL', src.channel - 1);
  writeAddress(write, 'PDP_RDMA', { low: 'D_SRC_BASE_ADDR_LOW', high: 'D_SRC_BASE_ADDR_HIGH' }, address(src));
  write('PDP_RDMA', 'D_SRC_LINE_STRIDE', src.lineStride);
  write('PDP_RDMA', 'D_SRC_SURFACE_STRIDE', src.surfaceStride);
  write('PDP_RDMA', 'D_DATA_FORMAT', { INPUT_DATA: op.precision });
  write('PDP_RDMA', 'D_SRC_RAM_CFG', { SRC_RAM_TYPE: ramType(src) });
  write('PDP_RDMA', 'D_OPERATION_MODE_CFG', { SPLIT_NUM: op.splitNum - 1 });
  write('PDP_RDMA', 'D_POOLING_KERNEL_CFG', { KERNEL_WIDTH: op.width, KERNEL_STRIDE_WIDTH: op.strideX - 1 });
  write('PDP_RDMA', 'D_POOLING_PADDING_CFG', { PAD_WIDTH: op.padLeft });
  write('PDP_RDMA', 'D_PARTIAL_WIDTH_IN', partialIn(op));
}
