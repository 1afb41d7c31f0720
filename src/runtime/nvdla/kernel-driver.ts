/**
 * The kernel-mode driver: buffer objects, and a queue of jobs in which the firmware runs tasks one after the other
 * (nvdla/sw `nvdla_gem.c`, `nvdla_core_callbacks.c`). Several networks may be loaded at once. A task comes with a list of
 * addresses, each a buffer and an offset; the driver makes device addresses of them.
 *
 * While a task runs, the device reaches the buffers of its list and nothing else, as behind an IOMMU. Every task begins
 * on a device after reset, so that nothing of one task (registers, lookup tables, the convolution buffer) is left for the
 * next, and a task that failed leaves a usable device.
 */

import type { Bus } from '../../device/bus.ts';
import type { Launch, LaunchResult } from '../../device/launch.ts';
import { watchdogSteps } from '../../device/nvdla/form/check-pipeline.ts';
import { NvdlaDevice } from '../../device/nvdla/nvdla-device.ts';
import type { ImmediateEngines } from '../../device/state.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import type { Job, JobQueue, SubmitOptions, Task } from '../job-queue.ts';
import { DeviceBuffers, type MemoryBases, memoryBases } from './device-buffers.ts';

export interface KernelDriverOptions {
  readonly target: NvdlaTarget;
  readonly bus: Bus;
  readonly engines: ImmediateEngines;
  readonly queue: JobQueue;
  readonly bases?: MemoryBases;
  /** The most steps that one launch may take: multiply-accumulates, elements, bytes. */
  readonly watchdog?: number | undefined;
  /** Told of register writes and launches, for traces. */
  readonly watch?: DeviceWatch;
}

export interface DeviceWatch {
  /** Every register write, before it is made. */
  readonly onWrite: (address: number, value: number) => void;
  /** Every launch, after it is complete. */
  readonly onLaunch: (pipeline: Launch, result: LaunchResult) => void;
}

export class KernelDriver {
  readonly target: NvdlaTarget;
  /** @internal */
  readonly bus: Bus;
  readonly buffers: DeviceBuffers;
  readonly watchdog: number;
  readonly #engines: ImmediateEngines;
  readonly #queue: JobQueue;
  readonly #watch: DeviceWatch | undefined;

  constructor({
    target,
    bus,
    engines,
    queue,
    bases = memoryBases,
    watchdog = watchdogSteps,
    watch,
  }: KernelDriverOptions) {
    this.target = target;
    this.bus = bus;
    this.buffers = new DeviceBuffers(bus, bases);
    this.#engines = engines;
    this.#queue = queue;
    this.watchdog = watchdog;
    this.#watch = watch;
  }

  /** @internal */
  submit<L>(job: Job<L>, options: SubmitOptions<L> = {}): Task {
    return this.#queue.submit(job, options);
  }

  /**
   * A device after reset.
   * @internal
   */
  device(onLaunch: (pipeline: Launch, result: LaunchResult) => void): NvdlaDevice {
    const { target, bus, watchdog } = this;
    const watch = this.#watch;
    const options = { target, bus, engines: this.#engines, watchdog };
    if (!watch) return new NvdlaDevice({ ...options, onLaunch });
    const onBoth: typeof onLaunch = (pipeline, result) => {
      watch.onLaunch(pipeline, result);
      onLaunch(pipeline, result);
    };
    return new NvdlaDevice({ ...options, onLaunch: onBoth, onWrite: watch.onWrite });
  }
}
