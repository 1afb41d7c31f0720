/** The tables of nvdla/sw umd/core/src/common/loadable.fbs, every field of them, in its order. */

import {
  bytes,
  group,
  i16,
  i32,
  repeated,
  string,
  strings,
  struct,
  tables,
  u8,
  u16,
  u16s,
  u32,
  u64,
  u64s,
} from './flat-schema.ts';
import type {
  AddressEntry,
  Blob,
  EventEntry,
  MemoryEntry,
  RelocationEntry,
  StockLoadable,
  SubmitEntry,
  TaskEntry,
  TensorDesc,
  Version,
} from './stock-loadable.ts';

const version = struct<Version>(
  3,
  ([major, minor, subMinor]) => ({ major: major!, minor: minor!, subMinor: subMinor! }),
  ({ major, minor, subMinor }) => Uint8Array.of(major, minor, subMinor),
);

export const loadableTable = group<Omit<StockLoadable, 'identified'>>({
  version,
  tasks: tables(
    group<TaskEntry>({
      id: u16,
      interface: u32,
      instance: i16,
      addressList: u16s,
      preActions: u16s,
      postActions: u16s,
    }),
  ),
  memories: tables(
    group<MemoryEntry>({
      id: u16,
      domain: u8,
      flags: u16,
      size: u64,
      alignment: u32,
      contents: strings,
      offsets: u64s,
      bindId: u16,
      tensorDescId: u16,
    }),
  ),
  addresses: tables(group<AddressEntry>({ id: u16, memoryId: u16, offset: u64, size: u64 })),
  events: tables(group<EventEntry>({ id: u16, type: u8, target: u16, value: u32, op: u8 })),
  blobs: tables(group<Blob>({ name: string, size: u64, interface: u32, subInterface: u32, version, data: bytes })),
  tensors: tables(
    group<TensorDesc>({
      name: string,
      id: u16,
      memoryId: u16,
      size: u64,
      offset: u64,
      dataFormat: u8,
      dataType: u8,
      dataCategory: u8,
      pixelFormat: u8,
      pixelMapping: u8,
      dims: group({ n: i32, c: i32, h: i32, w: i32 }),
      strides: repeated(u32, 8),
    }),
  ),
  relocations: tables(
    group<RelocationEntry>({
      addressId: u16,
      writeId: u16,
      offset: u64,
      interface: u32,
      subInterface: u32,
      type: u8,
    }),
  ),
  submits: tables(group<SubmitEntry>({ id: u16, taskIds: u16s })),
});
