/** What lowering one operation to the open NVDLA works with: the target, the surfaces of the Program, scales and shapes. */

import type { Precision } from '../../base/data-type.ts';
import type { Tensor } from '../../graph/tensor.ts';
import type { Move, Pipeline, SdpUnit } from '../../program/layer.ts';
import { atomElements } from '../../program/nvdla/convolution-buffer.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import type { SurfaceTable } from '../emit.ts';
import type { Point } from '../operation.ts';

export interface NvdlaContext {
  readonly target: NvdlaTarget;
  readonly precision: Precision;
  readonly scaleOf: (value: string) => number;
  /** Gives the elements of a tensor until it is called again. */
  readonly read: (tensor: Tensor) => Float32Array;
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
  /** Gives the elements of a tensor until it is called again. */
  readonly read: NvdlaContext['read'];
}

export const lowering = (context: NvdlaContext, surfaces: SurfaceTable, name: string): Lowering => ({
  target: context.target,
  precision: context.precision,
  surfaces,
  name,
  atom: atomElements(context.target, context.precision),
  shapeOf: (value) => surfaces.drafts.get(value)!.shape,
  scaleOf: (value) => surfaces.drafts.get(value)?.scale ?? context.scaleOf(value),
  read: context.read,
});

/** A unit of the single-point processor that changes nothing, from which the passes start. */
export const plainUnit = {
  mul: false,
  source: 'layer',
  aluOperand: 0,
  mulOperand: 0,
  aluShift: 0,
  truncate: 0,
  activation: 'none',
} as const satisfies SdpUnit<number>;

/** Whether a ReLU needs no unit of its own. It does behind a slope, which takes the place of the activation. */
export const isFreeRelu = ({ low, slope }: Point): boolean => low === 0 && slope === undefined;

/** Steps beside the linear one that a stage needs a unit for, before its table. */
export function stepsOf(point: Point): number {
  const { operand, slope, low, high } = point;
  const below = low !== Number.NEGATIVE_INFINITY && !isFreeRelu(point);
  return [operand !== undefined, slope !== undefined, below, high !== Number.POSITIVE_INFINITY].filter(Boolean).length;
}

/** Units for such steps: X2, and Y where there is one that looks nothing up. */
export const freeUnits = ({ table }: Point, { nvdla }: NvdlaTarget): number =>
  nvdla.elementwise && table === undefined ? 2 : 1;
