/**
 * The user-mode driver: a stock loadable in memory, ready to run (nvdla/sw `Runtime.cpp`). Memories of the loadable become
 * buffers, filled from their blobs; the application binds buffers of its own to inputs and outputs, or fills and reads the
 * ones that are there; submissions run in the order of their ids, their tasks one after the other, those of the host
 * emulator included.
 */

import { fail } from '../../base/errors.ts';
import { emulatorVersion } from '../../loadable/nvdla/format/emulator-task.ts';
import {
  entryById,
  type MemoryEntry,
  memoryFlags,
  type StockLoadable,
  type TaskEntry,
  type TensorDesc,
  taskInterfaces,
} from '../../loadable/nvdla/format/stock-loadable.ts';
import { interfaceMinor } from '../../loadable/nvdla/format/task-descriptors.ts';
import { memoryDomainCodes } from '../../program/nvdla/codes.ts';
import type { Job, SubmitOptions } from '../job-queue.ts';
import { AddressList } from './address-list.ts';
import { type Strides, tensorExtent, tensorLayout } from './bound-surface.ts';
import type { BufferHandle } from './device-buffers.ts';
import { DlaTask, type LaunchedOperation } from './dla-task.ts';
import { emulatorJob } from './host-emulator.ts';
import type { KernelDriver } from './kernel-driver.ts';

/** An input or output of a network. */
export interface Binding {
  readonly bindId: number;
  /** As it lies in the buffer: type, dimensions, strides in bytes. */
  readonly tensor: TensorDesc;
  /** Bytes that a buffer must have. */
  readonly size: number;
}

type Kind = 'input' | 'output';

interface BoundMemory extends Binding {
  readonly memoryId: number;
}

/** nvdla/sw kmd nvdla_ioctl.h, NVDLA_MAX_BUFFERS_PER_TASK. */
const mostAddresses = 6144;

export class StockNetwork {
  readonly #driver: KernelDriver;
  readonly #loadable: StockLoadable;
  readonly #bound: Record<Kind, readonly BoundMemory[]>;
  /** By the id of a memory. */
  readonly #buffers = new Map<number, BufferHandle>();
  /** Ids of memories whose buffers are the application's. */
  readonly #foreign = new Set<number>();
  /** By the id of a task; made anew after a buffer was bound. */
  readonly #tasks = new Map<number, () => Job<LaunchedOperation>>();
  readonly #layers: readonly string[] | undefined;
  #submitted: Promise<unknown> = Promise.resolve();

  /**
   * Allocates and fills the memories.
   * @param layers the names of the layers that operations are of, by the operation's index; for messages
   * @throws loadable/corrupt, device/memory
   */
  constructor(loadable: StockLoadable, driver: KernelDriver, layers?: readonly string[]) {
    this.#driver = driver;
    this.#loadable = loadable;
    this.#layers = layers;
    this.#bound = { input: bindings(loadable, 'input'), output: bindings(loadable, 'output') };
    const { input, output } = this.#bound;
    const sizes = new Map([...input, ...output].map(({ memoryId, size }) => [memoryId, size]));
    try {
      for (const memory of loadable.memories) {
        const domain = memory.domain === memoryDomainCodes.numbers.sram ? 'sram' : 'system';
        const options = { domain, alignment: alignmentOf(memory) } as const;
        this.#buffers.set(memory.id, driver.buffers.allocate(sizes.get(memory.id) ?? memory.size, options));
        this.#fill(memory);
      }
    } catch (error) {
      this.unload();
      throw error;
    }
  }

  /** By their bind ids. */
  get inputs(): readonly Binding[] {
    return this.#bound.input;
  }

  get outputs(): readonly Binding[] {
    return this.#bound.output;
  }

  /** The buffer of an input. @throws run/input */
  inputBuffer(bindId: number): BufferHandle {
    return this.#bufferOf(this.#memory('input', bindId).memoryId);
  }

  /** The buffer of an output. @throws run/input */
  outputBuffer(bindId: number): BufferHandle {
    return this.#bufferOf(this.#memory('output', bindId).memoryId);
  }

  /** From now on an input is read from a buffer of the application's. @throws run/input, run/buffer when it is too small */
  bindInput(bindId: number, handle: BufferHandle): void {
    this.#bind(this.#memory('input', bindId), handle);
  }

  /** From now on an output goes to a buffer of the application's. @throws run/input, run/buffer when it is too small */
  bindOutput(bindId: number, handle: BufferHandle): void {
    this.#bind(this.#memory('output', bindId), handle);
  }

  /**
   * From now on the lines and surfaces of an input lie so many bytes apart. The loadable's list of relocations says where in its
   * descriptors the strides stand; not every loadable has one.
   * @throws run/input for strides that overlap, or that are written nowhere; run/buffer when the application's buffer is
   *   too small for them
   */
  setInputStrides(bindId: number, strides: Strides): void {
    this.#setStrides('input', bindId, strides);
  }

  /** The same for an output. @throws as {@link setInputStrides} */
  setOutputStrides(bindId: number, strides: Strides): void {
    this.#setStrides('output', bindId, strides);
  }

  /** Fills the buffer of an input. @throws run/input */
  write(bindId: number, bytes: Uint8Array): void {
    const { tensor, size, memoryId } = this.#memory('input', bindId);
    if (bytes.length !== size) {
      const detail = { expected: size, actual: bytes.length };
      fail('run/input', 'an input has another size', { value: tensor.name }, detail);
    }
    this.#driver.buffers.write(this.#bufferOf(memoryId), bytes);
  }

  /** The bytes of an output's buffer. @throws run/input */
  read(bindId: number): Uint8Array {
    const { size, memoryId } = this.#memory('output', bindId);
    return this.#driver.buffers.read(this.#bufferOf(memoryId), 0, size);
  }

  /**
   * Runs every task, one after the other, and after what was submitted before.
   * @throws device/stalled, device/unsupported, device/fault, loadable/corrupt, loadable/truncated, cancelled
   */
  submit(options: SubmitOptions<LaunchedOperation> = {}): Promise<void> {
    const run = async (): Promise<void> => {
      for (const job of this.jobs()) await this.#driver.submit(job, options).done;
    };
    const done = this.#submitted.then(run);
    this.#submitted = done.catch(() => {});
    return done;
  }

  /** What a submission puts into the queue, in order. @throws loadable/corrupt */
  *jobs(): Generator<Job<LaunchedOperation>> {
    // The stock firmware counts dependencies down in memory, so the graph is filled anew for every submission.
    for (const memory of this.#loadable.memories) {
      if (memory.contents.some((name) => name.includes('dep_graph'))) this.#fill(memory);
    }
    const { submits } = this.#loadable;
    for (const { taskIds } of [...submits].sort((a, b) => a.id - b.id)) {
      for (const id of taskIds) yield this.job(id);
    }
  }

  /** One run of one task. @throws loadable/corrupt */
  job(taskId: number): Job<LaunchedOperation> {
    const known = this.#tasks.get(taskId);
    if (known) return known();
    const made = this.#task(entryById(this.#loadable.tasks, taskId, 'task'));
    this.#tasks.set(taskId, made);
    return made();
  }

  /** The device's address of a memory. @throws loadable/corrupt */
  address(memoryId: number): bigint {
    return this.#driver.buffers.address(this.#bufferOf(memoryId));
  }

  /** Frees its memory; buffers of the application's stay. */
  unload(): void {
    for (const [id, handle] of this.#buffers) if (!this.#foreign.has(id)) this.#driver.buffers.free(handle);
    this.#buffers.clear();
  }

  #bufferOf(memoryId: number): BufferHandle {
    const handle = this.#buffers.get(memoryId);
    return handle ?? fail('loadable/corrupt', 'an address lies in no memory', {}, { actual: memoryId });
  }

  #memory(kind: Kind, bindId: number): BoundMemory {
    const memories = this.#bound[kind];
    const detail = { expected: `0 to ${memories.length - 1}`, actual: bindId };
    return memories[bindId] ?? fail('run/input', `the network has no such ${kind}`, {}, detail);
  }

  #bind(memory: BoundMemory, handle: BufferHandle): void {
    this.#requireRoom(memory, handle);
    const { memoryId } = memory;
    if (!this.#foreign.has(memoryId)) this.#driver.buffers.free(this.#bufferOf(memoryId));
    this.#foreign.add(memoryId);
    this.#buffers.set(memoryId, handle);
    this.#tasks.clear();
  }

  #requireRoom({ size, tensor }: BoundMemory, handle: BufferHandle): void {
    const actual = this.#driver.buffers.size(handle);
    if (actual >= size) return;
    fail('run/buffer', 'the buffer is too small', { value: tensor.name }, { expected: `${size} bytes`, actual });
  }

  #setStrides(kind: Kind, bindId: number, strides: Strides): void {
    const { buffers, target } = this.#driver;
    const old = this.#memory(kind, bindId);
    const { memoryId } = old;
    const extent = tensorExtent(old.tensor, tensorLayout(old.tensor, target.memoryAtom), strides);
    const tensor = { ...old.tensor, strides: [old.tensor.strides[0]!, strides.line, strides.surface, 0, 0, 0, 0, 0] };
    const changed: BoundMemory = { ...old, tensor, size: Math.max(old.size, tensor.offset + extent) };
    const places = stridePlaces(this.#loadable, memoryId);
    if (places.length === 0) {
      fail('run/input', 'the loadable does not say where the strides of the tensor stand', { value: tensor.name });
    }
    if (this.#foreign.has(memoryId)) this.#requireRoom(changed, this.#bufferOf(memoryId));
    else if (changed.size > buffers.size(this.#bufferOf(memoryId))) {
      const larger = buffers.allocate(changed.size);
      buffers.free(this.#bufferOf(memoryId));
      this.#buffers.set(memoryId, larger);
      this.#tasks.clear();
    }
    for (const { writeId, offset, stride } of places) {
      const word = new Uint8Array(4);
      new DataView(word.buffer).setUint32(0, strides[stride], true);
      buffers.write(this.#bufferOf(writeId), word, offset);
    }
    this.#bound[kind] = this.#bound[kind].map((memory) => (memory === old ? changed : memory));
  }

  #fill({ id, flags, contents, offsets }: MemoryEntry): void {
    if (!(flags & memoryFlags.set)) return;
    for (const [index, name] of contents.entries()) {
      const blob = this.#loadable.blobs.find((candidate) => candidate.name === name)!;
      this.#driver.buffers.write(this.#bufferOf(id), blob.data, offsets[index]);
    }
  }

  #task(task: TaskEntry): () => Job<LaunchedOperation> {
    if (task.addressList.length > mostAddresses) {
      const detail = { expected: `at most ${mostAddresses}`, actual: task.addressList.length };
      fail('loadable/too-large', 'a task has more addresses than the driver takes', {}, detail);
    }
    const addresses = new Map(this.#loadable.addresses.map((entry) => [entry.id, entry]));
    const list = new AddressList(
      this.#driver.buffers,
      task.addressList.map((id) => {
        const { memoryId, offset } = addresses.get(id)!;
        return { handle: this.#bufferOf(memoryId), offset };
      }),
    );
    switch (task.interface) {
      case taskInterfaces.dla: {
        const dla = new DlaTask(this.#driver, list, interfaceMinor(this.#loadable, task), this.#layers);
        return () => dla.job();
      }
      case taskInterfaces.emulator: {
        const layout = emulatorVersion(this.#loadable);
        return () => emulatorJob(list, layout, this.#driver);
      }
      default:
        return fail('loadable/corrupt', 'a task is for nobody', {}, { actual: task.interface });
    }
  }
}

/** The alignment of a memory; 0 allows any. @throws loadable/corrupt */
function alignmentOf({ id, alignment }: MemoryEntry): number {
  if (alignment < 0 || (alignment & (alignment - 1)) !== 0) {
    fail('loadable/corrupt', `the alignment of memory ${id} is no power of two`, {}, { actual: alignment });
  }
  return alignment;
}

/** Kinds of relocations: what stands at the place (nvdla/sw umd `Type.h`). */
const relocations: Readonly<Record<number, keyof Strides>> = { 1: 'line', 2: 'surface' };

/**
 * Where the descriptors hold the strides of the tensor in a memory: a memory, a byte offset and which stride. (The stock
 * runtime takes the offset for a count of words and writes elsewhere; compilers mean bytes.)
 */
const stridePlaces = (loadable: StockLoadable, memoryId: number) =>
  loadable.relocations.flatMap(({ addressId, writeId, offset, type }) => {
    const address = loadable.addresses.find(({ id }) => id === addressId);
    const stride = relocations[type];
    return address?.memoryId === memoryId && stride ? [{ writeId, offset, stride }] : [];
  });

/** The memories that an application binds, by bind id, which count from 0. @throws loadable/corrupt */
function bindings(loadable: StockLoadable, kind: Kind): readonly BoundMemory[] {
  const bound = loadable.memories
    .filter(({ flags }) => flags & memoryFlags[kind])
    .map((memory): BoundMemory => {
      const tensor = entryById(loadable.tensors, memory.tensorDescId, 'tensor descriptor');
      const size = Math.max(memory.size, tensor.offset + tensor.size);
      return { bindId: memory.bindId, tensor, size, memoryId: memory.id };
    })
    .sort((a, b) => a.bindId - b.bindId);
  if (bound.some(({ bindId }, index) => bindId !== index)) {
    const actual = bound.map(({ bindId }) => bindId).join(', ');
    fail('loadable/corrupt', `the ${kind}s are not numbered from 0`, {}, { actual });
  }
  return bound;
}
