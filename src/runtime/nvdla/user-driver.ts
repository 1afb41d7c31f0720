/**
 * The user-mode driver: a stock loadable in memory, ready to run (nvdla/sw `Runtime.cpp`). Memories of the loadable become
 * buffers, filled from their blobs; the application binds buffers of its own to inputs and outputs, or fills and reads the
 * ones that are there; submissions run in the order of their ids, their tasks one after the other, those of the host
 * emulator included.
 */

import { fail } from '../../graph/errors.ts';
import { emulatorVersion } from '../../loadable/nvdla/emulator-task.ts';
import {
  entryById,
  type MemoryEntry,
  memoryFlags,
  type StockLoadable,
  type TaskEntry,
  type TensorDesc,
  taskInterfaces,
} from '../../loadable/nvdla/stock-loadable.ts';
import { interfaceMinor } from '../../loadable/nvdla/task-descriptors.ts';
import type { Firmware } from '../firmware.ts';
import type { SubmitOptions } from '../job-queue.ts';
import { AddressList } from './address-list.ts';
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

interface BoundMemory extends Binding {
  readonly memoryId: number;
}

/** nvdla/sw kmd nvdla_ioctl.h, NVDLA_MAX_BUFFERS_PER_TASK. */
const mostAddresses = 6144;

export class StockNetwork {
  readonly #driver: KernelDriver;
  readonly #loadable: StockLoadable;
  readonly #inputs: readonly BoundMemory[];
  readonly #outputs: readonly BoundMemory[];
  /** By the id of a memory. */
  readonly #buffers = new Map<number, BufferHandle>();
  /** Memories whose buffers are the application's. */
  readonly #foreign = new Set<number>();
  /** Made when first wanted, and anew after a buffer was bound. */
  readonly #tasks = new Map<number, () => Firmware<LaunchedOperation>>();
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
    this.#inputs = bindings(loadable, 'input');
    this.#outputs = bindings(loadable, 'output');
    const sizes = new Map([...this.#inputs, ...this.#outputs].map(({ memoryId, size }) => [memoryId, size]));
    try {
      for (const memory of loadable.memories) {
        const domain = memory.domain === 1 ? 'sram' : 'system';
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
    return this.#inputs;
  }

  get outputs(): readonly Binding[] {
    return this.#outputs;
  }

  /** The buffer of an input. @throws run/input */
  inputBuffer(bindId: number): BufferHandle {
    return this.#bufferOf(boundMemory(this.#inputs, bindId, 'input').memoryId);
  }

  /** The buffer of an output. @throws run/input */
  outputBuffer(bindId: number): BufferHandle {
    return this.#bufferOf(boundMemory(this.#outputs, bindId, 'output').memoryId);
  }

  /** From now on an input is read from a buffer of the application's. @throws run/input, run/buffer when it is too small */
  bindInput(bindId: number, handle: BufferHandle): void {
    this.#bind(boundMemory(this.#inputs, bindId, 'input'), handle);
  }

  /** From now on an output goes to a buffer of the application's. @throws run/input, run/buffer when it is too small */
  bindOutput(bindId: number, handle: BufferHandle): void {
    this.#bind(boundMemory(this.#outputs, bindId, 'output'), handle);
  }

  /** Fills the buffer of an input. @throws run/input */
  write(bindId: number, bytes: Uint8Array): void {
    const { tensor, size, memoryId } = boundMemory(this.#inputs, bindId, 'input');
    if (bytes.length !== size) {
      const detail = { expected: size, actual: bytes.length };
      fail('run/input', 'an input has another size', { value: tensor.name }, detail);
    }
    this.#driver.buffers.write(this.#bufferOf(memoryId), bytes);
  }

  /** The bytes of an output's buffer. @throws run/input */
  read(bindId: number): Uint8Array {
    const { size, memoryId } = boundMemory(this.#outputs, bindId, 'output');
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
  *jobs(): Generator<Firmware<LaunchedOperation>> {
    // The stock firmware counts dependencies down in memory.
    for (const memory of this.#loadable.memories) {
      if (memory.contents.some((name) => name.includes('dep_graph'))) this.#fill(memory);
    }
    const { submits } = this.#loadable;
    for (const { taskIds } of [...submits].sort((a, b) => a.id - b.id)) {
      for (const id of taskIds) yield this.job(id);
    }
  }

  /** One run of one task. @throws loadable/corrupt */
  job(taskId: number): Firmware<LaunchedOperation> {
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

  #bind({ memoryId, size, tensor }: BoundMemory, handle: BufferHandle): void {
    const actual = this.#driver.buffers.size(handle);
    if (actual < size) {
      fail('run/buffer', 'the buffer is too small', { value: tensor.name }, { expected: `${size} bytes`, actual });
    }
    if (!this.#foreign.has(memoryId)) this.#driver.buffers.free(this.#bufferOf(memoryId));
    this.#foreign.add(memoryId);
    this.#buffers.set(memoryId, handle);
    this.#tasks.clear();
  }

  #fill({ id, flags, contents, offsets }: MemoryEntry): void {
    if (!(flags & memoryFlags.set)) return;
    for (const [index, name] of contents.entries()) {
      const blob = this.#loadable.blobs.find((candidate) => candidate.name === name)!;
      this.#driver.buffers.write(this.#bufferOf(id), blob.data, offsets[index]);
    }
  }

  #task(task: TaskEntry): () => Firmware<LaunchedOperation> {
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
        return () => dla.firmware();
      }
      case taskInterfaces.emulator: {
        const layout = emulatorVersion(this.#loadable);
        return () => emulatorJob(list, layout, this.#driver.bus);
      }
      default:
        return fail('loadable/corrupt', 'a task is for nobody', {}, { actual: task.interface });
    }
  }
}

/** 0 stands for any. */
function alignmentOf({ id, alignment }: MemoryEntry): number {
  if (alignment < 0 || (alignment & (alignment - 1)) !== 0) {
    fail('loadable/corrupt', `the alignment of memory ${id} is no power of two`, {}, { actual: alignment });
  }
  return alignment;
}

/** The memories that an application binds, by bind id, which count from 0. @throws loadable/corrupt */
function bindings(loadable: StockLoadable, kind: 'input' | 'output'): readonly BoundMemory[] {
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

function boundMemory(memories: readonly BoundMemory[], bindId: number, kind: 'input' | 'output'): BoundMemory {
  const found = memories.find((memory) => memory.bindId === bindId);
  const detail = { expected: `0 to ${memories.length - 1}`, actual: bindId };
  return found ?? fail('run/input', `the network has no such ${kind}`, {}, detail);
}
