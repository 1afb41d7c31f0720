/** A task for the firmware, as a job of the kernel-mode driver. It can run many times. */

import type { Launch, LaunchResult } from '../../device/launch.ts';
import type { InterfaceMinor } from '../../loadable/nvdla/descriptors.ts';
import {
  readTaskDescriptors,
  type TaskDescriptors,
  type TaskOperation,
} from '../../loadable/nvdla/task-descriptors.ts';
import type { Firmware } from '../firmware.ts';
import type { AddressList } from './address-list.ts';
import { Scheduler } from './firmware.ts';
import type { KernelDriver } from './kernel-driver.ts';

/** A launch of a task for the firmware. */
export interface LaunchedOperation {
  /** The first operation of the pipeline. */
  readonly operation: TaskOperation;
  readonly pipeline: Launch;
  readonly result: LaunchResult;
}

export class DlaTask {
  readonly #driver: KernelDriver;
  readonly #list: AddressList;
  readonly #minor: InterfaceMinor;
  /** Descriptors, and the versions of the lists that they were read from. */
  #known: { readonly descriptors: TaskDescriptors; readonly versions: readonly number[] } | undefined;

  constructor(driver: KernelDriver, list: AddressList, minor: InterfaceMinor) {
    this.#driver = driver;
    this.#list = list;
    this.#minor = minor;
  }

  /**
   * One run of the task. Its steps throw loadable/corrupt, loadable/truncated, device/stalled, device/unsupported,
   * device/fault.
   */
  firmware(): Firmware<LaunchedOperation> {
    const list = this.#list;
    const { bus } = this.#driver;
    const launched: LaunchedOperation[] = [];
    let scheduler: Scheduler | undefined;
    const goOn = (): void => {
      scheduler ??= this.#start(launched);
      for (let more = true; launched.length === 0 && more; ) more = scheduler.step();
    };
    return {
      // Registers and interrupts belong to one task at a time.
      exclusive: true,
      step() {
        if (launched.length === 0) bus.within(list.windows, goOn);
        return launched.shift();
      },
    };
  }

  #start(launched: LaunchedOperation[]): Scheduler {
    const device = this.#driver.device((pipeline, result) => {
      launched.push({ operation: scheduler.operationOf(pipeline), pipeline, result });
    });
    const scheduler = new Scheduler(this.#list.address, this.#descriptors(), device);
    scheduler.start();
    return scheduler;
  }

  #descriptors(): TaskDescriptors {
    const known = this.#known;
    const isCurrent = known && this.#versions(known.descriptors).every((version, at) => version === known.versions[at]);
    if (isCurrent) return known.descriptors;
    const descriptors = readTaskDescriptors(this.#list.read, this.#minor);
    this.#known = { descriptors, versions: this.#versions(descriptors) };
    return descriptors;
  }

  #versions({ network, luts }: TaskDescriptors): readonly number[] {
    const lists = [0, network.dependencyGraphIndex, network.operationDescIndex, network.surfaceDescIndex];
    if (luts.length > 0) lists.push(network.lutDataIndex);
    return lists.map((position) => this.#list.version(position));
  }
}
