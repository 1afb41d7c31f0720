/** A task's memories as a file fills them, without a device, for reading descriptors without running them. */

import { fail } from '../../../base/errors.ts';
import { type AddressEntry, entryById, memoryFlags, type StockLoadable, type TaskEntry } from './stock-loadable.ts';
import { interfaceMinor, type ReadAddress, readTaskDescriptors, type TaskDescriptors } from './task-descriptors.ts';

interface BlobPiece {
  readonly data: Uint8Array;
  readonly offset: number;
}

/** The blobs of a memory and their offsets; none where no blob fills it. @throws loadable/corrupt */
function partsOf(loadable: StockLoadable, memoryId: number): readonly BlobPiece[] {
  const { flags, contents, offsets } = entryById(loadable.memories, memoryId, 'memory');
  if (!(flags & memoryFlags.set)) return [];
  return contents.flatMap((name, index) => {
    const blob = loadable.blobs.find((candidate) => candidate.name === name);
    return blob ? [{ data: blob.data, offset: offsets[index] ?? 0 }] : [];
  });
}

/** A range of a memory, zeros between its parts; it ends where the last part does. */
function readParts(parts: readonly BlobPiece[], offset: number, length: number): Uint8Array {
  const holds = parts.find((part) => part.offset <= offset && offset + length <= part.offset + part.data.length);
  if (holds) return holds.data.subarray(offset - holds.offset, offset - holds.offset + length);
  const last = parts.reduce((end, { data, offset: from }) => Math.max(end, from + data.length), 0);
  const bytes = new Uint8Array(Math.max(0, Math.min(offset + length, last) - offset));
  for (const { data, offset: from } of parts) {
    const part = data.subarray(Math.max(0, offset - from), Math.max(0, offset + bytes.length - from));
    if (part.length > 0) bytes.set(part, Math.max(0, from - offset));
  }
  return bytes;
}

/** The address at a position of a task's list. @throws loadable/corrupt */
export function addressAt(loadable: StockLoadable, task: TaskEntry, position: number): AddressEntry {
  const id = task.addressList[position];
  if (id === undefined) {
    return fail('loadable/corrupt', `task ${task.id} has no such address`, {}, { actual: position });
  }
  return entryById(loadable.addresses, id, 'address');
}

/** Reads memories as their blobs fill them: zeros where none does, however large the memory is. @throws loadable/corrupt */
export function memoryReader(loadable: StockLoadable): (memory: number, offset: number, length: number) => Uint8Array {
  return (memory, offset, length) => {
    const filled = readParts(partsOf(loadable, memory), offset, length);
    if (filled.length === length) return filled;
    const whole = new Uint8Array(length);
    whole.set(filled);
    return whole;
  };
}

/**
 * Bytes that may still be read. Memory between blobs is zero, and tasks may share their lists, so a small file can describe many
 * operations; all that is read of its lists may be a few times what is in its blobs.
 */
export interface ListBudget {
  left: number;
}

export const listBudget = ({ blobs }: StockLoadable): ListBudget => ({
  left: 65_536 + 8 * blobs.reduce((sum, { data }) => sum + data.length, 0),
});

/**
 * Reads the lists of a task from their blobs: from the start of their memory, whatever the offset of the address.
 * @param budget one for all tasks, where all are read
 */
export function blobReader(loadable: StockLoadable, task: TaskEntry, budget = listBudget(loadable)): ReadAddress {
  const known = new Map<number, readonly BlobPiece[]>();
  return (position, offset, length) => {
    budget.left -= length;
    if (budget.left < 0) fail('loadable/too-large', 'the lists of tasks are longer than what fills them');
    const parts = known.get(position) ?? partsOf(loadable, addressAt(loadable, task, position).memoryId);
    known.set(position, parts);
    return readParts(parts, offset, length);
  };
}

/** @throws loadable/corrupt, loadable/truncated, loadable/too-large, loadable/version, device/unsupported */
export const taskDescriptors = (loadable: StockLoadable, task: TaskEntry, budget?: ListBudget): TaskDescriptors =>
  readTaskDescriptors(blobReader(loadable, task, budget), interfaceMinor(loadable, task));
