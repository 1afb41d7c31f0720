/**
 * The seam. Every way of running a network ends here: register writes of a trace, descriptors of a stock loadable,
 * layers of a Program. `launch` runs one pipeline to completion: it reads its cubes from the bus, keeps what outlives a
 * launch in the state, and returns the cubes that were written, the events that were raised, and counters.
 *
 * Layers of a Program need no more than an order, so they also go to engines that only queue a launch (`seamOf`): `dispatch` says
 * when it is done, and `read` waits for the bytes of a surface. Registers show what a launch did at once and need `launch`.
 */

import { fail } from '../base/errors.ts';
import type { Pipeline } from '../program/layer.ts';
import type { EngineName } from '../program/layers/kind.ts';
import type { ElementType, Shape4, SurfaceFormat } from '../program/surface.ts';
import type { Bus } from './bus.ts';
import { type Rubik, runRubik } from './nvdla/rubik.ts';
import { runTransfers, type Transfer } from './nvdla/transfer.ts';
import type { DeviceState, Engines, ImmediateEngines } from './state.ts';

/** A surface bound to an address: what the stages of a pipeline refer to when it is launched. */
export interface Cube {
  readonly address: bigint;
  readonly shape: Shape4;
  readonly dtype: ElementType;
  readonly format: SurfaceFormat;
  readonly lineStride: number;
  readonly surfaceStride: number;
  readonly batchStride: number;
  /** Bytes from the first to one past the last element that may be touched. */
  readonly size: number;
}

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
  return state.engines.dispatch(pipeline, bus, state);
}

/** Engines for the registers of the open NVDLA. @throws device/unsupported */
export function immediate(engines: Engines): ImmediateEngines {
  if (engines.kind === 'immediate') return engines;
  engines.close();
  const message =
    'registers show at once what a launch did: engines that queue launches run Programs of orin and xavier alone';
  return fail('device/unsupported', message, {}, { actual: engines.name });
}

/** What a Program needs of engines. Nothing is a promise where engines are immediate. */
export interface Seam {
  /** Whether `dispatch` returns before a launch is complete. */
  readonly queues: boolean;
  dispatch(pipeline: Pipeline<Cube>): LaunchResult | Promise<LaunchResult>;
  /** The bytes of a surface behind all launches so far: of immediate engines, where they lie until memory grows. */
  read(cube: Cube): Uint8Array | Promise<Uint8Array>;
}

export function seamOf(engines: Engines, bus: Bus): Seam {
  if (engines.kind === 'queued') {
    return { queues: true, dispatch: (pipeline) => engines.dispatch(pipeline), read: (cube) => engines.read(cube) };
  }
  const state = { engines };
  return {
    queues: false,
    dispatch: (pipeline) => launch(pipeline, bus, state),
    read({ address, size }) {
      const at = bus.locate(address, size);
      return bus.bytes.subarray(at, at + size);
    },
  };
}
