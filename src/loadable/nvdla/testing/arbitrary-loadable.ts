/** Loadables with any value in any field, as far as the file as a whole is consistent. */

import fc from 'fast-check';
import { memoryFlags, type StockLoadable } from '../format/stock-loadable.ts';

const u8 = fc.nat({ max: 0xff });
const u16 = fc.oneof(fc.nat({ max: 0xffff }), fc.constantFrom(0, 1, 0xffff));
const u32 = fc.oneof(fc.nat({ max: 0xffff_ffff }), fc.constantFrom(0, 1, 0xffff_ffff));
const i32 = fc.oneof(fc.integer(), fc.constantFrom(0, -1));
const u64 = fc.oneof(fc.maxSafeNat(), fc.constantFrom(0, 2 ** 32, Number.MAX_SAFE_INTEGER));
const text = fc.string({ unit: 'grapheme', maxLength: 12 });
const u16s = fc.array(u16, { maxLength: 5 });
const version = fc.record({ major: u8, minor: u8, subMinor: u8 });
const several = { maxLength: 4 } as const;

const parts = fc.record({
  subMinor: u8,
  identified: fc.boolean(),
  ids: fc.uniqueArray(u16, { minLength: 4, maxLength: 4 }),
  tasks: fc.array(
    fc.record({
      interface: u32,
      instance: fc.integer({ min: -0x8000, max: 0x7fff }),
      preActions: u16s,
      postActions: u16s,
      addresses: u16s,
    }),
    several,
  ),
  memories: fc.array(
    fc.record({
      domain: u8,
      flags: u16,
      size: fc.nat({ max: 2 ** 31 }),
      alignment: u32,
      offsets: fc.array(u64, { maxLength: 3 }),
      bindId: u16,
      tensorDescId: u16,
    }),
    several,
  ),
  addresses: fc.array(fc.record({ memory: u16, offset: u32, size: u64 }), several),
  events: fc.array(fc.record({ id: u16, type: u8, target: u16, value: u32, op: u8 }), several),
  blobs: fc.array(
    fc.record({
      name: text,
      size: u64,
      interface: u32,
      subInterface: u32,
      version,
      data: fc.uint8Array({ maxLength: 20 }),
    }),
    several,
  ),
  tensors: fc.array(
    fc.record({
      name: text,
      id: u16,
      memoryId: u16,
      size: u64,
      offset: u64,
      dataFormat: u8,
      dataType: u8,
      dataCategory: u8,
      pixelFormat: u8,
      pixelMapping: u8,
      dims: fc.record({ n: i32, c: i32, h: i32, w: i32 }),
      strides: fc.array(u32, { minLength: 8, maxLength: 8 }),
    }),
    several,
  ),
  relocations: fc.array(
    fc.record({ addressId: u16, writeId: u16, offset: u64, interface: u32, subInterface: u32, type: u8 }),
    several,
  ),
  submits: fc.array(u16s, several),
});

/** What decodes: entries that refer to each other do so by ids that are there. */
export const anyLoadable: fc.Arbitrary<StockLoadable> = parts.map(({ subMinor, ids, ...raw }) => {
  const bound = memoryFlags.input | memoryFlags.output;
  const memories = raw.memories.map(({ flags, tensorDescId, offsets, ...memory }, index) => {
    const own = raw.blobs[index];
    const fits = own !== undefined && own.data.length <= memory.size;
    return {
      ...memory,
      id: ids[index]!,
      flags:
        (flags & ~(memoryFlags.set | bound) & 0xffff) |
        (fits ? memoryFlags.set : 0) |
        (raw.tensors.length > 0 ? flags & bound : 0),
      contents: fits ? [own.name] : offsets.map((offset) => `absent ${offset}`),
      offsets: fits ? [0] : offsets,
      tensorDescId: raw.tensors[tensorDescId % Math.max(1, raw.tensors.length)]?.id ?? tensorDescId,
    };
  });
  const addresses =
    memories.length === 0
      ? []
      : raw.addresses.map(({ memory, offset, size }, index) => {
          const { id, size: most } = memories[memory % memories.length]!;
          return { id: ids[3 - index]!, memoryId: id, offset: offset % (most + 1), size };
        });
  const tasks = raw.tasks.map(({ addresses: wanted, ...task }, index) => ({
    ...task,
    id: ids[(index + 1) % 4]!,
    addressList: addresses.length === 0 ? [] : wanted.map((at) => addresses[at % addresses.length]!.id),
  }));
  return {
    ...raw,
    version: { major: 0, minor: 7, subMinor },
    memories,
    addresses,
    tasks,
    submits: raw.submits.map((wanted, index) => ({
      id: ids[index]!,
      taskIds: tasks.length === 0 ? [] : wanted.map((at) => tasks[at % tasks.length]!.id),
    })),
  };
});
