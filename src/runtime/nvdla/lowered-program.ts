/**
 * A Program of the open NVDLA in the device's memory: as the stock loadable that it is lowered to, run by the firmware
 * through the registers. Every context is a load of its own, so that tasks in flight share nothing.
 */

import type { Bus } from '../../device/bus.ts';
import type { LaunchResult } from '../../device/launch.ts';
import { NvdlaDevice } from '../../device/nvdla/nvdla-device.ts';
import type { Engines } from '../../device/state.ts';
import { lowerWithPlaces } from '../../loadable/nvdla/lower-program.ts';
import { readTaskDescriptors } from '../../loadable/nvdla/task-descriptors.ts';
import { layerWrites } from '../../program/access.ts';
import type { BlobTable, Program } from '../../program/program.ts';
import type { Target } from '../../targets/target.ts';
import { ContextPool } from '../context-pool.ts';
import type { Firmware, Launched } from '../firmware.ts';
import { type Context, cubeAt, type ProgramInMemory } from '../loaded-program.ts';
import { startTask } from './firmware.ts';
import { loadNetwork } from './stock-runtime.ts';

export class LoweredProgram implements ProgramInMemory {
  readonly program: Program;
  readonly #lowered: ReturnType<typeof lowerWithPlaces>;
  readonly #target: Target;
  readonly #bus: Bus;
  readonly #engines: Engines;
  readonly #pool = new ContextPool(() => this.#context());

  /** @param program a valid one @throws program/invalid, device/memory */
  constructor(program: Program, blobs: BlobTable, target: Target, bus: Bus, engines: Engines) {
    this.program = program;
    this.#target = target;
    this.#bus = bus;
    this.#engines = engines;
    this.#lowered = lowerWithPlaces(program, blobs, target);
    // What does not fit says so now.
    this.release(this.acquire());
  }

  acquire(): Context {
    return this.#pool.acquire();
  }

  release(context: Context): void {
    this.#pool.release(context);
  }

  unload(): void {
    this.#pool.close();
  }

  #device(onLaunch: (result: LaunchResult) => void): NvdlaDevice {
    const [target, bus, engines] = [this.#target, this.#bus, this.#engines];
    return new NvdlaDevice({ target, bus, engines, onLaunch: (_, result) => onLaunch(result) });
  }

  #context(): Context {
    const { loadable, memoryOf } = this.#lowered;
    const { program } = this;
    const network = loadNetwork(
      loadable,
      this.#device(() => {}),
    );
    const cubes = program.surfaces.map((surface) =>
      cubeAt(surface, network.base(memoryOf(surface)) + BigInt(surface.offset)),
    );
    const task = network.task(0);
    const descriptors = readTaskDescriptors(task.read, task.minor);
    /** The address that a layer writes last. */
    const written = program.layers.map((layer) => cubes[layerWrites(layer).at(-1)!.surface]!.address);
    const firmware = (): Firmware => {
      const launched: Launched[] = [];
      const complete = program.layers.map(() => false);
      let first = 0;
      const device = this.#device((result) => {
        const address = result.writes.at(-1)?.address;
        while (first < complete.length && complete[first]) first++;
        let at = first;
        while (at < complete.length && (complete[at] || written[at] !== address)) at++;
        const layer = program.layers[at];
        if (layer === undefined) throw new Error('a launch belongs to no layer of the program');
        complete[at] = true;
        launched.push({ layer, result });
      });
      let step: (() => boolean) | undefined;
      return {
        exclusive: true,
        step() {
          step ??= startTask(task, descriptors, device);
          for (let more = true; launched.length === 0 && more; ) more = step();
          return launched.shift();
        },
      };
    };
    return { cubes, firmware, close: () => network.close() };
  }
}
