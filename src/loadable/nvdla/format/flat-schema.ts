/** Tables of a FlatBuffer, described once for reading and for writing: their fields in the order of the schema. */

import type { FlatTable } from './flat-table.ts';
import { TableDraft } from './flat-writer.ts';

export interface Field<T> {
  /** How many slots of its table it takes. */
  readonly slots: number;
  read(table: FlatTable, slot: number): T;
  write(draft: TableDraft, slot: number, value: T): void;
}

const number = (size: 1 | 2 | 4 | 8, read: Field<number>['read']): Field<number> => ({
  slots: 1,
  read,
  write: (draft, slot, value) => draft.number(slot, size, value),
});

export const u8 = number(1, (table, slot) => table.u8(slot));
export const u16 = number(2, (table, slot) => table.u16(slot));
export const i16 = number(2, (table, slot) => table.i16(slot));
export const u32 = number(4, (table, slot) => table.u32(slot));
export const i32 = number(4, (table, slot) => table.i32(slot));
export const u64 = number(8, (table, slot) => table.u64(slot));

export const string: Field<string> = {
  slots: 1,
  read: (table, slot) => table.string(slot),
  write: (draft, slot, value) => draft.refer(slot, (file) => file.string(value)),
};

export const strings: Field<readonly string[]> = {
  slots: 1,
  read: (table, slot) => table.strings(slot),
  write: (draft, slot, values) =>
    draft.refer(slot, (file) => file.list(values.map((value) => (into) => into.string(value)))),
};

/** A view of the file. */
export const bytes: Field<Uint8Array> = {
  slots: 1,
  read: (table, slot) => table.bytes(slot) ?? new Uint8Array(0),
  write: (draft, slot, value) => draft.refer(slot, (file) => file.bytes(value)),
};

export const u16s: Field<readonly number[]> = {
  slots: 1,
  read: (table, slot) => table.u16s(slot),
  write: (draft, slot, values) => draft.refer(slot, (file) => file.numbers(2, values)),
};

export const u64s: Field<readonly number[]> = {
  slots: 1,
  read: (table, slot) => table.u64s(slot),
  write: (draft, slot, values) => draft.refer(slot, (file) => file.numbers(8, values)),
};

/** A struct of bytes. */
export function struct<T>(size: number, read: (bytes: Uint8Array) => T, write: (value: T) => Uint8Array): Field<T> {
  return {
    slots: 1,
    read: (table, slot) => read(table.inline(slot, size) ?? new Uint8Array(size)),
    write: (draft, slot, value) => draft.inline(slot, write(value)),
  };
}

type Fields<T> = { readonly [K in keyof T]: Field<T[K]> };

/** Several fields of a table that make up one value. */
export function group<T extends object>(fields: Fields<T>): Field<T> {
  const entries: { readonly name: keyof T; readonly field: Field<unknown>; readonly slot: number }[] = [];
  let slots = 0;
  for (const name of Object.keys(fields) as (keyof T)[]) {
    const field = fields[name] as Field<unknown>;
    entries.push({ name, field, slot: slots });
    slots += field.slots;
  }
  return {
    slots,
    read: (table, slot) =>
      Object.fromEntries(entries.map(({ name, field, slot: own }) => [name, field.read(table, slot + own)])) as T,
    write(draft, slot, value) {
      for (const { name, field, slot: own } of entries) field.write(draft, slot + own, value[name]);
    },
  };
}

/** Slots of the same type. */
export const repeated = <T>(field: Field<T>, count: number): Field<readonly T[]> => ({
  slots: count * field.slots,
  read: (table, slot) => Array.from({ length: count }, (_, index) => field.read(table, slot + index * field.slots)),
  write(draft, slot, values) {
    for (let index = 0; index < count; index++) field.write(draft, slot + index * field.slots, values[index]!);
  },
});

/** A list of tables. */
export const tables = <T>(fields: Field<T>): Field<readonly T[]> => ({
  slots: 1,
  read: (table, slot) => table.tables(slot).map((own) => fields.read(own, 0)),
  write: (draft, slot, values) =>
    draft.refer(slot, (file) =>
      file.list(
        values.map((value) => {
          const own = new TableDraft();
          fields.write(own, 0, value);
          return own.part;
        }),
      ),
    ),
});
