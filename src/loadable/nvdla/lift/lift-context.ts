/** What lifting an operation needs to know besides its descriptors, and how it reads cubes, strides and precisions. */

import { fail } from '../../../base/errors.ts';
import { atomFormat } from '../../../program/geometry.ts';
import { precisionCodes } from '../../../program/nvdla/codes.ts';
import { atomElements, type ConvolutionPrecision } from '../../../program/nvdla/convolution-buffer.ts';
import type { ElementType, Shape4, SurfaceFormat } from '../../../program/surface.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import type { DataCube, LutParam } from '../format/descriptors.ts';
import type { CubeAccess, MemoryPlace, TableAccess } from './access.ts';

export interface LiftContext {
  readonly target: NvdlaTarget;
  /** The unit of addresses and strides in registers. */
  readonly grain: number;
  /** @throws loadable/corrupt */
  readonly place: (cube: Pick<DataCube, 'address' | 'offset'>) => MemoryPlace;
  /** A table of the task. @throws loadable/corrupt */
  readonly lut: (index: number) => LutParam;
  /** Entries of tables that were lifted before, and the table that each engine loaded last. */
  readonly tables: Map<string, TableAccess>;
  readonly loaded: { sdp: number; cdp: number };
}

/** Refuses something that an operation does and that no Program can say. */
export const unsaid = (
  what: string,
  detail: { readonly expected?: string | number; readonly actual?: string | number } = {},
): never => fail('loadable/unliftable', `a Program does not say this: ${what}`, {}, detail);

export function precisionAt(number: number): ConvolutionPrecision {
  return precisionCodes.names[number] ?? fail('loadable/corrupt', 'there is no such precision', {}, { actual: number });
}

export function featureFormat(dtype: ElementType, { target }: Pick<LiftContext, 'target'>): SurfaceFormat {
  const elements = atomElements(target, dtype as ConvolutionPrecision);
  return atomFormat(elements) ?? unsaid(`atoms of ${elements} elements`);
}

/** A stride as the registers hold it. */
export const strideOf = (bytes: number, { grain }: LiftContext): number => bytes - (bytes % grain);

/** A feature cube of a size, where a cube's descriptor says it is. */
export function featureCube(
  cube: DataCube,
  shape: Shape4,
  dtype: ConvolutionPrecision,
  context: LiftContext,
): CubeAccess {
  const [lineStride, surfaceStride] = [strideOf(cube.lineStride, context), strideOf(cube.surfaceStride, context)];
  const format = featureFormat(dtype, context);
  return { kind: 'cube', ...context.place(cube), shape, dtype, format, lineStride, surfaceStride };
}
