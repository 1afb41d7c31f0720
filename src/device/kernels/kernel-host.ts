/**
 * Runs jobs on the compiled kernels: the module's instance, the thread pool if there is one, scratch memory, and the job
 * itself, which is filled field by field.
 */

import type { Bus } from '../bus.ts';
import * as layout from './job.ts';
import { PackedWeights } from './packed-weights.ts';
import type { Placement } from './placement.ts';
import { Scratch } from './scratch.ts';
import { ThreadPool, type ThreadSpawner } from './thread-pool.ts';

interface Exports {
  work(job: number, thread: number): void;
}

export interface HostOptions {
  readonly threads: number;
  readonly spawn?: ThreadSpawner;
  readonly shareFrom?: number;
}

/** A job is worth waking helpers for from about this many elementary steps on. */
const shareFrom = 200_000;

/** Each build is compiled once, however many devices there are. */
const compiled = {
  single: once(async () => (await import('./generated/single.ts')).wasm),
  threads: once(async () => (await import('./generated/threads.ts')).wasm),
};

function once(wasm: () => Promise<string>): () => Promise<WebAssembly.Module> {
  let module: Promise<WebAssembly.Module> | undefined;
  const compile = async () => WebAssembly.compile(Uint8Array.from(atob(await wasm()), (char) => char.charCodeAt(0)));
  return () => {
    module ??= compile();
    return module;
  };
}

export class KernelHost {
  readonly bus: Bus;
  readonly scratch: Scratch;
  readonly packed: PackedWeights;
  readonly threads: number;
  readonly #exports: Exports;
  readonly #pool: ThreadPool | undefined;
  readonly #job: number;
  readonly #shareFrom: number;

  private constructor(bus: Bus, exports: Exports, pool: ThreadPool | undefined, shareFrom: number) {
    this.#shareFrom = shareFrom;
    this.bus = bus;
    this.#exports = exports;
    this.#pool = pool;
    this.threads = 1 + (pool?.helpers ?? 0);
    this.scratch = new Scratch(bus);
    this.packed = new PackedWeights(bus);
    this.#job = this.scratch.take('job', layout.jobBytes);
  }

  static async create(bus: Bus, options: HostOptions): Promise<KernelHost> {
    const { threads, spawn } = options;
    const shared = typeof SharedArrayBuffer !== 'undefined' && bus.memory.buffer instanceof SharedArrayBuffer;
    const module = await (shared ? compiled.threads() : compiled.single());
    const instance = await WebAssembly.instantiate(module, { env: { memory: bus.memory } });
    if (threads > 1 && !(shared && spawn)) {
      throw new TypeError('kernels on several threads need a bus with shared memory and a thread spawner');
    }
    const pool = threads > 1 && spawn ? await ThreadPool.start(bus, module, threads - 1, spawn) : undefined;
    return new KernelHost(bus, instance.exports as unknown as Exports, pool, options.shareFrom ?? shareFrom);
  }

  /**
   * Runs one job to its end.
   * @param threadScratch bytes that each thread needs for itself
   * @param effort elementary steps, to judge whether helpers are worth waking
   * @param fill sets the job's fields; must not allocate
   * @returns results that were clamped to the ends of int8
   */
  run(kind: number, units: number, threadScratch: number, effort: number, fill: (job: JobFields) => void): number {
    const size = Math.ceil((layout.scratchPanel + threadScratch + 512) / 4096) * 4096;
    const scratch = this.scratch.take('threads', size * this.threads);
    const job = new JobFields(this.bus.memory.buffer, this.#job);
    job.set(layout.jobKind, kind);
    job.set(layout.jobUnits, units);
    job.set(layout.jobNext, 0);
    job.set(layout.jobScratch, scratch);
    job.set(layout.jobScratchSize, size);
    fill(job);
    const counters = new Int32Array(this.bus.memory.buffer);
    for (let thread = 0; thread < this.threads; thread++) counters[(scratch + thread * size) >>> 2] = 0;
    if (this.#pool && units > 1 && effort >= this.#shareFrom) {
      this.#pool.share(this.#job, () => this.#exports.work(this.#job, 0));
    } else {
      this.#exports.work(this.#job, 0);
    }
    let saturated = 0;
    for (let thread = 0; thread < this.threads; thread++) saturated += counters[(scratch + thread * size) >>> 2]!;
    return saturated;
  }

  close(): void {
    this.#pool?.close();
    this.packed.close();
    this.scratch.close();
  }
}

/** The fields of a job in memory. */
export class JobFields {
  readonly #words: Int32Array;
  readonly #floats: Float32Array;
  readonly #doubles: Float64Array;

  constructor(buffer: ArrayBufferLike, at: number) {
    this.#words = new Int32Array(buffer, at, layout.jobBytes / 4);
    this.#floats = new Float32Array(buffer, at, layout.jobBytes / 4);
    this.#doubles = new Float64Array(buffer, at, layout.jobBytes / 8);
  }

  set(field: number, value: number): void {
    this.#words[field >> 2] = value;
  }

  get(field: number): number {
    return this.#words[field >> 2]! >>> 0;
  }

  setFloat(field: number, value: number): void {
    this.#floats[field >> 2] = value;
  }

  setDouble(field: number, value: number): void {
    this.#doubles[field >> 3] = value;
  }

  input(place: Placement): void {
    this.set(layout.inAddress, place.address);
    this.set(layout.inBatch, place.batchStep);
    this.set(layout.inRow, place.rowStep);
    this.set(layout.inPixel, place.pixelStep);
    this.set(layout.inSurface, place.surfaceStep);
    this.set(layout.inChannels, place.shape[1]);
    this.set(layout.inHeight, place.shape[2]);
    this.set(layout.inWidth, place.shape[3]);
  }

  output(place: Placement): void {
    this.set(layout.outAddress, place.address);
    this.set(layout.outBatch, place.batchStep);
    this.set(layout.outRow, place.rowStep);
    this.set(layout.outPixel, place.pixelStep);
    this.set(layout.outSurface, place.surfaceStep);
    this.set(layout.batch, place.shape[0]);
    this.set(layout.outChannels, place.shape[1]);
    this.set(layout.outHeight, place.shape[2]);
    this.set(layout.outWidth, place.shape[3]);
  }
}
