/**
 * Records of fixed layout, little endian and packed, described once for reading and for writing. The fields of a record
 * follow one another in the order in which they are written down.
 */

export interface Codec<T> {
  readonly size: number;
  read(view: DataView, offset: number): T;
  write(view: DataView, offset: number, value: T): void;
}

export type Decoded<C> = C extends Codec<infer T> ? T : never;

export const u8: Codec<number> = {
  size: 1,
  read: (view, at) => view.getUint8(at),
  write: (view, at, value) => view.setUint8(at, value),
};
export const i8: Codec<number> = {
  size: 1,
  read: (view, at) => view.getInt8(at),
  write: (view, at, value) => view.setInt8(at, value),
};
export const u16: Codec<number> = {
  size: 2,
  read: (view, at) => view.getUint16(at, true),
  write: (view, at, value) => view.setUint16(at, value, true),
};
export const i16: Codec<number> = {
  size: 2,
  read: (view, at) => view.getInt16(at, true),
  write: (view, at, value) => view.setInt16(at, value, true),
};
export const u32: Codec<number> = {
  size: 4,
  read: (view, at) => view.getUint32(at, true),
  write: (view, at, value) => view.setUint32(at, value, true),
};
export const i32: Codec<number> = {
  size: 4,
  read: (view, at) => view.getInt32(at, true),
  write: (view, at, value) => view.setInt32(at, value, true),
};
export const i64: Codec<bigint> = {
  size: 8,
  read: (view, at) => view.getBigInt64(at, true),
  write: (view, at, value) => view.setBigInt64(at, value, true),
};
export const u64: Codec<bigint> = {
  size: 8,
  read: (view, at) => view.getBigUint64(at, true),
  write: (view, at, value) => view.setBigUint64(at, value, true),
};

export function array<T>(element: Codec<T>, length: number): Codec<readonly T[]> {
  return {
    size: element.size * length,
    read: (view, at) => Array.from({ length }, (_, index) => element.read(view, at + index * element.size)),
    write: (view, at, values) => {
      for (let index = 0; index < length; index++) element.write(view, at + index * element.size, values[index]!);
    },
  };
}

type Fields = Readonly<Record<string, Codec<unknown>>>;
export type RecordOf<F extends Fields> = { readonly [K in keyof F]: Decoded<F[K]> };

export function record<F extends Fields>(fields: F): Codec<RecordOf<F>> {
  const entries: { readonly name: string; readonly codec: Codec<unknown>; readonly offset: number }[] = [];
  let size = 0;
  for (const [name, codec] of Object.entries(fields)) {
    entries.push({ name, codec, offset: size });
    size += codec.size;
  }
  return {
    size,
    read: (view, at) =>
      Object.fromEntries(
        entries.map(({ name, codec, offset }) => [name, codec.read(view, at + offset)]),
      ) as unknown as RecordOf<F>,
    write: (view, at, value) => {
      const values = value as Readonly<Record<string, unknown>>;
      for (const { name, codec, offset } of entries) codec.write(view, at + offset, values[name]);
    },
  };
}

/** Reads a record from bytes that hold at least as many. */
export function decode<T>(codec: Codec<T>, bytes: Uint8Array): T {
  if (bytes.length < codec.size) throw new RangeError(`${codec.size} bytes wanted, got ${bytes.length}`);
  return codec.read(new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength), 0);
}
