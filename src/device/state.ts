/** What outlives a launch: the convolution buffer, lookup tables, packed weights; and which engines do the work. */

import type { Pipeline } from '../program/layer.ts';
import type { Bus } from './bus.ts';
import type { Cube } from './cube.ts';
import type { HardwareCounts } from './engines/reference/nvdla/hardware-counts.ts';
import type { LookupTable } from './engines/reference/nvdla/lookup-table.ts';
import type { StageValues } from './engines/reference/stages.ts';
import type { LaunchResult } from './launch.ts';

/** One implementation of every engine: the scalar reference, or the WebAssembly kernels, with equal results. */
export interface Engines {
  readonly name: string;
  run(pipeline: Pipeline<Cube>, bus: Bus, state: DeviceState): LaunchResult;
  /** Frees threads and scratch memory. */
  close(): void;
}

export interface DeviceState {
  readonly engines: Engines;
  /** What the engines of the open NVDLA keep between launches; present exactly on integer-scale targets. */
  readonly nvdla?: NvdlaState;
}

export interface NvdlaState {
  sdpTable?: LookupTable;
  cdpTable?: LookupTable;
  /** Left in the convolution buffer by a launch that did not release it. */
  keptData?: StageValues;
  keptWeights?: Uint8Array;
  /** What the launch under way counts; absent where nobody reads counters. */
  counts?: HardwareCounts;
}
