/**
 * Weights in the order in which kernels read them, kept until the memory they came from changes. A convolution reads
 * its input in *runs* (a tap's channels, or a whole row of taps where pixels lie side by side); the weights of a block of
 * 8 kernels follow the runs, two channels at a time: 8 kernels × 2 channels of int16, 32 bytes. Places without a weight
 * (an odd last channel, kernels beyond the last, channels of another group) hold zero.
 */

import type { Bus, Window } from '../../bus.ts';
import type { Cube } from '../../launch.ts';

/** How a convolution is cut into runs. */
export interface RunPlan {
  readonly kernels: number;
  readonly groupKernels: number;
  readonly groupChannels: number;
  /** Weights are [C, K/groups, R, S] rather than [K, C/groups, R, S]. */
  readonly transposed: boolean;
  /** Kernel positions (r · S + s) of each run, in the order of its bytes. */
  readonly runs: readonly (readonly number[])[];
  /** Positions of the whole kernel, R · S. */
  readonly taps: number;
  /** Channels of a tap within a run. */
  readonly channels: number;
  /** First input channel of each block of 8 kernels. */
  readonly starts: readonly number[];
}

export const runLength = (plan: RunPlan): number => (plan.runs[0]?.length ?? 0) * plan.channels;

/** Channel pairs of all runs. */
export const pairCount = (plan: RunPlan): number => plan.runs.length * Math.ceil(runLength(plan) / 2);

interface Entry {
  readonly window: Window;
  readonly version: number;
  readonly cube: Cube;
  readonly offset: number;
  readonly size: number;
}

export class PackedWeights {
  readonly #bus: Bus;
  readonly #entries = new Map<string, Entry>();

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** Where the packed form lies. @param bytes the size of the cube's data @throws device/fault, device/memory */
  locate(
    key: string,
    cube: Cube,
    bytes: number,
    size: number,
    pack: (weights: Int8Array, packed: Int16Array) => void,
  ): number {
    const window = this.#bus.window(cube.address, bytes);
    const id = `${cube.address} ${key}`;
    const entry = this.#entries.get(id);
    if (entry && entry.window === window && entry.version === window.version) return entry.offset;
    this.#sweep();
    const offset = this.#bus.allocate(size);
    const source = this.#bus.locate(cube.address, bytes);
    const { buffer } = this.#bus.memory;
    try {
      pack(new Int8Array(buffer, source, bytes), new Int16Array(buffer, offset, size / 2));
    } catch (error) {
      this.#bus.release(offset, size);
      throw error;
    }
    this.#entries.set(id, { window, version: window.version, cube, offset, size });
    return offset;
  }

  /** Drops what belongs to memory that changed or went away. */
  #sweep(): void {
    for (const [id, entry] of this.#entries) {
      if (entry.window.mapped && entry.window.version === entry.version) continue;
      this.#bus.release(entry.offset, entry.size);
      this.#entries.delete(id);
    }
  }

  close(): void {
    for (const { offset, size } of this.#entries.values()) this.#bus.release(offset, size);
    this.#entries.clear();
  }
}

export function packRuns(plan: RunPlan, weights: Int8Array, packed: Int16Array): void {
  const { kernels, groupKernels, groupChannels, transposed, runs, taps, channels, starts } = plan;
  const runPairs = Math.ceil(runLength(plan) / 2);
  const blockElements = pairCount(plan) * 16;
  for (let k = 0; k < kernels; k++) {
    const block = k >> 3;
    const group = Math.floor(k / groupKernels);
    const first = starts[block]! - group * groupChannels;
    const from = Math.max(0, -first);
    const end = Math.min(channels, groupChannels - first);
    const channelStep = transposed ? groupKernels * taps : taps;
    const base = transposed
      ? (group * groupChannels * groupKernels + (k % groupKernels)) * taps
      : k * groupChannels * taps;
    for (let run = 0; run < runs.length; run++) {
      const positions = runs[run]!;
      const to = block * blockElements + run * runPairs * 16 + (k & 7) * 2;
      for (let t = 0; t < positions.length; t++) {
        for (let c = from; c < end; c++) {
          const element = t * channels + c;
          packed[to + (element >> 1) * 16 + (element & 1)] = weights[base + (first + c) * channelStep + positions[t]!]!;
        }
      }
    }
  }
}

/** Depthwise: for each block of 8 channels and each pair of taps, 8 channels × 2 taps. */
export function packDepthwise(kernels: number, taps: number, weights: Int8Array, packed: Int16Array): void {
  const tapPairs = Math.ceil(taps / 2);
  for (let k = 0; k < kernels; k++) {
    for (let t = 0; t < taps; t++) {
      packed[((k >> 3) * tapPairs + (t >> 1)) * 16 + (k & 7) * 2 + (t & 1)] = weights[k * taps + t]!;
    }
  }
}
