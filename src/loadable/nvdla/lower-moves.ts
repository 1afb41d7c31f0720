/** Rubik and the bridge DMA as operations of the firmware. */

import { fail } from '../../graph/errors.ts';
import type { BdmaTransfer, RubikMove } from '../../program/layer.ts';
import type { OperationDesc } from './descriptors.ts';
import { cubeOf, type LowerContext, precisionOf } from './lower-cube.ts';

/** What one operation of the bridge DMA has room for. */
const mostTransfers = 20;

export function lowerRubik({ mode, stride, input, output }: RubikMove<number>, context: LowerContext): OperationDesc {
  const op = {
    mode: rubikModes[mode],
    precision: precisionOf(context.surfaces[input]!),
    strideX: stride.w,
    strideY: stride.h,
  };
  return { type: 'rubik', op, surfaces: { src: cubeOf(input, context), dst: cubeOf(output, context) } };
}

const rubikModes = { contract: 0, split: 1, merge: 2 } as const;

const noTransfer = {
  sourceAddress: -1,
  destinationAddress: -1,
  lineSize: 0,
  lineRepeat: 0,
  sourceLine: 0,
  destinationLine: 0,
  surfaceRepeat: 0,
  sourceSurface: 0,
  destinationSurface: 0,
} as const;

/** Transfers have no offsets: each end has an address of its own. */
export function lowerTransfers(
  transfers: readonly BdmaTransfer<number>[],
  layer: string,
  { surfaces, pointer }: LowerContext,
): OperationDesc {
  if (transfers.length > mostTransfers) {
    fail('program/invalid', 'too many transfers', { layer }, { expected: mostTransfers, actual: transfers.length });
  }
  const ends = transfers.map((transfer) => ({
    transfer,
    source: pointer(surfaces[transfer.input]!, transfer.inputOffset),
    destination: pointer(surfaces[transfer.output]!, transfer.outputOffset),
  }));
  const [first] = ends;
  const [sourceType, destinationType] = [first?.source.type ?? 0, first?.destination.type ?? 0];
  if (ends.some(({ source, destination }) => source.type !== sourceType || destination.type !== destinationType)) {
    fail('program/invalid', 'the transfers of an operation are between the same two memories', { layer });
  }
  const described = ends.map(({ transfer, source, destination }) => ({
    sourceAddress: source.address,
    destinationAddress: destination.address,
    lineSize: transfer.lineBytes,
    lineRepeat: transfer.lines,
    sourceLine: transfer.inputLineStride,
    destinationLine: transfer.outputLineStride,
    surfaceRepeat: transfer.surfaces,
    sourceSurface: transfer.inputSurfaceStride,
    destinationSurface: transfer.outputSurfaceStride,
  }));
  return {
    type: 'bdma',
    op: { numTransfers: transfers.length, reserved0: 0 },
    surfaces: {
      sourceType,
      destinationType,
      numTransfers: transfers.length,
      transfers: Array.from({ length: mostTransfers }, (_, index) => described[index] ?? noTransfer),
    },
  };
}
