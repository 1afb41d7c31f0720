/** Rubik and the bridge DMA as layers of a Program: lower/moves.ts read backwards. */

import { fail } from '../../../base/errors.ts';
import type { BdmaTransfer, RubikMove } from '../../../program/layer.ts';
import { rubikCodes } from '../../../program/nvdla/codes.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { DataCube, OperationDesc } from '../format/descriptors.ts';
import type { Access, RunAccess } from './access.ts';
import { featureCube, type LiftContext, precisionAt, strideOf } from './lift-context.ts';

type RubikOperation = Extract<OperationDesc, { type: 'rubik' }>;
type Transfers = Extract<OperationDesc, { type: 'bdma' }>['surfaces'];

export function liftRubik({ op, surfaces }: RubikOperation, context: LiftContext): RubikMove<Access> {
  const mode = rubikCodes.names[op.mode];
  if (mode === undefined) return fail('loadable/corrupt', 'Rubik has no such mode', {}, { actual: op.mode });
  const { src, dst } = surfaces;
  const stride = mode === 'contract' ? { h: op.strideY, w: op.strideX } : { h: 1, w: 1 };
  const dtype = precisionAt(op.precision);
  const side = (cube: DataCube, shape: Shape4, isPlanes: boolean): Access =>
    isPlanes
      ? {
          kind: 'cube',
          ...context.place(cube),
          shape,
          dtype,
          format: 'dla_linear',
          lineStride: strideOf(cube.lineStride, context),
          surfaceStride: strideOf(cube.planeStride, context),
        }
      : featureCube(cube, shape, dtype, context);
  return {
    mode,
    input: side(src, [1, src.channel, src.height, src.width], mode === 'merge'),
    output: side(dst, [1, dst.channel, src.height * stride.h, src.width * stride.w], mode === 'split'),
    stride,
  };
}

/** Offsets count from the start of the span that a transfer touches; the caller makes them offsets in surfaces. */
export function liftTransfers(
  { numTransfers, transfers }: Transfers,
  context: LiftContext,
): readonly BdmaTransfer<Access>[] {
  if (numTransfers > transfers.length) {
    fail(
      'loadable/corrupt',
      'a BDMA operation has too many transfers',
      {},
      { expected: transfers.length, actual: numTransfers },
    );
  }
  return transfers.slice(0, numTransfers).map((transfer): BdmaTransfer<Access> => {
    const { lineSize: lineBytes, lineRepeat: lines, surfaceRepeat: surfaces } = transfer;
    const run = (address: number, line: number, surface: number): RunAccess => {
      const [lineStride, surfaceStride] = [strideOf(line, context), strideOf(surface, context)];
      const size = Math.max(0, surfaces - 1) * surfaceStride + Math.max(0, lines - 1) * lineStride + lineBytes;
      const moved = { lineBytes, lines, lineStride, surfaces, surfaceStride };
      return { kind: 'run', ...context.place({ address, offset: 0 }), dtype: 'int8', size, moved };
    };
    return {
      input: run(transfer.sourceAddress, transfer.sourceLine, transfer.sourceSurface),
      inputOffset: 0,
      inputLineStride: strideOf(transfer.sourceLine, context),
      inputSurfaceStride: strideOf(transfer.sourceSurface, context),
      output: run(transfer.destinationAddress, transfer.destinationLine, transfer.destinationSurface),
      outputOffset: 0,
      outputLineStride: strideOf(transfer.destinationLine, context),
      outputSurfaceStride: strideOf(transfer.destinationSurface, context),
      lineBytes,
      lines,
      surfaces,
    };
  });
}
