/** Cubes from the registers that describe them. */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import type { ElementType, Shape4 } from '../../../program/surface.ts';
import type { Cube } from '../../cube.ts';
import type { RegisterView } from '../registers/register-file.ts';
import { type CoreFeatures, featureFormat } from './core-features.ts';

/** The 64-bit address in a pair of registers; the names lack `_LOW` and `_HIGH`. */
export const addressIn = (view: RegisterView, low: string, high: string): bigint =>
  (BigInt(view.value(high)) << 32n) | BigInt(view.value(low));

/** RAM_TYPE fields: 0 is the secondary memory interface, 1 the primary. */
export function checkMemory(core: CoreFeatures, ramType: number, what: string): void {
  if (ramType === 0 && !core.features.secondaryMemory) {
    fail('device/unsupported', `${core.target} has no secondary memory`, { value: what });
  }
}

/** A feature cube of one image. `pair` when two values lie side by side for each element. */
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
