/** Scratch memory of the kernels: named regions that grow with use and are kept from launch to launch. */

import type { Bus } from '../../bus.ts';

interface Region {
  offset: number;
  size: number;
}

export class Scratch {
  readonly #bus: Bus;
  readonly #regions = new Map<string, Region>();
  #moves = 0;

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** How often a region began to be or moved. */
  get moves(): number {
    return this.#moves;
  }

  /** At least `size` bytes, aligned to 64, with whatever they held before. May grow memory. @throws device/memory */
  take(name: string, size: number): number {
    const region = this.#regions.get(name);
    if (region && region.size >= size) return region.offset;
    if (region) this.#bus.release(region.offset, region.size);
    this.#regions.delete(name);
    const rounded = Math.ceil(size / 4096) * 4096;
    const offset = this.#bus.allocate(rounded);
    this.#regions.set(name, { offset, size: rounded });
    this.#moves++;
    return offset;
  }

  close(): void {
    for (const { offset, size } of this.#regions.values()) this.#bus.release(offset, size);
    this.#regions.clear();
  }
}
