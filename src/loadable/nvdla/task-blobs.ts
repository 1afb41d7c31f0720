/** A task's memories as a file fills them, without a device: for whoever reads descriptors and does not run them. */

import { fail } from '../../graph/errors.ts';
import { type AddressEntry, entryById, memoryFlags, type StockLoadable, type TaskEntry } from './stock-loadable.ts';
import { interfaceMinor, type ReadAddress, readTaskDescriptors, type TaskDescriptors } from './task-descriptors.ts';

/** The bytes that blobs put into a memory, zeros between. A memory that no blob fills is empty. @throws loadable/corrupt */
function memoryBytes(loadable: StockLoadable, memoryId: number): Uint8Array {
  const { flags, contents, offsets } = entryById(loadable.memories, memoryId, 'memory');
  if (!(flags & memoryFlags.set)) return new Uint8Array(0);
  const parts = contents.map((name, index) => {
    const blob = loadable.blobs.find((candidate) => candidate.name === name);
    return { data: blob?.data ?? new Uint8Array(0), offset: offsets[index] ?? 0 };
  });
  const [only] = parts;
  if (only && parts.length === 1 && only.offset === 0) return only.data;
  const bytes = new Uint8Array(parts.reduce((end, { data, offset }) => Math.max(end, offset + data.length), 0));
  for (const { data, offset } of parts) bytes.set(data, offset);
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

/** Reads the lists of a task from their blobs: from the start of their memory, whatever the offset of the address. */
export function blobReader(loadable: StockLoadable, task: TaskEntry): ReadAddress {
  const known = new Map<number, Uint8Array>();
  return (position, offset, length) => {
    const { memoryId } = addressAt(loadable, task, position);
    const bytes = known.get(memoryId) ?? memoryBytes(loadable, memoryId);
    known.set(memoryId, bytes);
    return bytes.subarray(offset, offset + length);
  };
}

/** @throws loadable/corrupt, loadable/truncated, loadable/version, device/unsupported */
export const taskDescriptors = (loadable: StockLoadable, task: TaskEntry): TaskDescriptors =>
  readTaskDescriptors(blobReader(loadable, task), interfaceMinor(loadable, task));
