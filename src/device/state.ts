/** What outlives a launch: the convolution buffer, lookup tables, packed weights; and which engines do the work. */

import type { Pipeline } from '../program/layer.ts';
import type { Bus } from './bus.ts';
import type { HardwareCounts } from './engines/reference/nvdla/hardware-counts.ts';
import type { LookupTable } from './engines/reference/nvdla/lookup-table.ts';
import type { StageValues } from './engines/reference/stages.ts';
import type { Cube, LaunchResult } from './launch.ts';

/** One implementation of every engine: the scalar reference, the WebAssembly kernels, or another's, with equal results. */
export type Engines = ImmediateEngines | QueuedEngines;

/** Engines that work in the bus's memory. A launch is complete when `dispatch` returns, and its surfaces lie on the bus. */
export interface ImmediateEngines {
  readonly kind: 'immediate';
  readonly name: string;
  dispatch(pipeline: Pipeline<Cube>, bus: Bus, state: DeviceState): LaunchResult;
  /** Frees threads and scratch memory. */
  close(): void;
}

/**
 * Engines that work elsewhere: on a GPU, in a worker, in another process. They keep surfaces where they compute, and what they do for the
 * bus that they were made for takes effect in the order in which it was asked for.
 */
export interface QueuedEngines {
  readonly kind: 'queued';
  readonly name: string;
  /**
   * Queues a launch. Before it returns it has taken from the bus whatever was written there (windows' versions tell); the bus may
   * change at once.
   * @returns when the launch is complete; rejects with device/fault, device/unsupported
   */
  dispatch(pipeline: Pipeline<Cube>): Promise<LaunchResult>;
  /** @returns the bytes of a surface as the launches that were dispatched before leave it */
  read(cube: Cube): Promise<Uint8Array>;
  /** Rejects what is queued. */
  close(): void;
}

export interface DeviceState {
  readonly engines: ImmediateEngines;
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
