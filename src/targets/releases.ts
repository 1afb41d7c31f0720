/**
 * Software releases. The rules of support/ ask for the TensorRT version (layer restrictions) or the DLA software's
 * version (operators of the DLA itself). docs/hardware/dla-software.md#releases has their source. The first of a list is
 * the default.
 */

import type { Rounding } from '../base/rounding.ts';
import type { Fact, Release } from './target.ts';

export const jetpack60: Release = { name: 'JetPack 6.0', tensorrt: [8, 6, 2], dla: [3, 14, 1] };
export const jetpack511: Release = { name: 'JetPack 5.1.1', tensorrt: [8, 5, 2], dla: [3, 12, 1] };

export const orinReleases: readonly Release[] = [
  jetpack60,
  jetpack511,
  { name: 'DRIVE OS 6.0.6.0', tensorrt: [8, 5, 10], dla: [3, 12, 0] },
  { name: 'DRIVE OS 6.0.7.0', tensorrt: [8, 6, 10], dla: [3, 13, 0] },
  { name: 'DRIVE OS 6.0.8.0', tensorrt: [8, 6, 11], dla: [3, 14, 0] },
  { name: 'DRIVE OS 6.0.8.1', tensorrt: [8, 6, 11], dla: [3, 14, 1] },
  { name: 'DRIVE OS 6.0.9.0', tensorrt: [8, 6, 12], dla: [3, 14, 2] },
  { name: 'DRIVE OS 6.0.9.1', tensorrt: [8, 6, 12], dla: [3, 14, 3] },
  // Nobody states which DLA software these have: the newest that is known of a JetPack stands here.
  { name: 'JetPack 6.1', tensorrt: [10, 3, 0], dla: [3, 14, 1] },
  { name: 'JetPack 6.2', tensorrt: [10, 3, 0], dla: [3, 14, 1] },
  { name: 'JetPack 7.2.2', tensorrt: [11, 4, 1], dla: [3, 14, 1] },
];

/** Of orin and xavier. That stages inside the DLA round as quantization does is an inference (docs/arithmetic.md). */
export const dlaRounding: Fact<Rounding> = {
  value: 'half-away',
  status: 'documented',
  source:
    'TensorRT developer guide 8.x, introduction to quantization: on the DLA, quantize(x, s) = roundWithTiesAwayFromZero(clip(x / s, -128, 127))',
};

/** JetPack 6 dropped Xavier. */
export const xavierReleases: readonly Release[] = [jetpack511];

/** `older` ≤ `version`, compared part by part. */
export const atLeast = (version: readonly number[], older: readonly number[]): boolean => {
  const index = older.findIndex((part, at) => (version[at] ?? 0) !== part);
  return index === -1 || (version[index] ?? 0) > older[index]!;
};
