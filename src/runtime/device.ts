/**
 * A device: memory, engines, and a queue of tasks. Tasks share nothing but constants: how they interleave changes no
 * result. An open NVDLA has its kernel-mode driver besides, through which Programs and stock loadables run alike.
 */

import { fail } from '../base/errors.ts';
import { Bus } from '../device/bus.ts';
import { referenceEngines } from '../device/engines/reference/engines.ts';
import type { ThreadSpawner } from '../device/engines/wasm/thread-pool.ts';
import { immediate, type Seam, seamOf } from '../device/launch.ts';
import type { Engines } from '../device/state.ts';
import type { BlobTable, Program } from '../program/program.ts';
import { validateProgram } from '../program/validate.ts';
import { findTarget } from '../targets/find.ts';
import { isNvdla, type Target } from '../targets/target.ts';
import { JobQueue, type SubmitOptions, type Task } from './job-queue.ts';
import { AddressMap, type Context, LoadedProgram, type ProgramInMemory } from './loaded-program.ts';
import type { KernelDriver } from './nvdla/kernel-driver.ts';
import type { LoweredProgram } from './nvdla/lowered-program.ts';
import type { Launched } from './program-scheduler.ts';

export interface DeviceOptions {
  /** A name, or the data of a target of your own. */
  readonly target: string | Target;
  /** The WebAssembly kernels (the default), the scalar reference, or engines that are made for the bus. */
  readonly engines?: 'wasm' | 'reference' | ((bus: Bus) => Engines | Promise<Engines>);
  /** Threads of the kernels, the caller's included; 1 by default. More need `spawn` and memory that may be shared. */
  readonly threads?: number;
  /** Starts the kernels' threads: `nodeThreads` or `browserThreads` of the host. */
  readonly spawn?: ThreadSpawner;
  /** Makes the memory a SharedArrayBuffer even for one thread. */
  readonly shared?: boolean;
  /** Most bytes of memory; 4 GiB by default. */
  readonly maximum?: number;
  /** Of an open NVDLA: the most steps (multiply-accumulates, elements, bytes) of one launch; 2³⁸ unless given. */
  readonly watchdog?: number;
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
  const engines = await enginesFor(bus, options);
  const queue = new JobQueue();
  if (!isNvdla(target)) return new Device({ target, bus, engines, queue });
  // The open NVDLA's drivers, registers and firmware are imported only for a device that has them.
  const [{ KernelDriver: Driver }, { LoweredProgram: Lowered }] = await Promise.all([
    import('./nvdla/kernel-driver.ts'),
    import('./nvdla/lowered-program.ts'),
  ]);
  const driver = new Driver({ target, bus, engines: immediate(engines), queue, watchdog: options.watchdog });
  return new Device({ target, bus, engines, queue, nvdla: { driver, load: (...of) => new Lowered(...of, driver) } });
}

/** @throws device/memory */
export async function enginesFor(
  bus: Bus,
  options: Pick<DeviceOptions, 'engines' | 'threads' | 'spawn'>,
): Promise<Engines> {
  const { engines = 'wasm', threads = 1, spawn } = options;
  if (typeof engines === 'function') return engines(bus);
  if (engines === 'reference') return referenceEngines();
  // The kernels are large, and a device with the reference engines never imports them.
  const { createWasmEngines } = await import('../device/engines/wasm/engines.ts');
  return createWasmEngines(bus, { threads, ...(spawn && { spawn }) });
}

/** How an open NVDLA runs Programs. */
interface NvdlaStack {
  readonly driver: KernelDriver;
  load(program: Program, blobs: BlobTable): LoweredProgram;
}

interface DeviceParts {
  readonly target: Target;
  readonly bus: Bus;
  readonly engines: Engines;
  readonly queue: JobQueue;
  readonly nvdla?: NvdlaStack;
}

export class Device {
  readonly target: Target;
  /** @internal */
  readonly bus: Bus;
  readonly engines: Engines;
  /** @internal */
  readonly seam: Seam;
  readonly #addresses: AddressMap;
  readonly #queue: JobQueue;
  readonly #nvdla: NvdlaStack | undefined;
  #closed = false;

  constructor({ target, bus, engines, queue, nvdla }: DeviceParts) {
    this.target = target;
    this.bus = bus;
    this.engines = engines;
    this.seam = seamOf(engines, bus);
    this.#addresses = new AddressMap(bus);
    this.#queue = queue;
    this.#nvdla = nvdla;
  }

  /** The kernel-mode driver of an open NVDLA. @throws device/unsupported for other targets, whose drivers are not known */
  get driver(): KernelDriver {
    return (
      this.#nvdla?.driver ?? fail('device/unsupported', `${this.target.name} is not a configuration of the open NVDLA`)
    );
  }

  /**
   * Checks a Program and lays its constants into memory.
   * @throws loadable/target, program/invalid, device/memory
   * @internal
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
    return this.#nvdla?.load(program, blobs) ?? new LoadedProgram(program, blobs, this.bus, this.#addresses, this.seam);
  }

  /**
   * Puts one run of a loaded Program into the queue.
   * @internal
   */
  submit(context: Context, options: SubmitOptions<Launched> = {}): Task {
    return this.#queue.submit(context.job(), options);
  }

  /** Cancels what is in the queue and frees the engines' threads. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#queue.close();
    this.engines.close();
  }
}
