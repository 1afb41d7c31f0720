/**
 * A device: memory, engines, and a queue of tasks. Several tasks may be in flight; the device launches one layer of each
 * in turn, so that a short task does not wait for a long one. Tasks share nothing but constants: how they interleave
 * changes no result.
 */

import { Bus } from '../device/bus.ts';
import type { ThreadSpawner } from '../device/kernels/thread-pool.ts';
import { referenceEngines } from '../device/reference/engines.ts';
import type { DeviceState, Engines } from '../device/state.ts';
import { fail } from '../graph/errors.ts';
import type { BlobTable, Program } from '../program/program.ts';
import { validateProgram } from '../program/validate.ts';
import { findTarget } from '../targets/find.ts';
import type { Target } from '../targets/target.ts';
import type { Firmware, Launched } from './firmware.ts';
import { AddressMap, type Context, LoadedProgram, type ProgramInMemory } from './loaded-program.ts';
import type { LoweredProgram } from './nvdla/lowered-program.ts';
import { turnTaker } from './yield.ts';

export interface DeviceOptions {
  /** A name, or the data of a target of your own. */
  readonly target: string | Target;
  /** The WebAssembly kernels (the default), the scalar reference, or engines that are made for the bus. */
  readonly engines?: 'wasm' | 'reference' | ((bus: Bus) => Engines | Promise<Engines>);
  /** Threads of the kernels, the caller's included; 1 by default. More need `spawn` and memory that may be shared. */
  readonly threads?: number;
  /** Starts the kernels' threads: `nodeThreads` or `browserThreads` of the host. */
  readonly spawn?: ThreadSpawner;
  /** Shared memory although one thread is enough. */
  readonly shared?: boolean;
  /** Most bytes of memory; 4 GiB by default. */
  readonly maximum?: number;
}

export interface SubmitOptions {
  readonly signal?: AbortSignal | undefined;
  /** Called after every launch, before the device goes on. */
  readonly onLaunch?: ((launched: Launched) => void) | undefined;
}

export interface Task {
  readonly id: number;
  /** Resolves when the task is complete. Rejects with `cancelled`, `device/stalled`, `device/fault`, … */
  readonly done: Promise<void>;
}

interface Queued {
  readonly firmware: Firmware;
  readonly options: SubmitOptions;
  readonly resolve: () => void;
  readonly reject: (error: unknown) => void;
}

/** @throws target/unknown, device/memory, device/unsupported */
export async function openDevice(options: DeviceOptions): Promise<Device> {
  const { threads = 1, maximum } = options;
  const target = typeof options.target === 'string' ? findTarget(options.target) : options.target;
  const shared = options.shared ?? threads > 1;
  if (shared && globalThis.crossOriginIsolated === false) {
    fail(
      'device/unsupported',
      'threads need a cross-origin isolated page (COOP and COEP headers)',
      {},
      {
        expected: 'threads: 1',
        actual: `threads: ${threads}`,
      },
    );
  }
  const bus = new Bus({
    shared,
    ...(maximum !== undefined && { maximum }),
  });
  const state = { engines: await enginesFor(bus, options) };
  if (target.arithmetic === 'float-scale') return new Device(target, bus, state);
  // Loaded when wanted: registers and firmware of the open NVDLA.
  const { LoweredProgram } = await import('./nvdla/lowered-program.ts');
  return new Device(target, bus, state, LoweredProgram);
}

async function enginesFor(bus: Bus, options: DeviceOptions): Promise<Engines> {
  const { engines = 'wasm', threads = 1, spawn } = options;
  if (typeof engines === 'function') return engines(bus);
  if (engines === 'reference') return referenceEngines();
  // Loaded when wanted: the kernels are a build product of some size.
  const { createWasmEngines } = await import('../device/kernels/engines.ts');
  return createWasmEngines(bus, { threads, ...(spawn && { spawn }) });
}

export class Device {
  readonly target: Target;
  readonly bus: Bus;
  readonly state: DeviceState;
  readonly #addresses: AddressMap;
  readonly #lowered: typeof LoweredProgram | undefined;
  #queue: Queued[] = [];
  #running = false;
  #closed = false;
  #tasks = 0;

  /** @param lowered what runs Programs through registers and firmware, on an open NVDLA */
  constructor(target: Target, bus: Bus, state: DeviceState, lowered?: typeof LoweredProgram) {
    this.#lowered = lowered;
    this.target = target;
    this.bus = bus;
    this.state = state;
    this.#addresses = new AddressMap(bus);
  }

  /**
   * Checks a Program and lays its constants into memory.
   * @throws loadable/target, program/invalid, device/memory
   */
  load(program: Program, blobs: BlobTable): ProgramInMemory {
    if (program.target !== this.target.name) {
      fail(
        'loadable/target',
        'the program was made for another target',
        {},
        { expected: this.target.name, actual: program.target },
      );
    }
    validateProgram(program, blobs, this.target);
    return this.#lowered === undefined
      ? new LoadedProgram(program, blobs, this.bus, this.#addresses, this.state)
      : new this.#lowered(program, blobs, this.target, this.bus, this.state.engines);
  }

  /** Puts one run of a loaded Program into the queue. */
  submit(context: Context, options: SubmitOptions = {}): Task {
    return this.submitFirmware(context.firmware(), options);
  }

  /** Puts any task into the queue. */
  submitFirmware(firmware: Firmware, options: SubmitOptions = {}): Task {
    if (this.#closed) throw new Error('the device is closed');
    const done = new Promise<void>((resolve, reject) => {
      this.#queue.push({ firmware, options, resolve, reject });
    });
    if (!this.#running) {
      this.#running = true;
      // Not before whoever submits now is through: tasks submitted together start together.
      queueMicrotask(() => void this.#work());
    }
    return { id: this.#tasks++, done };
  }

  /** Cancels what is in the queue and frees the engines' threads. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.state.engines.close();
  }

  async #work(): Promise<void> {
    const takeTurn = turnTaker();
    for (let task = this.#queue.shift(); task !== undefined; task = this.#queue.shift()) {
      try {
        if (this.#closed) fail('cancelled', 'the device was closed');
        if (task.options.signal?.aborted) fail('cancelled', 'the run was cancelled');
        const launched = task.firmware.step();
        if (launched) {
          task.options.onLaunch?.(launched);
          // Registers and interrupts belong to one task at a time.
          if (task.firmware.exclusive) this.#queue.unshift(task);
          else this.#queue.push(task);
        } else task.resolve();
      } catch (error) {
        task.reject(error);
      }
      const turn = takeTurn();
      if (turn) await turn;
    }
    this.#running = false;
  }
}
