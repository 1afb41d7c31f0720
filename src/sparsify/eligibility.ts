/**
 * Which convolutions run in sparse mode (docs/hardware/sparsity.md): of four weights side by side along input channels at least two
 * are zero, and the shape and the target have such a mode.
 */

import type { Target } from '../targets/target.ts';

interface FullGroup {
  readonly kernel: number;
  /** The first of the four. */
  readonly channel: number;
  /** How many of them are not zero. */
  readonly used: number;
}

/** The first group of four with more than two weights; undefined when the weights, [K, C, R, S], are 2:4 sparse. */
export function fullGroup(
  weights: ArrayLike<number>,
  [kernels, channels, rows, columns]: readonly [k: number, c: number, r: number, s: number],
): FullGroup | undefined {
  const area = rows * columns;
  for (let kernel = 0; kernel < kernels; kernel++) {
    for (let channel = 0; channel < channels; channel += 4) {
      const last = Math.min(channel + 4, channels);
      for (let at = 0; at < area; at++) {
        let used = 0;
        for (let c = channel; c < last; c++) if (weights[(kernel * channels + c) * area + at] !== 0) used++;
        if (used > 2) return { kernel, channel, used };
      }
    }
  }
  return undefined;
}

/**
 * Kernels left over beside whole groups of 64 for which Orin runs a sparse layer
 * (docs/hardware/sparsity.md#eligible-layers).
 */
const sparseRemainders: readonly number[] = [0, 1, 2, 4, 8, 16, 32];

/** The shape of a convolution, as far as sparse mode depends on it. */
interface SparseShape {
  readonly inputChannels: number;
  readonly kernels: number;
  readonly groups: number;
  /** Reads interleaved pixels. */
  readonly image: boolean;
}

/** Whether a 2:4 sparse convolution runs in sparse mode: more input channels than one block, and a fitting kernel count. */
export const sparseModeRuns = (
  { inputChannels, kernels, groups, image }: SparseShape,
  { c, k }: Target['atomic'],
): boolean => !image && groups === 1 && inputChannels > c && sparseRemainders.includes(kernels % k);

/** Whether a convolution with these weights, [K, C, R, S], runs in sparse mode. */
export function runsSparse(
  { groups, transposed }: { readonly groups: number; readonly transposed: boolean },
  { shape, data }: { readonly shape: readonly number[]; readonly data: Int8Array },
  { generation, atomic }: Target,
): boolean {
  // Known of Orin's engines only (docs/hardware/orin.md#engines).
  if (generation !== 'orin' || transposed) return false;
  const [kernels = 1, inputChannels = 1, rows = 1, columns = 1] = shape;
  // Images (dla_hwc4) have too few channels anyway.
  if (!sparseModeRuns({ inputChannels, kernels, groups, image: false }, atomic)) return false;
  return fullGroup(data, [kernels, inputChannels, rows, columns]) === undefined;
}
