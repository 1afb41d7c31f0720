/** What the stages need to know of a configuration of the open NVDLA, gathered from its target. */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import type { ElementType, SurfaceFormat } from '../../../program/surface.ts';
import type { NvdlaFeatures, Target } from '../../../targets/target.ts';

export type Precision = 'int8' | 'int16' | 'float16';

export interface CoreFeatures {
  readonly target: string;
  /** Bytes of one atom of a feature cube. */
  readonly atomBytes: number;
  readonly atomicC: number;
  readonly atomicK: number;
  readonly features: NvdlaFeatures;
}

/** @throws device/unsupported for a target that is not a configuration of the open NVDLA */
export function coreFeatures(target: Target): CoreFeatures {
  const { name, nvdla, memoryAtom, atomic } = target;
  if (!nvdla) return fail('device/unsupported', `${name} is not a configuration of the open NVDLA`);
  return { target: name, atomBytes: memoryAtom, atomicC: atomic.c, atomicK: atomic.k, features: nvdla };
}

const precisions: readonly Precision[] = ['int8', 'int16', 'float16'];

/** Decodes a precision field, and refuses what the configuration lacks. @throws device/unsupported, device/fault */
export function precisionOf(core: CoreFeatures, field: number, what: string): Precision {
  const precision = precisions[field];
  if (!precision) return fail('device/fault', `${what} has no such precision`, {}, { actual: field });
  if (!core.features.precisions.includes(precision)) {
    return fail('device/unsupported', `${core.target} has no ${precision}`, { value: what });
  }
  return precision;
}

/**
 * SDP and PDP work on whole atoms: the channels that fill up a cube's last atom are computed like the others, from
 * whatever memory holds there. (The traces of nv_small show it: a cube of one channel leaves eight results.)
 */
export function wholeAtoms(core: CoreFeatures, channels: number, precision: ElementType): number {
  const elements = core.atomBytes / elementSize[precision];
  return Math.ceil(channels / elements) * elements;
}

/** The feature format whose atom has as many elements as fit. */
export function featureFormat(core: CoreFeatures, precision: ElementType): SurfaceFormat {
  const elements = core.atomBytes / elementSize[precision];
  const format = ({ 8: 'chw8', 16: 'chw16', 32: 'chw32' } as const)[elements];
  return format ?? fail('device/unsupported', `${core.target} has no atoms of ${elements} elements`);
}
