/**
 * The runtime of stock loadables: memories are allocated and filled from their blobs, the application binds buffers to
 * inputs and outputs, and submissions run in the order of their ids, each task by the firmware.
 */

import type { Window } from '../../device/bus.ts';
import type { NvdlaDevice } from '../../device/nvdla/nvdla-device.ts';
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
import { type FirmwareTask, runTask } from './firmware.ts';
import { runEmulatorTask } from './host-emulator.ts';

/**
 * Where the memories of each domain begin. Each takes whole pages, as the driver allocates them: the device reads whole
 * atoms, which may reach beyond a table's last entry. A page between a memory and the next is unmapped.
 */
export interface MemoryBases {
  readonly system: bigint;
  readonly sram: bigint;
}

export const memoryBases: MemoryBases = { system: 0x8000_0000n, sram: 0x5000_0000n };

const pageSize = 4096;

/** An input or output of the network. */
export interface Binding {
  readonly bindId: number;
  readonly tensor: TensorDesc;
  readonly size: number;
}

export interface LoadedNetwork {
  readonly inputs: readonly Binding[];
  readonly outputs: readonly Binding[];
  /** The bytes of an input's surface. @throws run/input */
  bind(bindId: number, bytes: Uint8Array): void;
  /** Runs every task. @throws device/stalled, device/unsupported, device/fault, loadable/corrupt */
  submit(): void;
  /** The bytes of an output's surface. @throws run/input */
  output(bindId: number): Uint8Array;
  /** Where a memory of the loadable lies. @throws loadable/corrupt */
  base(memoryId: number): bigint;
  /** A task for the firmware. @throws loadable/corrupt */
  task(id: number): FirmwareTask;
  /** Returns the memory. */
  close(): void;
}

/** @throws loadable/corrupt, device/memory */
export function loadNetwork(
  loadable: StockLoadable,
  device: NvdlaDevice,
  bases: MemoryBases = memoryBases,
): LoadedNetwork {
  const { bus } = device;
  const windows = new Map<number, Window>();
  const close = (): void => {
    for (const window of windows.values()) bus.unmap(window);
    windows.clear();
  };
  try {
    for (const memory of loadable.memories) {
      const domain = memory.domain === 1 ? 'sram' : 'system';
      const pages = Math.max(1, Math.ceil(sizeOf(loadable, memory) / pageSize));
      const size = pages * pageSize;
      windows.set(memory.id, bus.map(bus.gap(bases[domain], size, pageSize), size));
    }
    return networkIn(loadable, device, windows, close);
  } catch (error) {
    close();
    throw error;
  }
}

/** The network in memories that are mapped. @throws loadable/corrupt, device/fault */
function networkIn(
  loadable: StockLoadable,
  device: NvdlaDevice,
  windows: ReadonlyMap<number, Window>,
  close: () => void,
): LoadedNetwork {
  const { bus } = device;
  const windowOf = (memoryId: number): Window => {
    const window = windows.get(memoryId);
    return window ?? fail('loadable/corrupt', 'an address lies in no memory', {}, { actual: memoryId });
  };
  const fill = (memory: MemoryEntry): void => {
    if (!(memory.flags & memoryFlags.set)) return;
    for (const [index, name] of memory.contents.entries()) {
      const blob = loadable.blobs.find((candidate) => candidate.name === name)!;
      if (blob.data.length > 0) bus.write(windowOf(memory.id).base + BigInt(memory.offsets[index]!), blob.data);
    }
  };
  for (const memory of loadable.memories) fill(memory);

  const bindings = (flag: number): readonly (Binding & { readonly memoryId: number })[] =>
    loadable.memories
      .filter(({ flags }) => flags & flag)
      .map((memory) => ({
        bindId: memory.bindId,
        tensor: entryById(loadable.tensors, memory.tensorDescId, 'tensor descriptor'),
        size: sizeOf(loadable, memory),
        memoryId: memory.id,
      }));
  const inputs = bindings(memoryFlags.input);
  const outputs = bindings(memoryFlags.output);

  const firmwareTask = (task: TaskEntry): FirmwareTask => {
    const entryAt = (position: number) => {
      const id = task.addressList[position];
      if (id === undefined) {
        return fail(
          'loadable/corrupt',
          'an address is named that is not in the list of its task',
          {},
          { actual: position },
        );
      }
      return entryById(loadable.addresses, id, 'address');
    };
    // Descriptors are read from the start of their memory, whatever the offset of their address.
    const read = (position: number, offset: number, length: number): Uint8Array =>
      bus.read(windowOf(entryAt(position).memoryId).base + BigInt(offset), length);
    const address = (position: number): bigint => {
      const { memoryId, offset } = entryAt(position);
      return windowOf(memoryId).base + BigInt(offset);
    };
    return { minor: task.interface === taskInterfaces.dla ? interfaceMinor(loadable, task) : 12, read, address };
  };
  const runEntry = (task: TaskEntry): void => {
    const own = firmwareTask(task);
    if (task.interface === taskInterfaces.dla) runTask(own, device);
    else if (task.interface === taskInterfaces.emulator) {
      runEmulatorTask({ ...own, layout: emulatorVersion(loadable) }, bus);
    } else fail('loadable/corrupt', 'a task is for nobody', {}, { actual: task.interface });
  };

  return {
    inputs,
    outputs,
    bind(bindId, bytes) {
      const binding = inputs.find((candidate) => candidate.bindId === bindId);
      if (!binding) return fail('run/input', 'the network has no such input', {}, { actual: bindId });
      if (bytes.length !== binding.size) {
        const place = { value: binding.tensor.name };
        fail('run/input', 'an input has another size', place, { expected: binding.size, actual: bytes.length });
      }
      bus.write(windowOf(binding.memoryId).base, bytes);
    },
    submit() {
      for (const { taskIds } of [...loadable.submits].sort((a, b) => a.id - b.id)) {
        for (const id of taskIds) runEntry(entryById(loadable.tasks, id, 'task'));
      }
    },
    output(bindId) {
      const binding = outputs.find((candidate) => candidate.bindId === bindId);
      if (!binding) return fail('run/input', 'the network has no such output', {}, { actual: bindId });
      return bus.read(windowOf(binding.memoryId).base, binding.size);
    },
    base: (memoryId) => windowOf(memoryId).base,
    task: (id) => firmwareTask(entryById(loadable.tasks, id, 'task')),
    close,
  };
}

/** A bound memory is as large as its tensor asks, at least. */
function sizeOf(loadable: StockLoadable, memory: MemoryEntry): number {
  if (!(memory.flags & (memoryFlags.input | memoryFlags.output))) return memory.size;
  const tensor = entryById(loadable.tensors, memory.tensorDescId, 'tensor descriptor');
  return Math.max(memory.size, tensor.offset + tensor.size);
}
