/** Which convolutions run in sparse mode: their weights are 2:4 sparse, and the shape and the target have such a mode. */

import { fullGroup, sparseModeRuns } from '../../program/sparsity.ts';
import type { Target } from '../../targets/target.ts';
import type { ConvOperation } from '../operation.ts';

/** @param weights quantized, [K, C, R, S] */
export function runsSparse(
  { shape: { groups, transposed }, weights: { shape } }: ConvOperation,
  weights: Int8Array,
  { generation, atomic }: Target,
): boolean {
  // Known of Orin's engines only (docs/hardware/orin.md#engines).
  if (generation !== 'orin' || transposed) return false;
  const [kernels = 1, inputChannels = 1, rows = 1, columns = 1] = shape;
  // Images (dla_hwc4) have too few channels anyway.
  if (!sparseModeRuns({ inputChannels, kernels, groups, image: false }, atomic)) return false;
  return fullGroup(weights, [kernels, inputChannels, rows, columns]) === undefined;
}
