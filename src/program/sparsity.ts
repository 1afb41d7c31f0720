/** 2:4 sparsity (docs/hardware/sparsity.md): of four weights side by side along input channels at least two are zero. */

import type { Target } from '../targets/target.ts';
import type { MacWork } from './layers/kind.ts';
import type { Shape4 } from './surface.ts';

export interface FullGroup {
  readonly kernel: number;
  /** The first of the four. */
  readonly channel: number;
  /** How many of them are not zero. */
  readonly used: number;
}

/** The first group of four with more than two weights; undefined when the weights, [K, C, R, S], are 2:4 sparse. */
export function fullGroup(
  weights: ArrayLike<number>,
  [kernels, channels, rows, columns]: Shape4,
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

/** Whether a 2:4 sparse convolution runs in sparse mode: more input channels than one block, and a fitting kernel count. */
export const sparseModeRuns = (
  { inputChannels, kernels, groups, image }: Pick<MacWork, 'inputChannels' | 'kernels' | 'groups' | 'image'>,
  { c, k }: Target['atomic'],
): boolean => !image && groups === 1 && inputChannels > c && sparseRemainders.includes(kernels % k);
