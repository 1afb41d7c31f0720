/**
 * Any plain data, changed in one place: a number for one that breaks arithmetic, a string for another one of the same kind,
 * entries of a list taken out, doubled and swapped. What is not on the way to that place is shared with the original.
 */

import type { Random } from '../../../src/base/random.ts';
import { concatenate } from '../onnx-tree.ts';
import { nastyIntegers, nastyNames } from '../random.ts';

/** Ends of fields, sizes of atoms, pages and registers, and what lies just beside them. */
const numbers: readonly number[] = [
  0,
  1,
  2,
  3,
  7,
  8,
  15,
  16,
  31,
  32,
  33,
  63,
  64,
  255,
  256,
  4095,
  4096,
  4097,
  8191,
  8192,
  0x7fff,
  0x8000,
  0xffff,
  0x1_0000,
  0x10_0000,
  0x7fff_ffff,
  0x8000_0000,
  0xffff_ffe0,
  0xffff_ffff,
  2 ** 32,
  2 ** 40,
  Number.MAX_SAFE_INTEGER,
  -1,
  -2,
  -8,
  -32_768,
];

export function mutateTree<T>(tree: T, random: Random): T {
  return mutate(tree, undefined, random) as T;
}

/** @param siblings what stands beside it, for values of the same kind */
function mutate(value: unknown, siblings: readonly unknown[] | undefined, random: Random): unknown {
  switch (typeof value) {
    case 'number':
      return otherNumber(value, siblings ?? [], random);
    case 'bigint':
      return otherBigint(value, random);
    case 'boolean':
      return !value;
    case 'string':
      return otherString(value, siblings ?? [], random);
    case 'object':
      if (value === null) return value;
      if (value instanceof Uint8Array) return mutateBytes(value, random);
      if (Array.isArray(value)) return mutateList(value as readonly unknown[], random);
      return mutateRecord(value as Readonly<Record<string, unknown>>, random);
    default:
      return value;
  }
}

function mutateRecord(record: Readonly<Record<string, unknown>>, random: Random): unknown {
  const keys = Object.keys(record).filter((key) => record[key] !== undefined);
  if (keys.length === 0) return record;
  const key = random.pick(keys);
  return { ...record, [key]: mutate(record[key], Object.values(record), random) };
}

function mutateList(list: readonly unknown[], random: Random): unknown {
  if (list.length === 0) return list;
  const at = random.below(list.length);
  const other = random.below(list.length);
  if (random.chance(0.75)) {
    const numbersBeside = list.flatMap((item) => (typeof item === 'object' ? [] : [item]));
    return list.map((item, index) => (index === at ? mutate(item, numbersBeside, random) : item));
  }
  switch (random.below(5)) {
    case 0:
      return list.filter((_, index) => index !== at);
    case 1:
      return [...list.slice(0, at), list[at], ...list.slice(at)];
    case 2:
      return list.map((item, index) => (index === at ? list[other] : index === other ? list[at] : item));
    case 3:
      return list.slice(0, at);
    default:
      return list.map((item, index) => (index === at ? list[other] : item));
  }
}

export function otherNumber(value: number, siblings: readonly unknown[], random: Random): number {
  const beside = siblings.filter((sibling): sibling is number => typeof sibling === 'number');
  switch (random.below(9)) {
    case 0:
    case 1:
    case 2:
      return random.pick(numbers);
    case 8:
      // Buffers lie whole pages apart: to a neighbour, or beyond the last one.
      return value + 4096 * (1 + random.below(48));
    case 3:
      return value + random.below(9) - 4;
    case 4:
      return value * random.pick([2, 3, 8, 32]);
    case 5:
      return Math.trunc(value / random.pick([2, 3, 8, 32]));
    case 6:
      return beside.length > 0 ? random.pick(beside) : value + 1;
    default:
      return (value ^ (1 << random.below(32))) >>> 0;
  }
}

const otherBigint = (value: bigint, random: Random): bigint =>
  random.chance(0.5) ? BigInt.asIntN(64, random.pick(nastyIntegers)) : value + BigInt(random.below(9) - 4);

function otherString(value: string, siblings: readonly unknown[], random: Random): string {
  const beside = siblings.filter((sibling): sibling is string => typeof sibling === 'string');
  if (beside.length > 1 && random.chance(0.5)) return random.pick(beside);
  return random.chance(0.5) ? random.pick(nastyNames) : `${value}${random.below(3)}`;
}

function mutateBytes(bytes: Uint8Array, random: Random): Uint8Array {
  if (random.chance(0.1)) return bytes.slice(0, random.below(bytes.length + 1));
  if (random.chance(0.05)) return concatenate([bytes, random.bytes(1 + random.below(64))]);
  if (bytes.length === 0) return bytes;
  const copy = bytes.slice();
  for (let count = 0; count <= random.below(4); count++) copy[random.below(copy.length)] = random.below(256);
  return copy;
}
