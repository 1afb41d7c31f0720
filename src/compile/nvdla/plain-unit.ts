/** A unit of the single-point processor that changes nothing, from which the passes start. */

import type { SdpUnit } from '../../program/layer.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import type { Point } from '../operation.ts';

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
