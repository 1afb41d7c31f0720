/** What outlives a launch: the convolution buffer, lookup tables, packed weights; and which engines do the work. */

import type { Pipeline } from '../program/layer.ts';
import type { Bus } from './bus.ts';
import type { Cube } from './cube.ts';
import type { LaunchResult } from './launch.ts';
import type { NvdlaState } from './nvdla/nvdla-state.ts';

/** One implementation of every engine: the scalar reference, or the WebAssembly kernels. Equal results. */
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
