/**
 * Registers as data. A block's table is text, one register a line:
 *
 *     offset NAME FIELD[high:low] FIELD[bit]=reset FIELD[7:0]r FIELD[31:0|31:5] …
 *
 * `r` is read-only, `w` write-only (reads as zero). Where the two generations of the open NVDLA differ — nv_full's (`v1`)
 * addresses are aligned to its 32-byte atom — the v2 range comes first and v1's after the bar. A line that starts with
 * a blank continues the one before. Names are those of the headers in nvdla/sw without the trailing `_0`.
 *
 * Registers whose name starts with `D_` exist twice, once for each group; the others once.
 */

export type Generation = 'v1' | 'v2';

export interface RegisterField {
  readonly name: string;
  readonly low: number;
  readonly width: number;
}

export interface Register {
  readonly name: string;
  /** Bytes from the start of the block. */
  readonly offset: number;
  readonly fields: ReadonlyMap<string, RegisterField>;
  /** Bits that a write changes; the others keep their value. */
  readonly writable: number;
  /** Bits that a read shows. */
  readonly readable: number;
  readonly reset: number;
  /** Exists once in each of the two register groups. */
  readonly dual: boolean;
  /** Exists in a group, and writing it has no effect but its new value. */
  readonly plain: boolean;
}

export interface RegisterTable {
  readonly byName: ReadonlyMap<string, Register>;
  readonly byOffset: ReadonlyMap<number, Register>;
  /** Indices of the words that set up a layer: registers of a group that can be written. */
  readonly layerWords: readonly number[];
}

const fieldPattern = /^(\w+)\[(\d+)(?::(\d+))?(?:\|(\d+):(\d+))?\]([rw]?)(?:=(0x[0-9a-f]+))?$/;

export const maskOf = (field: Pick<RegisterField, 'low' | 'width'>): number =>
  ((field.width === 32 ? 0xffffffff : 2 ** field.width - 1) << field.low) >>> 0;

/** Reads the notation above. The tables are part of the program, so a malformed one is a bug. */
export function registerTable(text: string, generation: Generation): RegisterTable {
  const lines = text
    .replaceAll(/\n +/g, ' ')
    .split('\n')
    .filter((line) => line !== '');
  const registers = lines.map((line) => register(line, generation));
  return {
    byName: new Map(registers.map((entry) => [entry.name, entry])),
    byOffset: new Map(registers.map((entry) => [entry.offset, entry])),
    layerWords: registers.flatMap(({ dual, writable, offset }) => (dual && writable !== 0 ? [offset >> 2] : [])),
  };
}

function register(line: string, generation: Generation): Register {
  const [offset, name, ...fieldTexts] = line.split(' ');
  if (!offset || !name) throw new Error(`register table: ${line}`);
  const fields = new Map<string, RegisterField>();
  let writable = 0;
  let readable = 0;
  let reset = 0;
  for (const text of fieldTexts) {
    const match = fieldPattern.exec(text);
    if (!match) throw new Error(`register table: ${line}: ${text}`);
    const [, fieldName, high, low, oldHigh, oldLow, access, initial] = match;
    const old = generation === 'v1' && oldHigh !== undefined;
    const from = Number(old ? oldLow : (low ?? high));
    const field = { name: fieldName!, low: from, width: Number(old ? oldHigh : high) - from + 1 };
    fields.set(field.name, field);
    if (access !== 'r') writable |= maskOf(field);
    if (access !== 'w') readable |= maskOf(field);
    if (initial) reset |= Number(initial) << field.low;
  }
  return {
    name,
    offset: Number.parseInt(offset, 16),
    fields,
    writable: writable >>> 0,
    readable: readable >>> 0,
    reset: reset >>> 0,
    dual: name.startsWith('D_'),
    plain: name.startsWith('D_') && name !== 'D_OP_ENABLE',
  };
}
