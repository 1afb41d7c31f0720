/**
 * Reading FlatBuffers from untrusted bytes. The library's accessors trust every offset in the file; these
 * check each one before it is followed, so a hostile file ends in a typed error. Tables are addressed by slot, the
 * position of a field in its table of the schema; an absent field has its default.
 */

import { fail } from '../../../base/errors.ts';

/** Longest list that a loadable may have; ids are 16 bits wide. */
const mostEntries = 65536;

/**
 * Lists and strings may be shared, so a small file can describe much. Reading is limited to a few times the file's size,
 * views of bytes not counted.
 */
interface Budget {
  left: number;
}

export class FlatTable {
  readonly #view: DataView;
  readonly #at: number;
  readonly #vtable: number;
  readonly #slots: number;
  readonly #budget: Budget;

  private constructor(view: DataView, at: number, budget: Budget) {
    this.#view = view;
    this.#budget = budget;
    this.#at = at;
    check(view, at, 4);
    this.#vtable = at - view.getInt32(at, true);
    check(view, this.#vtable, 4);
    const vtableBytes = view.getUint16(this.#vtable, true);
    if (vtableBytes < 4 || vtableBytes % 2 !== 0) corrupt('a table has a malformed layout', this.#vtable);
    check(view, this.#vtable, vtableBytes);
    this.#slots = (vtableBytes - 4) / 2;
  }

  /** The root table. @throws loadable/not-a-loadable, loadable/corrupt */
  static root(bytes: Uint8Array): FlatTable {
    if (bytes.length < 8) fail('loadable/not-a-loadable', 'the file is too short for a loadable');
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
    const at = view.getUint32(0, true);
    if (at < 4 || at > bytes.length - 4) fail('loadable/not-a-loadable', 'the file is no FlatBuffer', { offset: 0 });
    return new FlatTable(view, at, { left: 4 * bytes.length + mostEntries });
  }

  u8 = (slot: number): number => this.#scalar(slot, 1, (at) => this.#view.getUint8(at));
  u16 = (slot: number): number => this.#scalar(slot, 2, (at) => this.#view.getUint16(at, true));
  i16 = (slot: number): number => this.#scalar(slot, 2, (at) => this.#view.getInt16(at, true));
  u32 = (slot: number): number => this.#scalar(slot, 4, (at) => this.#view.getUint32(at, true));
  i32 = (slot: number): number => this.#scalar(slot, 4, (at) => this.#view.getInt32(at, true));

  /** A 64-bit size or offset. @throws loadable/too-large beyond 2^53 */
  u64(slot: number): number {
    return this.#scalar(slot, 8, (at) => this.#safe(at));
  }

  /** A struct of bytes that lies in the table. */
  inline(slot: number, size: number): Uint8Array | undefined {
    const at = this.#field(slot, size);
    return at === undefined ? undefined : this.#bytes(at, size);
  }

  string(slot: number): string {
    const bytes = this.bytes(slot);
    return bytes ? this.#text(bytes) : '';
  }

  /** A view of a vector of bytes. */
  bytes(slot: number): Uint8Array | undefined {
    const vector = this.#vector(slot, 1);
    return vector && this.#bytes(vector.at, vector.length);
  }

  u16s(slot: number): readonly number[] {
    return this.#elements(slot, 2, (at) => this.#view.getUint16(at, true));
  }

  u64s(slot: number): readonly number[] {
    return this.#elements(slot, 8, (at) => this.#safe(at));
  }

  strings(slot: number): readonly string[] {
    return this.#elements(slot, 4, (at) => {
      const vector = this.#vectorAt(this.#follow(at), 1);
      return this.#text(this.#bytes(vector.at, vector.length));
    });
  }

  tables(slot: number): readonly FlatTable[] {
    return this.#elements(slot, 4, (at) => new FlatTable(this.#view, this.#follow(at), this.#budget));
  }

  #text(bytes: Uint8Array): string {
    const offset = bytes.byteOffset - this.#view.byteOffset;
    this.#spend(bytes.length, offset);
    try {
      return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes);
    } catch {
      return corrupt('a text is not UTF-8', offset);
    }
  }

  #spend(bytes: number, offset: number): void {
    this.#budget.left -= bytes;
    if (this.#budget.left < 0) fail('loadable/too-large', 'the loadable repeats its parts too often', { offset });
  }

  #safe(at: number): number {
    const value = this.#view.getBigUint64(at, true);
    if (value > BigInt(Number.MAX_SAFE_INTEGER)) {
      fail('loadable/too-large', 'a size is larger than any memory', { offset: at }, { actual: value.toString() });
    }
    return Number(value);
  }

  #bytes(at: number, length: number): Uint8Array {
    return new Uint8Array(this.#view.buffer, this.#view.byteOffset + at, length);
  }

  #field(slot: number, size: number): number | undefined {
    if (slot >= this.#slots) return undefined;
    const offset = this.#view.getUint16(this.#vtable + 4 + 2 * slot, true);
    if (offset === 0) return undefined;
    if (offset < 4) corrupt('a field lies outside its table', this.#at);
    check(this.#view, this.#at + offset, size);
    return this.#at + offset;
  }

  #scalar(slot: number, size: number, read: (at: number) => number): number {
    const at = this.#field(slot, size);
    return at === undefined ? 0 : read(at);
  }

  #follow(at: number): number {
    const target = at + this.#view.getUint32(at, true);
    check(this.#view, target, 4);
    return target;
  }

  #vector(slot: number, size: number): { at: number; length: number } | undefined {
    const at = this.#field(slot, 4);
    return at === undefined ? undefined : this.#vectorAt(this.#follow(at), size);
  }

  #vectorAt(at: number, size: number): { at: number; length: number } {
    const length = this.#view.getUint32(at, true);
    check(this.#view, at + 4, length * size);
    return { at: at + 4, length };
  }

  #elements<T>(slot: number, size: number, read: (at: number) => T): readonly T[] {
    const vector = this.#vector(slot, size);
    if (!vector) return [];
    if (vector.length > mostEntries) {
      fail(
        'loadable/too-large',
        'a list is longer than its ids can count',
        { offset: vector.at },
        { expected: `at most ${mostEntries}`, actual: vector.length },
      );
    }
    this.#spend(vector.length * size, vector.at);
    return Array.from({ length: vector.length }, (_, index) => read(vector.at + index * size));
  }
}

const corrupt = (message: string, offset: number): never => fail('loadable/corrupt', message, { offset });

function check(view: DataView, at: number, length: number): void {
  if (at < 0 || at + length > view.byteLength) {
    fail(
      'loadable/truncated',
      'the loadable refers to bytes beyond its end',
      { offset: Math.max(0, at) },
      { expected: `${length} bytes`, actual: Math.max(0, view.byteLength - at) },
    );
  }
}
