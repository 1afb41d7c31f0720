/**
 * A Program of the open NVDLA in the device's memory: as the stock loadable that it is lowered to, run through the drivers,
 * the firmware and the registers. Every context is a load of its own, so that tasks in flight share nothing.
 */

import { lowerWithPlaces } from '../../loadable/nvdla/lower/program.ts';
import type { BlobTable, Program } from '../../program/program.ts';
import type { Job } from '../job-queue.ts';
import { type Context, ContextPool, cubeAt, type ProgramInMemory } from '../loaded-program.ts';
import type { Launched } from '../program-scheduler.ts';
import type { KernelDriver } from './kernel-driver.ts';
import { StockNetwork } from './user-driver.ts';

export class LoweredProgram implements ProgramInMemory {
  readonly program: Program;
  readonly #lowered: ReturnType<typeof lowerWithPlaces>;
  readonly #driver: KernelDriver;
  readonly #pool = new ContextPool(() => this.#context());

  /** @param program a valid one @throws program/invalid, device/memory */
  constructor(program: Program, blobs: BlobTable, driver: KernelDriver) {
    this.program = program;
    this.#driver = driver;
    this.#lowered = lowerWithPlaces(program, blobs, driver.target);
    // A Program that does not fit the memory is refused here, not at its first run.
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

  #context(): Context {
    const { loadable, memoryOf, layers } = this.#lowered;
    const names = layers.map(({ name }) => name);
    const network = new StockNetwork(loadable, this.#driver, names);
    const cubes = this.program.surfaces.map((surface) =>
      cubeAt(surface, network.address(memoryOf(surface)) + BigInt(surface.offset)),
    );
    const job = (): Job<Launched> => {
      const task = network.job(0);
      return {
        exclusive: true,
        step() {
          const launched = task.step();
          return launched && { layer: layers[launched.operation.index]!, result: launched.result };
        },
      };
    };
    return { cubes, job, close: () => network.unload() };
  }
}
