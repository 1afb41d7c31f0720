/**
 * Writing FlatBuffers, front to back: a table, then what it refers to, in the order of its slots. Every value lies at a multiple
 * of its size. Numbers that are 0 are left out, as `flatc` does; lists, strings and structs never are, since
 * NVDLA's runtime follows them without asking whether they are there (nvdla/sw umd Loadable.cpp, `deserializeFrom`).
 */

/** Writes itself at the end of a file. @returns where it begins */
export type LaterPart = (file: FlatWriter) => number;

/** A field of a table that is being collected: bytes that lie in it, or what it refers to. */
type Slot =
  | { readonly size: number; readonly align: number; readonly put: (view: DataView, at: number) => void }
  | LaterPart
  | undefined;

const reference = { size: 4, align: 4 } as const;

/** The fields of one table, by slot. */
export class TableDraft {
  readonly #slots: Slot[] = [];

  number(slot: number, size: 1 | 2 | 4 | 8, value: number): void {
    if (value !== 0) this.#slots[slot] = { size, align: size, put: (view, at) => putNumber(view, at, size, value) };
  }

  /** A struct of bytes. */
  inline(slot: number, bytes: Uint8Array): void {
    this.#slots[slot] = {
      size: bytes.length,
      align: 1,
      put(view, at) {
        for (const [index, byte] of bytes.entries()) view.setUint8(at + index, byte);
      },
    };
  }

  refer(slot: number, part: LaterPart): void {
    this.#slots[slot] = part;
  }

  get part(): LaterPart {
    return (file) => file.table(this.#slots);
  }
}

export class FlatWriter {
  #bytes = new Uint8Array(4096);
  #view = new DataView(this.#bytes.buffer);
  #end = 0;
  /** Tables of the same layout share its description. */
  readonly #layouts = new Map<string, number>();

  /** A file of one root, with an identifier of four letters or none. */
  static file(root: LaterPart, identifier = ''): Uint8Array {
    const file = new FlatWriter();
    const at = file.#take(4, 4);
    for (const letter of identifier) file.#view.setUint8(file.#take(1, 1), letter.charCodeAt(0));
    const target = root(file);
    file.#view.setUint32(at, target, true);
    return file.#bytes.slice(0, file.#end);
  }

  table(slots: readonly Slot[]): number {
    let size = 4;
    const offsets = Array.from({ length: slots.length }, (_, index) => {
      const slot = slots[index];
      if (slot === undefined) return 0;
      const { size: own, align } = typeof slot === 'function' ? reference : slot;
      const at = Math.ceil(size / align) * align;
      size = at + own;
      return at;
    });
    const layout = this.#layout([4 + 2 * offsets.length, size, ...offsets]);
    const start = this.#take(size, 8);
    this.#view.setInt32(start, start - layout, true);
    for (const [index, slot] of slots.entries()) {
      if (slot === undefined) continue;
      if (typeof slot === 'function') this.#refer(start + offsets[index]!, slot);
      else slot.put(this.#view, start + offsets[index]!);
    }
    return start;
  }

  #layout(entries: readonly number[]): number {
    const key = entries.join();
    const known = this.#layouts.get(key);
    if (known !== undefined) return known;
    const at = this.#take(2 * entries.length, 2);
    for (const [index, entry] of entries.entries()) this.#view.setUint16(at + 2 * index, entry, true);
    this.#layouts.set(key, at);
    return at;
  }

  numbers(size: 1 | 2 | 4 | 8, values: readonly number[]): number {
    const { at, first } = this.#vector(values.length, size);
    for (const [index, value] of values.entries()) putNumber(this.#view, first + index * size, size, value);
    return at;
  }

  bytes(values: Uint8Array): number {
    const { at, first } = this.#vector(values.length, 1);
    this.#bytes.set(values, first);
    return at;
  }

  /** A vector of bytes with a zero behind it. */
  string(text: string): number {
    const at = this.bytes(new TextEncoder().encode(text));
    this.#take(1, 1);
    return at;
  }

  list(parts: readonly LaterPart[]): number {
    const { at, first } = this.#vector(parts.length, 4);
    for (const [index, part] of parts.entries()) this.#refer(first + 4 * index, part);
    return at;
  }

  /** A length and the elements behind it, which lie at a multiple of their size. */
  #vector(length: number, size: number): { readonly at: number; readonly first: number } {
    this.#take(4, 4);
    const first = this.#take(length * size, Math.max(4, size));
    this.#view.setUint32(first - 4, length, true);
    return { at: first - 4, first };
  }

  #refer(at: number, part: LaterPart): void {
    const target = part(this);
    this.#view.setUint32(at, target - at, true);
  }

  /** Room at the end, zeroed. */
  #take(size: number, align: number): number {
    const at = Math.ceil(this.#end / align) * align;
    this.#end = at + size;
    if (this.#end > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(2 * this.#bytes.length, this.#end));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}

function putNumber(view: DataView, at: number, size: 1 | 2 | 4 | 8, value: number): void {
  if (size === 1) view.setUint8(at, value);
  else if (size === 2) view.setUint16(at, value, true);
  else if (size === 4) view.setUint32(at, value, true);
  else view.setBigUint64(at, BigInt(value), true);
}
