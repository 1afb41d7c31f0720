/**
 * The loadable that NVDLA's stock compiler writes and its runtime loads: a FlatBuffer (`NVDA`, version 0.7.0) of
 * memories, addresses, tasks and the blobs that fill memories (docs/hardware/nvdla.md#loadable). Decoding checks what can
 * be known without running: ids, sizes, that blobs fit where they are put. What the blobs of a task mean is
 * task-descriptors.ts.
 */

import { DlakitError, fail } from '../../../base/errors.ts';
import { FlatTable } from './flat-table.ts';
import { FlatWriter, TableDraft } from './flat-writer.ts';
import { loadableTable } from './stock-schema.ts';

export interface Version {
  readonly major: number;
  readonly minor: number;
  readonly subMinor: number;
}

export interface MemoryEntry {
  readonly id: number;
  /** 0 system memory, 1 SRAM. */
  readonly domain: number;
  /** Bits: {@link memoryFlags}. */
  readonly flags: number;
  readonly size: number;
  readonly alignment: number;
  /** Names of the blobs that fill it, and where. */
  readonly contents: readonly string[];
  readonly offsets: readonly number[];
  /** Of inputs and outputs: the number that an application binds a buffer by. */
  readonly bindId: number;
  readonly tensorDescId: number;
}

export const memoryFlags = { alloc: 1, set: 2, input: 4, output: 8 } as const;

export interface AddressEntry {
  readonly id: number;
  readonly memoryId: number;
  readonly offset: number;
  readonly size: number;
}

export interface EventEntry {
  readonly id: number;
  readonly type: number;
  readonly target: number;
  readonly value: number;
  /** 0 wait, 1 signal. */
  readonly op: number;
}

export const taskInterfaces = { none: 0, dla: 1, emulator: 2 } as const;

export interface TaskEntry {
  readonly id: number;
  readonly interface: number;
  readonly instance: number;
  /** Address ids; the firmware knows an address by its position here. */
  readonly addressList: readonly number[];
  readonly preActions: readonly number[];
  readonly postActions: readonly number[];
}

export interface SubmitEntry {
  readonly id: number;
  readonly taskIds: readonly number[];
}

export interface Blob {
  readonly name: string;
  readonly size: number;
  readonly interface: number;
  /** For DLA: 1 network descriptor, 2 dependencies, 3 operations, 4 surfaces, 5 lookup tables. */
  readonly subInterface: number;
  readonly version: Version;
  /** A view of the file. */
  readonly data: Uint8Array;
}

export interface TensorDesc {
  readonly name: string;
  readonly id: number;
  readonly memoryId: number;
  readonly size: number;
  readonly offset: number;
  readonly dataFormat: number;
  readonly dataType: number;
  readonly dataCategory: number;
  readonly pixelFormat: number;
  readonly pixelMapping: number;
  readonly dims: { readonly n: number; readonly c: number; readonly h: number; readonly w: number };
  /** Bytes of an element, a line, a surface; then unused. */
  readonly strides: readonly number[];
}

export interface RelocationEntry {
  readonly addressId: number;
  readonly writeId: number;
  readonly offset: number;
  readonly interface: number;
  readonly subInterface: number;
  readonly type: number;
}

export interface StockLoadable {
  readonly version: Version;
  /** Whether the file carries the identifier `NVDA`. */
  readonly identified: boolean;
  readonly tasks: readonly TaskEntry[];
  readonly memories: readonly MemoryEntry[];
  readonly addresses: readonly AddressEntry[];
  readonly events: readonly EventEntry[];
  readonly blobs: readonly Blob[];
  readonly tensors: readonly TensorDesc[];
  readonly relocations: readonly RelocationEntry[];
  readonly submits: readonly SubmitEntry[];
}

/** Largest memory that a loadable may ask for. */
const mostBytes = 2 ** 31;

const identifier = 'NVDA';

const isIdentified = (bytes: Uint8Array): boolean => String.fromCharCode(...bytes.subarray(4, 8)) === identifier;

/** Whether bytes begin like a loadable of this format. Old ones have no identifier, only a root with a version. */
export function isStockLoadable(bytes: Uint8Array): boolean {
  if (isIdentified(bytes)) return true;
  try {
    const version = FlatTable.root(bytes).inline(0, 3);
    return version !== undefined && version[0] === 0 && version[1] === 7;
  } catch (error) {
    if (error instanceof DlakitError) return false;
    throw error;
  }
}

/** @throws loadable/not-a-loadable, loadable/version, loadable/truncated, loadable/corrupt, loadable/too-large */
export function decodeStockLoadable(bytes: Uint8Array): StockLoadable {
  const root = FlatTable.root(bytes);
  const version = root.inline(0, 3);
  if (!version) return fail('loadable/not-a-loadable', 'the file has no loadable version');
  if (version[0] !== 0 || version[1] !== 7) {
    fail(
      'loadable/version',
      'the loadable was written in another version of the format',
      {},
      { expected: '0.7', actual: version.join('.') },
    );
  }
  const loadable = { ...loadableTable.read(root, 0), identified: isIdentified(bytes) };
  validate(loadable);
  return loadable;
}

/** The bytes that decode to the loadable: the same ones for the same loadable, every field in them. */
export function encodeStockLoadable(loadable: StockLoadable): Uint8Array {
  const root = new TableDraft();
  loadableTable.write(root, 0, loadable);
  return FlatWriter.file(root.part, loadable.identified ? identifier : '');
}

/** The entry with an id. @throws loadable/corrupt */
export function entryById<T extends { readonly id: number }>(entries: readonly T[], id: number, what: string): T {
  const entry = entries.find((candidate) => candidate.id === id);
  return entry ?? fail('loadable/corrupt', `there is no ${what} of that id`, {}, { actual: id });
}

function validate(loadable: StockLoadable): void {
  const { tasks, memories, addresses, submits, tensors } = loadable;
  for (const [entries, what] of [
    [tasks, 'task'],
    [memories, 'memory'],
    [addresses, 'address'],
    [submits, 'submit'],
  ] as const) {
    const ids = new Set<number>();
    for (const { id } of entries) {
      if (ids.has(id)) fail('loadable/corrupt', `two ${what} entries have the same id`, {}, { actual: id });
      ids.add(id);
    }
  }
  const blobs = new Map(loadable.blobs.map((blob) => [blob.name, blob]));
  const tensorIds = new Set(tensors.map(({ id }) => id));
  for (const memory of memories) validateMemory(memory, blobs, tensorIds);
  const memoryById = new Map(memories.map((memory) => [memory.id, memory]));
  for (const { id, memoryId, offset } of addresses) {
    const memory = memoryById.get(memoryId);
    if (!memory) fail('loadable/corrupt', `address ${id} lies in no memory`, {}, { actual: memoryId });
    else if (offset > memory.size) {
      fail('loadable/corrupt', `address ${id} lies outside its memory`, {}, { expected: memory.size, actual: offset });
    }
  }
  const addressIds = new Set(addresses.map(({ id }) => id));
  for (const { id, addressList } of tasks) {
    const missing = addressList.find((address) => !addressIds.has(address));
    if (missing !== undefined) {
      fail('loadable/corrupt', `task ${id} names an address that is not there`, {}, { actual: missing });
    }
  }
  const taskIds = new Set(tasks.map(({ id }) => id));
  for (const { id, taskIds: wanted } of submits) {
    const missing = wanted.find((task) => !taskIds.has(task));
    if (missing !== undefined) {
      fail('loadable/corrupt', `submission ${id} names a task that is not there`, {}, { actual: missing });
    }
  }
}

function validateMemory(memory: MemoryEntry, blobs: ReadonlyMap<string, Blob>, tensorIds: ReadonlySet<number>): void {
  const { id, size, contents, offsets, flags, tensorDescId } = memory;
  if (size > mostBytes) fail('loadable/too-large', `memory ${id} is too large`, {}, { actual: size });
  if (contents.length !== offsets.length) {
    fail(
      'loadable/corrupt',
      `memory ${id} has contents without offsets`,
      {},
      { expected: contents.length, actual: offsets.length },
    );
  }
  if (flags & memoryFlags.set) {
    for (const [index, name] of contents.entries()) {
      const blob = blobs.get(name);
      if (!blob) fail('loadable/corrupt', `memory ${id} is filled by a blob that is not there`, {}, { actual: name });
      else if (offsets[index]! + blob.data.length > size) {
        fail(
          'loadable/corrupt',
          `the blob ${name} does not fit memory ${id}`,
          {},
          { expected: size, actual: offsets[index]! + blob.data.length },
        );
      }
    }
  }
  if (flags & (memoryFlags.input | memoryFlags.output) && !tensorIds.has(tensorDescId)) {
    fail('loadable/corrupt', `memory ${id} has no tensor descriptor`, {}, { actual: tensorDescId });
  }
}
