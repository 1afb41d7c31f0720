/** Moves as operations of the firmware: of SDP, of Rubik and of the bridge DMA. */

import { fail } from '../../../base/errors.ts';
import { bytes } from '../../../base/units.ts';
import { elementsPerAtom } from '../../../program/geometry.ts';
import type { BdmaTransfer, PixelCopy, PixelGrid, RubikMove } from '../../../program/layer.ts';
import { stepsOverColumns } from '../../../program/layers/pixels.ts';
import { convolutionCodes, rubikCodes } from '../../../program/nvdla/codes.ts';
import type { Surface } from '../../../program/surface.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import type { DataCube, OperationDesc } from '../format/descriptors.ts';
import { cubeOf, type LowerContext, noConvert, noUnit, nowhere, precisionOf } from './cube.ts';

/** Transfers of one operation of the bridge DMA, at most. */
const [, mostTransfers] = nvdlaLimits.bdma.transfers;

/** SDP without units. */
export function lowerPixels(move: PixelCopy<number>, context: LowerContext): OperationDesc {
  const precision = precisionOf(context.surfaces[move.input]!);
  const stepped = stepsOverColumns(move);
  const cube = (id: number, channel: number, grid: PixelGrid): DataCube =>
    (stepped ? turnedCube : partCube)(context.surfaces[id]!, channel, grid, move, context);
  return {
    type: 'sdp',
    op: {
      srcPrecision: precision,
      dstPrecision: precision,
      lutIndex: -1,
      outConvert: { ...noConvert, enable: 1 },
      convMode: convolutionCodes.numbers.direct,
      batch: 1,
      reserved0: 0,
      batchStride: 0,
      x1: noUnit,
      x2: noUnit,
      y: noUnit,
    },
    surfaces: {
      src: cube(move.input, move.inputChannel, move.from),
      x1: nowhere,
      x2: nowhere,
      y: nowhere,
      dst: cube(move.output, move.outputChannel, move.to),
    },
  };
}

type Pixels = Pick<PixelCopy<number>, 'rows' | 'columns' | 'channels'>;

/** A rectangle of a surface, or every so many-th row of it. */
function partCube(
  surface: Surface,
  channel: number,
  grid: PixelGrid,
  { rows, columns, channels }: Pixels,
  context: LowerContext,
): DataCube {
  const { surfaceStride } = surface;
  const lineStride = grid.step.h * surface.lineStride;
  const { memoryAtom } = context.target;
  const blocks = Math.ceil(channels / elementsPerAtom(surface.format));
  return {
    ...nowhere,
    ...context.place(pixelOf(surface, channel, grid, context)),
    size: (blocks - 1) * surfaceStride + (rows - 1) * lineStride + columns * memoryAtom,
    width: columns,
    height: rows,
    channel: channels,
    lineStride,
    surfaceStride,
  };
}

/** One pixel wide: its lines are the columns of the surface, its channels the rows of one atom. */
function turnedCube(
  surface: Surface,
  channel: number,
  grid: PixelGrid,
  { rows, columns }: Pixels,
  context: LowerContext,
): DataCube {
  const { memoryAtom } = context.target;
  const [lineStride, surfaceStride] = [grid.step.w * memoryAtom, grid.step.h * surface.lineStride];
  return {
    ...nowhere,
    ...context.place(pixelOf(surface, channel, grid, context)),
    size: (rows - 1) * surfaceStride + (columns - 1) * lineStride + memoryAtom,
    width: 1,
    height: columns,
    channel: rows * elementsPerAtom(surface.format),
    lineStride,
    surfaceStride,
  };
}

/** The surface from a pixel on. */
function pixelOf(surface: Surface, channel: number, { row, column }: PixelGrid, { target }: LowerContext): Surface {
  const block = channel / elementsPerAtom(surface.format);
  const before = block * surface.surfaceStride + row * surface.lineStride + column * target.memoryAtom;
  return { ...surface, offset: bytes(surface.offset + before) };
}

export function lowerRubik({ mode, stride, input, output }: RubikMove<number>, context: LowerContext): OperationDesc {
  const op = {
    mode: rubikCodes.numbers[mode],
    precision: precisionOf(context.surfaces[input]!),
    strideX: stride.w,
    strideY: stride.h,
  };
  return { type: 'rubik', op, surfaces: { src: cubeOf(input, context), dst: cubeOf(output, context) } };
}

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
