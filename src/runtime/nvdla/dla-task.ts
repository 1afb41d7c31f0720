/** A task of the DLA, whose descriptors are read once and again when they have changed. It can run many times. */

import type { Launch, LaunchResult } from '../../device/launch.ts';
import type { InterfaceMinor } from '../../loadable/nvdla/format/descriptors.ts';
import {
  readTaskDescriptors,
  type TaskDescriptors,
  type TaskOperation,
} from '../../loadable/nvdla/format/task-descriptors.ts';
import type { Job } from '../job-queue.ts';
import type { AddressList } from './address-list.ts';
import { Firmware } from './firmware.ts';
import type { KernelDriver } from './kernel-driver.ts';
import { type TaskGraph, taskGraph } from './task-graph.ts';

/** A launch of such a task. */
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
  readonly #layers: readonly string[] | undefined;
  /** Descriptors, and the versions of the lists that they were read from. */
  #known: { readonly graph: TaskGraph; readonly versions: readonly number[] } | undefined;

  /** @param layers the names of the layers that operations are of, by the operation's index */
  constructor(driver: KernelDriver, list: AddressList, minor: InterfaceMinor, layers?: readonly string[]) {
    this.#driver = driver;
    this.#list = list;
    this.#minor = minor;
    this.#layers = layers;
  }

  /**
   * One run of the task. Its steps throw loadable/corrupt, loadable/truncated, device/stalled, device/unsupported,
   * device/fault.
   */
  job(): Job<LaunchedOperation> {
    const list = this.#list;
    const { bus } = this.#driver;
    const launched: LaunchedOperation[] = [];
    let firmware: Firmware | undefined;
    const goOn = (): void => {
      firmware ??= this.#start(launched);
      for (let more = true; launched.length === 0 && more; ) more = firmware.step();
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

  #start(launched: LaunchedOperation[]): Firmware {
    const device = this.#driver.device((pipeline, result) => {
      launched.push({ operation: firmware.operationOf(pipeline), pipeline, result });
    });
    const firmware = new Firmware(this.#list.address, this.#graph(), device);
    firmware.start();
    return firmware;
  }

  #graph(): TaskGraph {
    const known = this.#known;
    const isCurrent = known && this.#versions(known.graph.task).every((version, at) => version === known.versions[at]);
    if (isCurrent) return known.graph;
    const task = readTaskDescriptors(this.#list.read, this.#minor);
    const graph = taskGraph(task, this.#layers);
    this.#known = { graph, versions: this.#versions(task) };
    return graph;
  }

  #versions({ network, operations, luts }: TaskDescriptors): readonly number[] {
    const { dependencyGraphIndex, operationDescIndex, surfaceDescIndex, lutDataIndex } = network;
    const lists = operations.length > 0 ? [dependencyGraphIndex, operationDescIndex, surfaceDescIndex] : [];
    if (luts.length > 0) lists.push(lutDataIndex);
    return [0, ...lists].map((position) => this.#list.version(position));
  }
}
