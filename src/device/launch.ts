/**
 * The seam. Every way of running a network ends here: register writes of a trace, descriptors of a stock loadable,
 * layers of a Program. `launch` runs one pipeline to completion: it reads its cubes from the bus, keeps what outlives a
 * launch in the state, and returns the cubes that were written, the events that were raised, and counters.
 */

import type { Pipeline } from '../program/layer.ts';
import type { EngineName } from '../program/layers/kind.ts';
import type { Bus } from './bus.ts';
import type { Cube } from './cube.ts';
import { type Rubik, runRubik } from './nvdla/rubik.ts';
import { runTransfers, type Transfer } from './nvdla/transfer.ts';
import type { DeviceState } from './state.ts';

/** What a device launches: a pipeline, or a move that only NVDLA's registers and firmware have. */
export type Launch =
  | Pipeline<Cube>
  | { readonly kind: 'transfer'; readonly transfers: readonly Transfer[] }
  | { readonly kind: 'rubik'; readonly rubik: Rubik };

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

/** Runs one pipeline to completion. Rubik and BDMA only move bytes, so they need no engines. @throws device/fault, device/unsupported */
export function launch(pipeline: Launch, bus: Bus, state: DeviceState): LaunchResult {
  if (pipeline.kind === 'transfer') return runTransfers(pipeline.transfers, bus);
  if (pipeline.kind === 'rubik') return runRubik(pipeline.rubik, bus);
  return state.engines.run(pipeline, bus, state);
}
