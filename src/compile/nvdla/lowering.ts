/** What lowering one operation to the open NVDLA works with: the target, the surfaces of the Program, scales and shapes. */

import type { Precision } from '../../base/data-type.ts';
import type { Move, Pipeline } from '../../program/layer.ts';
import { atomElements } from '../../program/nvdla/convolution-buffer.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import type { SurfaceTable } from '../emit.ts';

export interface NvdlaContext {
  readonly target: NvdlaTarget;
  readonly precision: Precision;
  readonly scaleOf: (value: string) => number;
}

export type Launches = readonly (Pipeline<number> | Move<number>)[];

export interface Lowering {
  readonly target: NvdlaTarget;
  readonly precision: Precision;
  readonly surfaces: SurfaceTable;
  /** Name of the layers, and of surfaces that they need beside the values of the network. */
  readonly name: string;
  /** Channels of an atom. */
  readonly atom: number;
  shapeOf(value: string): Shape4;
  scaleOf(value: string): number;
}

export const lowering = (context: NvdlaContext, surfaces: SurfaceTable, name: string): Lowering => ({
  target: context.target,
  precision: context.precision,
  surfaces,
  name,
  atom: atomElements(context.target, context.precision),
  shapeOf: (value) => surfaces.drafts.get(value)!.shape,
  scaleOf: (value) => surfaces.drafts.get(value)?.scale ?? context.scaleOf(value),
});
