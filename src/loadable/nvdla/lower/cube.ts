/** The places of surfaces and the descriptors of their cubes, for the lowering of every operation. */

import type { Lookup } from '../../../program/layer.ts';
import { memoryCodes, precisionCodes } from '../../../program/nvdla/codes.ts';
import type { ConvolutionPrecision } from '../../../program/nvdla/convolution-buffer.ts';
import type { Surface } from '../../../program/surface.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import type { ConvertParam, DataCube, SdpUnitOp } from '../format/descriptors.ts';

export interface LowerContext {
  readonly target: NvdlaTarget;
  readonly surfaces: readonly Surface[];
  /** Where a surface lies: memory type, position in the task's address list, offset. */
  readonly place: (surface: Surface) => Pick<DataCube, 'type' | 'address' | 'offset'>;
  /** The same as an address alone, some bytes behind the surface's start. */
  readonly pointer: (surface: Surface, bytes: number) => Pick<DataCube, 'type' | 'address'>;
  /** The number of a table, which is added when it is new. */
  readonly lut: (lookup: Lookup<number>) => number;
}

export const nowhere: DataCube = {
  type: memoryCodes.numbers.primary,
  address: -1,
  offset: 0,
  size: 0,
  width: 0,
  height: 0,
  channel: 0,
  reserved0: 0,
  lineStride: 0,
  surfaceStride: 0,
  planeStride: 0,
};

/** The parameters of converters that are not used. */
export const noConvert: ConvertParam = { scale: 1, truncate: 0, enable: 0, offset: 0 };
export const noUnit: SdpUnitOp = {
  enable: 0,
  aluType: 0,
  type: 0,
  mode: 0,
  activation: 0,
  shift: 0,
  truncate: 0,
  precision: 0,
  aluOperand: 0,
  mulOperand: 0,
  aluConvert: noConvert,
  mulConvert: noConvert,
};

export function cubeOf(id: number, context: LowerContext): DataCube {
  const surface = context.surfaces[id]!;
  const [, channel, height, width] = surface.shape;
  return {
    ...context.place(surface),
    size: surface.size,
    width,
    height,
    channel: surface.format === 'dla_hwc4' ? (channel === 1 ? 1 : 4) : channel,
    reserved0: 0,
    lineStride: surface.lineStride,
    surfaceStride: surface.surfaceStride,
    planeStride: surface.format === 'dla_linear' ? surface.surfaceStride : 0,
  };
}

export const precisionOf = ({ dtype }: Surface): number => precisionCodes.numbers[dtype as ConvolutionPrecision] ?? 0;
