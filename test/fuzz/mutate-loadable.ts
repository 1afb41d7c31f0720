/**
 * Loadables that are wrong in a chosen place. A loadable guards itself with hashes, so bytes changed at random only ever
 * prove that hashes work; most mutants therefore are changed inside and put together again with lengths and hashes that
 * fit, and reach what lies behind the checksum.
 */

import { sha256, sha256Hex } from '../../src/base/hashing.ts';
import type { Random } from '../../src/base/random.ts';
import { mutateText } from './mutate-text.ts';
import { concatenate } from './onnx-tree.ts';
import { nastyIntegers } from './random.ts';

interface Parts {
  text: string;
  /** By hash. */
  blobs: Map<string, Uint8Array>;
}

const headerSize = 32;
const entrySize = 40;
const align = (offset: number): number => Math.ceil(offset / 64) * 64;
const hex = (bytes: Uint8Array): string => Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('');
const unhex = (key: string): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, index) => Number.parseInt(key.slice(2 * index, 2 * index + 2), 16));

function takeApart(file: Uint8Array): Parts {
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const count = view.getUint32(12, true);
  const table = headerSize + Number(view.getBigUint64(24, true));
  const text = new TextDecoder().decode(file.subarray(headerSize, table));
  const blobs = new Map<string, Uint8Array>();
  let end = table + count * entrySize + 32;
  for (let index = 0; index < count; index++) {
    const at = table + index * entrySize;
    const start = align(end);
    end = start + Number(view.getBigUint64(at + 32, true));
    blobs.set(hex(file.subarray(at, at + 32)), file.slice(start, end));
  }
  return { text, blobs };
}

/** With hashes and lengths that fit whatever the parts hold. */
function putTogether({ text, blobs }: Parts, head: Uint8Array): Uint8Array {
  const plan = new TextEncoder().encode(text);
  const entries = [...blobs].sort(([a], [b]) => (a < b ? -1 : 1));
  const first = headerSize + plan.length + entries.length * entrySize + 32;
  let end = first;
  for (const [, blob] of entries) end = align(end) + blob.length;
  const front = new Uint8Array(first - 32);
  const view = new DataView(front.buffer);
  front.set(head.subarray(0, 12));
  view.setUint32(12, entries.length, true);
  view.setBigUint64(16, BigInt(end), true);
  view.setBigUint64(24, BigInt(plan.length), true);
  front.set(plan, headerSize);
  const file = new Uint8Array(end);
  let at = first;
  for (const [index, [key, blob]] of entries.entries()) {
    const entry = headerSize + plan.length + index * entrySize;
    front.set(unhex(key), entry);
    view.setBigUint64(entry + 32, BigInt(blob.length), true);
    at = align(at);
    file.set(blob, at);
    at += blob.length;
  }
  file.set(front);
  file.set(sha256(front), first - 32);
  return file;
}

export function mutateLoadable(file: Uint8Array, random: Random): Uint8Array {
  const choice = random.next();
  if (choice < 0.05) return file.slice(0, random.below(file.length));
  if (choice < 0.1) return scribbled(file, random);
  if (choice < 0.15) return otherHeader(file, random);
  const parts = takeApart(file);
  if (choice < 0.9) parts.text = mutateText(parts.text, random);
  else changeBlob(parts, random);
  return putTogether(parts, file);
}

function scribbled(file: Uint8Array, random: Random): Uint8Array {
  const copy = file.slice();
  for (let count = 0; count <= random.below(8); count++) copy[random.below(copy.length)] = random.below(256);
  return random.chance(0.3) ? concatenate([copy, random.bytes(random.below(100))]) : copy;
}

function otherHeader(file: Uint8Array, random: Random): Uint8Array {
  const copy = file.slice();
  const view = new DataView(copy.buffer);
  const value = random.pick(nastyIntegers);
  const at = random.pick([0, 8, 12, 16, 24]);
  if (at === 8 || at === 12) view.setUint32(at, Number(value & 0xffffffffn), true);
  else
    view.setBigUint64(at, random.chance(0.5) ? value : view.getBigUint64(at, true) + BigInt(random.below(9) - 4), true);
  return copy;
}

function changeBlob(parts: Parts, random: Random): void {
  const keys = [...parts.blobs.keys()];
  if (keys.length === 0) return;
  const key = random.pick(keys);
  const blob = parts.blobs.get(key)!;
  const choice = random.below(5);
  if (choice === 0) {
    parts.blobs.delete(key);
    return;
  }
  if (choice === 1) {
    const more = random.bytes(8);
    parts.blobs.set(sha256Hex(more), more);
    return;
  }
  const changed =
    choice === 2
      ? blob.slice(0, random.below(blob.length + 1))
      : blob.map((byte) => (random.chance(0.3) ? random.pick([0, 0x7f, 0x80, 0xff, random.below(256)]) : byte));
  const other = sha256Hex(changed);
  parts.blobs.delete(key);
  parts.blobs.set(other, changed);
  parts.text = parts.text.replaceAll(key, other);
}
