/**
 * FP16 convolution. On Orin it does not run in the convolution pipes but in Rubik (docs/hardware/orin.md#engines), and it is slow. What fits
 * the engines of one convolution that branes-ai/graphs measured (docs/hardware/estimate-model.md#fp16): Rubik goes along the rows in
 * runs of 32 columns, however few there are; with a stride it computes all columns and keeps some, but for images; every position
 * meets every tap of 32 input channels × 32 kernels in a few cycles; and what it reads and writes comes on top. The number of weights
 * does not show.
 */

import { type GBps, gigabytesPerSecond, type Microseconds, microseconds } from '../../base/units.ts';
import type { Conv } from '../../program/layer.ts';
import type { CubeType, MacWork } from '../../program/layers/kind.ts';
import type { Fitted } from './parameters.ts';

const fit = 'fitted to 28 latencies of single convolutions in MAXN (docs/hardware/estimate-model.md#fp16)';

export interface HalfParameters {
  /** Cycles of the core for one position, one tap, 32 input channels and 32 kernels: 1024 multiply-accumulates. */
  readonly blockCycles: Fitted<number>;
  /** Rate of the input and of the result, at the reference memory clock and bus of the model's other rates. */
  readonly bandwidth: Fitted<GBps>;
}

export const halfParameters: HalfParameters = {
  blockCycles: { value: 3.11, status: 'fitted', range: [2.99, 3.15], source: fit },
  bandwidth: {
    value: gigabytesPerSecond(21.7),
    status: 'fitted',
    range: [gigabytesPerSecond(20), gigabytesPerSecond(24)],
    source: fit,
  },
};

/** Channels and kernels that Rubik takes at once. */
const lane = 32;
/** Columns that it takes at once. */
const run = 32;

const runs = (columns: number): number => Math.ceil(columns / run) * run;

/** Positions that Rubik computes of one image; of a transposed convolution it is assumed to go over the input. */
export function halfPositions({ transposed, output, stride }: Conv<unknown>, { shape, format }: CubeType): number {
  if (transposed) return shape[2] * runs(shape[3]);
  return output.height * runs(format === 'dla_hwc4' ? output.width : output.width * stride.w);
}

/** Blocks of 32 input channels × 32 kernels that meet at a position and tap: small groups lie side by side on a diagonal. */
function blocksOf({ inputChannels, kernels, groups }: MacWork): number {
  const [channels, made] = [inputChannels / groups, kernels / groups];
  if (Math.max(channels, made) <= lane) return Math.ceil(Math.max(inputChannels, kernels) / lane);
  return groups * Math.ceil(channels / lane) * Math.ceil(made / lane);
}

/** Cycles of the core for one image. */
export const halfCycles = (conv: MacWork, positions: number, { blockCycles }: HalfParameters): number =>
  positions * conv.rows * conv.columns * blocksOf(conv) * blockCycles.value;

/** Time to read and write so many bytes. `memoryScale`: memory's rates against the reference. */
export const halfTransfer = (bytes: number, memoryScale: number, { bandwidth }: HalfParameters): Microseconds =>
  microseconds(bytes / (1000 * memoryScale * bandwidth.value));
