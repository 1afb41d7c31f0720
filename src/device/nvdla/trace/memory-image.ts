/**
 * The memory images of traces: text, a list of `{offset:0x24, size:4, payload:0x00 0x00 0x48 0x00}`. Offsets count from
 * the address that the image is loaded at; bytes that no entry names keep their value.
 */

import { fail, type Place } from '../../../base/errors.ts';

export interface ImageChunk {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

const entry = /\{\s*offset\s*:\s*(\w+)\s*,\s*size\s*:\s*(\w+)\s*,\s*payload\s*:([\s\w]*)\}/g;

/** Largest offset that an image may name. */
const mostBytes = 2 ** 31;

/** @throws trace/syntax */
export function parseMemoryImage(text: string, file: string): readonly ImageChunk[] {
  const chunks: ImageChunk[] = [];
  let end = 0;
  for (const match of text.matchAll(entry)) {
    checkBetween(text.slice(end, match.index), file, end);
    end = match.index + match[0].length;
    const [offset, size] = [Number(match[1]), Number(match[2])];
    const place: Place = { file, offset: match.index };
    const bytes = payload(match[3]!);
    if (!(offset >= 0 && offset + size <= mostBytes) || !bytes) {
      return fail('trace/syntax', 'a memory image has a bad number', place, { actual: match[0].slice(0, 80) });
    }
    if (bytes.length !== size) {
      const detail = { expected: size, actual: bytes.length };
      fail('trace/syntax', 'a memory image entry has another number of bytes than it says', place, detail);
    }
    chunks.push({ offset, bytes });
  }
  checkBetween(text.slice(end), file, end);
  return chunks;
}

function payload(text: string): Uint8Array | undefined {
  const words = text.trim().split(/\s+/);
  if (words[0] === '') return new Uint8Array(0);
  const bytes = new Uint8Array(words.length);
  for (const [index, word] of words.entries()) {
    const value = Number(word);
    if (!(value >= 0 && value <= 255)) return undefined;
    bytes[index] = value;
  }
  return bytes;
}

/** Between entries stand only braces, commas and blanks. */
function checkBetween(text: string, file: string, offset: number): void {
  const stray = /[^\s{},]/.exec(text);
  if (stray) fail('trace/syntax', 'a memory image cannot be parsed', { file, offset: offset + stray.index });
}

/** Bytes of one entry: the suite's own images have 4, 16 or 32. */
const lineBytes = 64;

/** The text that parses back to the chunks, one entry a line (nvdla/hw verif/vip/mem_model/mem_core.svh). */
export function printMemoryImage(chunks: readonly ImageChunk[]): string {
  const lines = chunks.flatMap(({ offset, bytes }) =>
    Array.from({ length: Math.ceil(bytes.length / lineBytes) }, (_, line) => {
      const part = bytes.subarray(line * lineBytes, (line + 1) * lineBytes);
      const at = (offset + line * lineBytes).toString(16);
      return `{offset:0x${at}, size:${part.length}, payload:${printBytes(part)}} ,\n`;
    }),
  );
  return `{\n${lines.join('')}}\n`;
}

const printed = Array.from({ length: 256 }, (_, byte) => `0x${byte.toString(16).padStart(2, '0')}`);

/** `0x00 0x7f` */
export const printBytes = (bytes: Uint8Array): string => Array.from(bytes, (byte) => printed[byte]).join(' ');

/** Fewer zeros than this do not end a chunk. */
const shortGap = 64;

/** The chunks of a memory that hold bytes other than zero. */
export function nonZeroChunks(bytes: Uint8Array): readonly ImageChunk[] {
  const chunks: ImageChunk[] = [];
  let start = -1;
  let end = 0;
  const close = (): void => {
    if (start >= 0) chunks.push({ offset: start, bytes: bytes.subarray(start, end) });
  };
  for (let at = 0; at < bytes.length; at++) {
    if (bytes[at] === 0) continue;
    if (start < 0 || at - end >= shortGap) {
      close();
      start = at;
    }
    end = at + 1;
  }
  close();
  return chunks;
}
