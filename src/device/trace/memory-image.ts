/**
 * The memory images of traces: text, a list of `{offset:0x24, size:4, payload:0x00 0x00 0x48 0x00}`. Offsets count from
 * the address that the image is loaded at; what no entry names keeps its value.
 */

import { fail } from '../../graph/errors.ts';

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
    const payload = match[3]!.trim().split(/\s+/).filter(Boolean).map(Number);
    if (!(offset >= 0 && offset + size <= mostBytes) || payload.some((byte) => !(byte >= 0 && byte <= 255))) {
      fail('trace/syntax', 'a memory image has a bad number', { file, offset: match.index }, { actual: match[0] });
    }
    if (payload.length !== size) {
      fail(
        'trace/syntax',
        'a memory image entry has another number of bytes than it says',
        { file, offset: match.index },
        { expected: size, actual: payload.length },
      );
    }
    chunks.push({ offset, bytes: Uint8Array.from(payload) });
  }
  checkBetween(text.slice(end), file, end);
  return chunks;
}

/** Between entries stand only braces, commas and blanks. */
function checkBetween(text: string, file: string, offset: number): void {
  const stray = /[^\s{},]/.exec(text);
  if (stray) fail('trace/syntax', 'a memory image cannot be parsed', { file, offset: offset + stray.index });
}
