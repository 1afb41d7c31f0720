/**
 * A Program in the device's memory. Constants lie once in `global_dram`. Everything a run changes (managed SRAM,
 * intermediates, inputs and outputs) is a *context*; tasks in flight at the same time have one each, and a context is
 * used again when its task has ended, so repeated runs neither map memory nor bind addresses.
 *
 * Every memory has its own part of the address space, and a mebibyte between two windows is unmapped: a surface that is
 * addressed wrongly is a fault and never the neighbour's data.
 */

import { fail } from '../base/errors.ts';
import type { Bus, Window } from '../device/bus.ts';
import type { Cube, Seam } from '../device/launch.ts';
import { rootOf } from '../program/liveness.ts';
import type { BlobTable, Program } from '../program/program.ts';
import type { MemoryName, Surface } from '../program/surface.ts';
import type { Job } from './job-queue.ts';
import { bindProgram, type Launched, programJob } from './program-scheduler.ts';

const regions: Readonly<Record<MemoryName, bigint>> = {
  managed_sram: 1n << 40n,
  local_dram: 2n << 40n,
  global_dram: 3n << 40n,
  io: 4n << 40n,
};
const guard = 1 << 20;

/** Hands out addresses; none is used twice, so nothing that is cached by address can be stale. */
export class AddressMap {
  readonly #bus: Bus;
  readonly #next: Record<MemoryName, bigint> = { ...regions };

  constructor(bus: Bus) {
    this.#bus = bus;
  }

  /** @throws device/memory */
  map(memory: MemoryName, size: number): Window {
    const base = this.#next[memory];
    const next = base + BigInt(Math.ceil(size / 4096) * 4096 + guard);
    if (next > regions[memory] + (1n << 40n)) fail('device/memory', `the addresses of ${memory} are used up`);
    const window = this.#bus.map(base, size);
    this.#next[memory] = next;
    return window;
  }
}

/** Contexts of a Program that wait for its next run, at most. */
const mostIdle = 2;

/** A Program that is loaded, however the device runs it. */
export interface ProgramInMemory {
  readonly program: Program;
  /** Memory for one task. @throws device/memory */
  acquire(): Context;
  release(context: Context): void;
  /** Gives the memory back; tasks in flight give theirs when they end. */
  unload(): void;
}

/** The memory of one task. */
export interface Context {
  /** One run on this memory. */
  readonly job: () => Job<Launched>;
  /** Where a surface lies. */
  readonly cubes: readonly Cube[];
  /** Gives the memory back. */
  readonly close: () => void;
}

/** Contexts of a loaded Program: handed out one to a task, kept for the next run when it ends. */
export class ContextPool {
  readonly #make: () => Context;
  #idle: Context[] = [];
  #open = true;

  constructor(make: () => Context) {
    this.#make = make;
  }

  /** Memory for one task. @throws device/memory */
  acquire(): Context {
    if (!this.#open) throw new Error('the program was unloaded');
    return this.#idle.pop() ?? this.#make();
  }

  release(context: Context): void {
    if (this.#open && this.#idle.length < mostIdle) this.#idle.push(context);
    else context.close();
  }

  /** Closes what is idle; contexts that are out close when they come back. Returns whether it was open. */
  close(): boolean {
    const was = this.#open;
    this.#open = false;
    for (const context of this.#idle) context.close();
    this.#idle = [];
    return was;
  }
}

export class LoadedProgram implements ProgramInMemory {
  readonly program: Program;
  readonly #bus: Bus;
  readonly #seam: Seam;
  readonly #addresses: AddressMap;
  readonly #constants: Window | undefined;
  readonly #sizes: Readonly<Record<Exclude<MemoryName, 'io'>, number>>;
  readonly #pool = new ContextPool(() => this.#context());

  /** @param program a valid one @throws device/memory */
  constructor(program: Program, blobs: BlobTable, bus: Bus, addresses: AddressMap, seam: Seam) {
    this.program = program;
    this.#bus = bus;
    this.#seam = seam;
    this.#addresses = addresses;
    const extent = (memory: MemoryName) =>
      program.surfaces.reduce((most, s) => (s.memory === memory ? Math.max(most, s.offset + s.size) : most), 0);
    this.#sizes = {
      managed_sram: extent('managed_sram'),
      local_dram: extent('local_dram'),
      global_dram: extent('global_dram'),
    };
    const { global_dram } = this.#sizes;
    this.#constants = global_dram > 0 ? addresses.map('global_dram', global_dram) : undefined;
    for (const { surface, blob } of program.constants) {
      const { memory, offset, name } = program.surfaces[surface]!;
      const data = blobs.get(blob);
      if (memory !== 'global_dram' || data === undefined || this.#constants === undefined) {
        throw new Error(`constant ${name} is not in global_dram or has no bytes`);
      }
      bus.write(this.#constants.base + BigInt(offset), data);
    }
  }

  acquire(): Context {
    return this.#pool.acquire();
  }

  release(context: Context): void {
    this.#pool.release(context);
  }

  unload(): void {
    if (this.#pool.close() && this.#constants) this.#bus.unmap(this.#constants);
  }

  #context(): Context {
    const windows: Window[] = [];
    const close = (): void => {
      for (const window of windows) this.#bus.unmap(window);
    };
    try {
      const map = (memory: MemoryName, size: number): Window => {
        const window = this.#addresses.map(memory, size);
        windows.push(window);
        return window;
      };
      const { surfaces } = this.program;
      const { managed_sram, local_dram } = this.#sizes;
      const pools: Partial<Record<MemoryName, Window>> = {
        ...(managed_sram > 0 && { managed_sram: map('managed_sram', managed_sram) }),
        ...(local_dram > 0 && { local_dram: map('local_dram', local_dram) }),
        ...(this.#constants && { global_dram: this.#constants }),
      };
      const buffers = new Map(
        surfaces
          .filter(({ memory, parent }) => memory === 'io' && parent === undefined)
          .map(({ id, size }) => [id, map('io', size)]),
      );
      const cubes = surfaces.map((surface) => {
        const window = surface.memory === 'io' ? buffers.get(rootOf(surfaces, surface.id)) : pools[surface.memory];
        if (!window) throw new Error(`surface ${surface.name} has no memory`);
        return cubeAt(surface, window.base + BigInt(surface.offset));
      });
      const pipelines = bindProgram(this.program, (id) => cubes[id]!);
      return { cubes, close, job: () => programJob(this.program, pipelines, this.#seam) };
    } catch (error) {
      close();
      throw error;
    }
  }
}

export const cubeAt = (surface: Surface, address: bigint): Cube => ({
  address,
  shape: surface.shape,
  dtype: surface.dtype,
  format: surface.format,
  lineStride: surface.lineStride,
  surfaceStride: surface.surfaceStride,
  batchStride: surface.batchStride,
  size: surface.size,
});
