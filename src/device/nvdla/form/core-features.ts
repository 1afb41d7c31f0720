/**
 * What forming a stage needs to know of a configuration of the open NVDLA (its precisions, atoms and memories), and cubes
 * from the registers that describe them.
 */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import { atomFormat } from '../../../program/geometry.ts';
import { precisionCodes, ramTypeCodes } from '../../../program/nvdla/codes.ts';
import type { ConvolutionPrecision } from '../../../program/nvdla/convolution-buffer.ts';
import type { ElementType, Shape4, SurfaceFormat } from '../../../program/surface.ts';
import type { NvdlaFeatures, NvdlaTarget } from '../../../targets/target.ts';
import type { Cube } from '../../launch.ts';
import type { RegisterView } from '../registers/register-file.ts';

export interface CoreFeatures {
  readonly target: string;
  /** Bytes of one atom of a feature cube. */
  readonly atomBytes: number;
  readonly atomicC: number;
  readonly atomicK: number;
  readonly features: NvdlaFeatures;
}

export function coreFeatures(target: NvdlaTarget): CoreFeatures {
  const { name, nvdla, memoryAtom, atomic } = target;
  return { target: name, atomBytes: memoryAtom, atomicC: atomic.c, atomicK: atomic.k, features: nvdla };
}

/** Decodes a precision field, and refuses what the configuration lacks. @throws device/unsupported, device/fault */
export function precisionOf(core: CoreFeatures, field: number, what: string): ConvolutionPrecision {
  const precision = precisionCodes.names[field];
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
  return atomFormat(elements) ?? fail('device/unsupported', `${core.target} has no atoms of ${elements} elements`);
}

/** The 64-bit address in a pair of registers; the names lack `_LOW` and `_HIGH`. */
export const addressIn = (view: RegisterView, low: string, high: string): bigint =>
  (BigInt(view.value(high)) << 32n) | BigInt(view.value(low));

/** RAM_TYPE fields: 0 is the secondary memory interface, 1 the primary. */
export function checkMemory(core: CoreFeatures, ramType: number, what: string): void {
  if (ramType === ramTypeCodes.numbers.secondary && !core.features.secondaryMemory) {
    fail('device/unsupported', `${core.target} has no secondary memory`, { value: what });
  }
}

/** A feature cube of one image, atoms and lines without gaps but those of the strides. */
export function featureCube(
  core: CoreFeatures,
  place: { readonly address: bigint; readonly lineStride: number; readonly surfaceStride: number },
  shape: Shape4,
  dtype: ElementType,
): Cube {
  const [, channels, height, width] = shape;
  const format = featureFormat(core, dtype);
  const runs = Math.ceil((channels * elementSize[dtype]) / core.atomBytes);
  const size = (runs - 1) * place.surfaceStride + (height - 1) * place.lineStride + width * core.atomBytes;
  return { ...place, shape, dtype, format, batchStride: 0, size };
}
