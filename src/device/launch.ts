/**
 * The seam. Every way of running a network ends here: register writes of a trace, descriptors of a stock loadable,
 * layers of a Program. `launch` runs one pipeline to completion: it reads its cubes from the bus, keeps what outlives a
 * launch in the state, and tells what was written, which events were raised, and what it cost.
 */

import type { Pipeline } from '../program/layer.ts';
import type { EngineName } from '../program/layers/kind.ts';
import type { Bus } from './bus.ts';
import type { Cube } from './cube.ts';
import { type Rubik, runRubik } from './nvdla/rubik.ts';
import { runTransfers, type Transfer } from './nvdla/transfer.ts';
import type { DeviceState } from './state.ts';

/** What a device launches: a pipeline, or what only NVDLA's registers and firmware know. */
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

/** What only moves bytes has no arithmetic to choose and needs no engines. @throws device/fault, device/unsupported */
export function launch(pipeline: Launch, bus: Bus, state: DeviceState): LaunchResult {
  if (pipeline.kind === 'transfer') return runTransfers(pipeline.transfers, bus);
  if (pipeline.kind === 'rubik') return runRubik(pipeline.rubik, bus);
  return state.engines.run(pipeline, bus, state);
}
