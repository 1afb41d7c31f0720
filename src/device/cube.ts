/** A surface bound to an address: what the stages of a pipeline refer to when it is launched. */

import type { ElementType, Shape4, SurfaceFormat } from '../program/surface.ts';

export interface Cube {
  readonly address: bigint;
  readonly shape: Shape4;
  readonly dtype: ElementType;
  readonly format: SurfaceFormat;
  readonly lineStride: number;
  readonly surfaceStride: number;
  readonly batchStride: number;
  /** Bytes from the first to one past the last element that may be touched. */
  readonly size: number;
}
