/**
 * Runs jobs on the compiled kernels: the module's instance, the thread pool if there is one, scratch memory, and the job
 * itself, which is filled field by field.
 */

import { fail } from '../../../base/errors.ts';
import type { Bus } from '../../bus.ts';
import * as layout from './job.ts';
import { kernelVersion } from './kernel-version.ts';
import { PackedWeights } from './packed-weights.ts';
import type { Placement } from './placement.ts';
import { Recording } from './recording.ts';
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

interface Build {
  readonly version: string;
  /** In hexadecimal digits. */
  readonly wasm: string;
}

/** Each build is compiled once, however many devices there are. */
const compiled = {
  single: once(() => import('./generated/single.ts')),
  threads: once(() => import('./generated/threads.ts')),
};

/** The bytes of a build. @throws device/kernels when it was made of other sources than those that it is to work with */
export function kernelBytes({ version, wasm }: Build): Uint8Array<ArrayBuffer> {
  if (version !== kernelVersion) {
    const detail = { expected: kernelVersion, actual: version ?? 'none' };
    fail('device/kernels', 'the kernels were built from other sources: run npm run build:kernels', {}, detail);
  }
  return bytesOf(wasm);
}

function once(build: () => Promise<Build>): () => Promise<WebAssembly.Module> {
  let module: Promise<WebAssembly.Module> | undefined;
  const compile = async () => WebAssembly.compile(kernelBytes(await build()));
  return () => {
    module ??= compile();
    return module;
  };
}

const bytesOf = (hexadecimal: string): Uint8Array<ArrayBuffer> =>
  Uint8Array.from({ length: hexadecimal.length / 2 }, (_, at) =>
    Number.parseInt(hexadecimal.slice(2 * at, 2 * at + 2), 16),
  );

export class KernelHost {
  readonly bus: Bus;
  readonly scratch: Scratch;
  readonly packed: PackedWeights;
  readonly threads: number;
  readonly #exports: Exports;
  readonly #pool: ThreadPool | undefined;
  readonly #job: number;
  readonly #shareFrom: number;
  #recording: Recording | undefined;
  #jobFields: JobFields | undefined;

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
   * Lays bytes that the next jobs read into a region of scratch memory.
   * @param fill must not allocate
   * @returns where they lie
   */
  lay(region: string, size: number, fill: (memory: ArrayBufferLike, address: number) => void): number {
    const address = this.scratch.take(region, size);
    fill(this.bus.memory.buffer, address);
    this.#recording?.steps.push({ address, bytes: this.bus.bytes.slice(address, address + size) });
    return address;
  }

  /** Says that what was packed for the next jobs came from this memory. @throws device/fault */
  reads(address: bigint, length: number): void {
    this.#recording?.reads(this.bus.window(address, length));
  }

  /** Says that the next jobs write this memory: nothing derived from what it held is used again. @throws device/fault */
  writes(address: bigint, length: number): void {
    this.bus.locateForWrite(address, length);
    this.#recording?.writes(this.bus.window(address, length));
  }

  /**
   * Does `work`, which must lay, read and write by way of this host alone, and records it.
   * @returns what `work` does, and the recording
   */
  record<T>(work: () => T): { readonly result: T; readonly recording: Recording } {
    const recording = new Recording(this.bus, this.scratch);
    this.#recording = recording;
    try {
      return { result: work(), recording };
    } finally {
      this.#recording = undefined;
    }
  }

  /** Does once more what was recorded. @returns results that were clamped to the ends of int8 */
  replay(recording: Recording): number {
    recording.touch();
    const { bytes } = this.bus;
    let saturated = 0;
    for (const { address, bytes: laid, job } of recording.steps) {
      bytes.set(laid, address);
      if (job) saturated += this.#work(job.units, job.scratchSize, job.effort);
    }
    return saturated;
  }

  /**
   * Runs one job to its end.
   * @param threadScratch bytes that each thread needs for itself
   * @param effort elementary steps, to judge whether helpers are worth waking
   * @param fill sets the job's fields; must not allocate
   * @returns results that were clamped to the ends of int8
   */
  run(kind: number, units: number, threadScratch: number, effort: number, fill: (job: JobFields) => void): number {
    const scratchSize = Math.ceil((layout.scratchPanel + threadScratch + 512) / 4096) * 4096;
    const scratch = this.scratch.take('threads', scratchSize * this.threads);
    const job = this.#fields();
    job.set(layout.jobKind, kind);
    job.set(layout.jobUnits, units);
    job.set(layout.jobNext, 0);
    job.set(layout.jobScratch, scratch);
    job.set(layout.jobScratchSize, scratchSize);
    fill(job);
    const bytes = this.#recording && this.bus.bytes.slice(this.#job, this.#job + layout.jobBytes);
    if (bytes) this.#recording?.steps.push({ address: this.#job, bytes, job: { units, scratchSize, effort } });
    return this.#work(units, scratchSize, effort);
  }

  /** The job that is laid out. */
  #work(units: number, scratchSize: number, effort: number): number {
    const { words } = this.#fields();
    const first = words[(this.#job + layout.jobScratch) >>> 2]! >>> 2;
    const step = scratchSize >>> 2;
    for (let thread = 0; thread < this.threads; thread++) words[first + thread * step] = 0;
    if (this.#pool && units > 1 && effort >= this.#shareFrom) {
      this.#pool.share(this.#job, () => this.#exports.work(this.#job, 0));
    } else {
      this.#exports.work(this.#job, 0);
    }
    let saturated = 0;
    for (let thread = 0; thread < this.threads; thread++) saturated += words[first + thread * step]!;
    return saturated;
  }

  /** The fields of the one job there is. */
  #fields(): JobFields {
    const { buffer } = this.bus.memory;
    if (this.#jobFields?.words.buffer !== buffer) this.#jobFields = new JobFields(buffer, this.#job);
    return this.#jobFields;
  }

  close(): void {
    this.#pool?.close();
    this.packed.close();
    this.scratch.close();
  }
}

/** The fields of a job in memory. */
export class JobFields {
  /** All of memory. */
  readonly words: Int32Array;
  readonly #floats: Float32Array;
  readonly #doubles: Float64Array;
  readonly #word: number;

  constructor(buffer: ArrayBufferLike, at: number) {
    this.words = new Int32Array(buffer);
    this.#floats = new Float32Array(buffer, at, layout.jobBytes / 4);
    this.#doubles = new Float64Array(buffer, at, layout.jobBytes / 8);
    this.#word = at >>> 2;
  }

  set(field: number, value: number): void {
    this.words[this.#word + (field >> 2)] = value;
  }

  get(field: number): number {
    return this.words[this.#word + (field >> 2)]! >>> 0;
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
