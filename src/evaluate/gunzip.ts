/** Decompression with what every platform has. The result is bounded, so that a small file cannot fill the memory. */

import { DlakitError, fail } from '../base/errors.ts';

/** Whether bytes begin as a gzip file does (RFC 1952, 2.3.1). */
export const isGzip = (data: Uint8Array): boolean => data[0] === 0x1f && data[1] === 0x8b;

/** @throws evaluate/data-set when the data is damaged or grows beyond `limit` bytes */
export async function gunzip(data: Uint8Array, limit = 2 ** 31 - 1, file?: string): Promise<Uint8Array> {
  const place = file === undefined ? {} : { file };
  const chunks: Uint8Array[] = [];
  let size = 0;
  try {
    // Decompressors refuse views of shared memory, which the DOM types reflect.
    const source = data.buffer instanceof ArrayBuffer ? (data as Uint8Array<ArrayBuffer>) : new Uint8Array(data);
    const reader = new Blob([source]).stream().pipeThrough(new DecompressionStream('gzip')).getReader();
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      size += value.length;
      if (size > limit) {
        await reader.cancel();
        fail('evaluate/data-set', 'the decompressed data is too large', place, { expected: `at most ${limit} bytes` });
      }
      chunks.push(value);
    }
  } catch (error) {
    if (error instanceof DlakitError) throw error;
    fail('evaluate/data-set', 'the gzip data is damaged or truncated', place);
  }
  const out = new Uint8Array(size);
  let at = 0;
  for (const chunk of chunks) {
    out.set(chunk, at);
    at += chunk.length;
  }
  return out;
}
