/**
 * The seam. Every way of running a network ends here: register writes of a trace, descriptors of a stock loadable,
 * layers of a Program. `launch` runs one pipeline to completion: it reads its cubes from the bus, keeps what outlives a
 * launch in the state, and tells what was written, which events were raised, and what it cost.
 */

import type { Pipeline } from '../program/layer.ts';
import type { Bus } from './bus.ts';
import type { Cube } from './cube.ts';
import type { DeviceState } from './state.ts';

/** An engine that raises `done` when its part of the pipeline is complete, by NVDLA's names. */
export type EngineName = 'conv' | 'sdp' | 'pdp' | 'cdp' | 'rubik' | 'bdma' | 'resize';

export interface LaunchResult {
  /** The cubes that were written, in stage order. */
  readonly writes: readonly Cube[];
  readonly events: readonly { readonly engine: EngineName; readonly event: 'done' }[];
  readonly counters: {
    /** Multiply-accumulates, padding included, as the convolution core would do them. */
    readonly macs: number;
    readonly readBytes: number;
    readonly writtenBytes: number;
    /** Results that did not fit int8 and were clamped to its ends. */
    readonly saturated: number;
  };
}

/** @throws device/fault, device/unsupported */
export function launch(pipeline: Pipeline<Cube>, bus: Bus, state: DeviceState): LaunchResult {
  return state.engines.run(pipeline, bus, state);
}
