/**
 * The loadable of `orin` and `xavier`: our own container, since the format of NVIDIA's is not public. It holds a Plan, printed
 * (program/print.ts), and the blobs that it names. Numbers are little-endian.
 *
 *      0   8   magic, "DLAKIT" 0x1a 0x0a
 *      8   4   version of the format
 *     12   4   number of blobs
 *     16   8   length of the whole file
 *     24   8   length of the plan
 *     32       the plan, UTF-8
 *              the table: for each blob its SHA-256 (32 bytes) and its length (8), ascending by hash
 *         32   SHA-256 of everything before
 *              the blobs in the order of the table, each from the next multiple of 64, zeros between
 *
 * Equal networks give equal bytes. The decoder trusts nothing: lengths are checked before they are used, every hash is
 * computed anew, there is one place for every byte, and the Plan passes the validator. Blobs are views of the bytes given.
 */

import { DlakitError, fail, type Place } from '../base/errors.ts';
import { sha256, sha256Hex } from '../base/hashing.ts';
import { parsePlan } from '../program/parse.ts';
import { printPlan } from '../program/print.ts';
import type { BlobTable, CompiledNetwork, Plan } from '../program/program.ts';
import { validatePlan } from '../program/validate-plan.ts';
import { findTarget } from '../targets/find.ts';

const loadableVersion = 2;

const magic = Uint8Array.of(0x44, 0x4c, 0x41, 0x4b, 0x49, 0x54, 0x1a, 0x0a);
const headerSize = 32;
const hashSize = 32;
const entrySize = hashSize + 8;
const blobAlignment = 64;

/** What a decoder accepts; more than any network needs. */
const loadableLimits = { plan: 2 ** 25, blobs: 2 ** 18, file: 2 ** 36 } as const;

const align = (offset: number): number => Math.ceil(offset / blobAlignment) * blobAlignment;

/** Whether bytes begin like a loadable of this format. */
export const isLoadable = (data: Uint8Array): boolean =>
  data.length >= magic.length && magic.every((byte, index) => data[index] === byte);

/**
 * The bytes of a compiled network. Blobs that the plan does not name are left out.
 * @throws program/invalid when the plan breaks its rules or a blob is missing; target/unknown
 */
export function encodeLoadable({ plan, blobs }: CompiledNetwork): Uint8Array {
  validatePlan(plan, blobs, findTarget(plan.target));
  const text = new TextEncoder().encode(printPlan(plan));
  const keys = blobKeys(plan);
  const contents = keys.map((key) => blobs.get(key)!);

  const table = headerSize + text.length;
  const checksum = table + keys.length * entrySize;
  let end = checksum + hashSize;
  const places = contents.map((content) => {
    const place = align(end);
    end = place + content.length;
    return place;
  });

  const data = new Uint8Array(end);
  const view = new DataView(data.buffer);
  data.set(magic);
  view.setUint32(8, loadableVersion, true);
  view.setUint32(12, keys.length, true);
  view.setBigUint64(16, BigInt(end), true);
  view.setBigUint64(24, BigInt(text.length), true);
  data.set(text, headerSize);
  for (const [index, key] of keys.entries()) {
    const entry = table + index * entrySize;
    data.set(hexBytes(key), entry);
    view.setBigUint64(entry + hashSize, BigInt(contents[index]!.length), true);
    data.set(contents[index]!, places[index]!);
  }
  data.set(sha256(data.subarray(0, checksum)), checksum);
  return data;
}

export interface DecodeOptions {
  /** The target it has to be for. */
  readonly target?: string;
  /** For messages. */
  readonly file?: string;
}

/**
 * The network in a loadable. Its blobs are views of `bytes`, which must not change afterwards.
 * @throws loadable/not-a-loadable, loadable/version, loadable/truncated, loadable/too-large, loadable/corrupt, loadable/target
 */
export function decodeLoadable(bytes: Uint8Array, options: DecodeOptions = {}): CompiledNetwork {
  const data = new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const place: Place = options.file === undefined ? {} : { file: options.file };
  const { text, entries, first } = readFront(data, place);
  const plan = readPlan(text, place);
  if (options.target !== undefined && options.target !== plan.target) {
    const detail = { expected: options.target, actual: plan.target };
    fail('loadable/target', 'the loadable was made for another target', place, detail);
  }
  const blobs = readBlobs(data, entries, first, place);
  const keys = blobKeys(plan);
  if (keys.length !== blobs.size || keys.some((key) => !blobs.has(key))) {
    const detail = { expected: keys.length, actual: blobs.size };
    fail('loadable/corrupt', 'the blobs are not those that the plan names', place, detail);
  }
  asLoadableProblem(place, () => validatePlan(plan, blobs, findTarget(plan.target)));
  return { plan, blobs };
}

interface Entry {
  readonly key: string;
  readonly length: number;
}

interface Front {
  readonly text: Uint8Array;
  readonly entries: readonly Entry[];
  /** One past the checksum. */
  readonly first: number;
}

/** Header, plan and table, checked against the checksum and against the length of the file. */
function readFront(data: Uint8Array, place: Place): Front {
  const known = Math.min(data.length, magic.length);
  if (data.length === 0 || !data.subarray(0, known).every((byte, index) => byte === magic[index])) {
    const detail = { expected: hexOf(magic), actual: hexOf(data.subarray(0, magic.length)) };
    fail('loadable/not-a-loadable', 'the bytes do not begin like a loadable', place, detail);
  }
  const need = (size: number) => {
    if (data.length >= size) return;
    fail('loadable/truncated', 'the file ends early', place, { expected: `${size} bytes`, actual: data.length });
  };
  const view = new DataView(data.buffer, data.byteOffset, data.length);
  need(12);
  const version = view.getUint32(8, true);
  if (version !== loadableVersion) {
    fail('loadable/version', 'another version of the format', place, { expected: loadableVersion, actual: version });
  }
  need(headerSize);
  const bounded = (what: string, value: number | bigint, most: number): number => {
    if (value <= most) return Number(value);
    return fail('loadable/too-large', `${what} is too large`, place, {
      expected: `at most ${most}`,
      actual: String(value),
    });
  };
  const count = bounded('the number of blobs', view.getUint32(12, true), loadableLimits.blobs);
  const length = bounded('the file', view.getBigUint64(16, true), loadableLimits.file);
  const textLength = bounded('the plan', view.getBigUint64(24, true), loadableLimits.plan);
  need(length);
  const table = headerSize + textLength;
  const checksum = table + count * entrySize;
  const first = checksum + hashSize;
  if (data.length !== length || first > length) {
    const detail = { expected: first > length ? `at least ${first} bytes` : `${length} bytes`, actual: data.length };
    fail('loadable/corrupt', 'the lengths do not fit together', place, detail);
  }
  const found = sha256Hex(data.subarray(0, checksum));
  const stated = hexOf(data.subarray(checksum, first));
  if (found !== stated) {
    fail('loadable/corrupt', 'the checksum of the plan is wrong', place, { expected: stated, actual: found });
  }
  const entries = Array.from({ length: count }, (_, index): Entry => {
    const at = table + index * entrySize;
    const size = bounded('a blob', view.getBigUint64(at + hashSize, true), loadableLimits.file);
    return { key: hexOf(data.subarray(at, at + hashSize)), length: size };
  });
  return { text: data.subarray(headerSize, table), entries, first };
}

function readPlan(text: Uint8Array, place: Place): Plan {
  let printed: string;
  try {
    printed = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(text);
  } catch {
    return fail('loadable/corrupt', 'the plan is not UTF-8', place);
  }
  return asLoadableProblem(place, () => parsePlan(printed));
}

/** The blobs, each where the one before leaves off and with the hash that the table states. */
function readBlobs(data: Uint8Array, entries: readonly Entry[], first: number, place: Place): BlobTable {
  const blobs = new Map<string, Uint8Array>();
  let end = first;
  let previous = '';
  for (const { key, length } of entries) {
    const start = align(end);
    if (key <= previous || start + length > data.length) {
      fail('loadable/corrupt', 'the table of blobs is out of order or runs over the end', { ...place, offset: start });
    }
    if (data.subarray(end, start).some((byte) => byte !== 0)) {
      fail('loadable/corrupt', 'there are bytes between the blobs', { ...place, offset: end });
    }
    const blob = data.subarray(start, start + length);
    const found = sha256Hex(blob);
    if (found !== key) {
      fail(
        'loadable/corrupt',
        'the hash of a blob is wrong',
        { ...place, offset: start },
        { expected: key, actual: found },
      );
    }
    blobs.set(key, blob);
    previous = key;
    end = start + length;
  }
  if (end !== data.length) {
    fail('loadable/corrupt', 'there are bytes after the last blob', { ...place, offset: end });
  }
  return blobs;
}

/** A plan's own problem, told as the loadable's. */
function asLoadableProblem<T>(place: Place, work: () => T): T {
  try {
    return work();
  } catch (error) {
    if (!(error instanceof DlakitError)) throw error;
    const code = error.problem.code.startsWith('target/') ? 'loadable/target' : 'loadable/corrupt';
    throw new DlakitError({ ...error.problem, code, place: { ...place, ...error.problem.place } });
  }
}

/** Keys of every blob that a plan names, ascending. */
function blobKeys({ segments }: Plan): readonly string[] {
  const keys = segments.flatMap((segment) =>
    segment.kind === 'host' ? [segment.model] : segment.program.constants.map(({ blob }) => blob),
  );
  return [...new Set(keys)].sort();
}

const hexOf = (digest: Uint8Array): string => Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join('');

const hexBytes = (key: string): Uint8Array =>
  Uint8Array.from({ length: hashSize }, (_, index) => Number.parseInt(key.slice(index * 2, index * 2 + 2), 16));
