/**
 * Constant bytes by their content: equal bytes are one blob, and a blob's key (SHA-256, in hexadecimal) tells whether it is
 * whole. The bytes are the caller's own, never copied.
 */

import { sha256Hex } from '../base/hashing.ts';
import type { BlobTable } from './program.ts';

export const isBlobKey = (text: string): boolean => /^[0-9a-f]{64}$/.test(text);

export interface BlobTableBuilder {
  /** Takes bytes in and gives their key. They must not change afterwards. */
  add(data: Uint8Array): string;
  /** Every blob taken so far, in the order it first came. */
  table(): BlobTable;
}

export function blobTableBuilder(): BlobTableBuilder {
  const blobs = new Map<string, Uint8Array>();
  return {
    add(data) {
      const key = sha256Hex(data);
      if (!blobs.has(key)) blobs.set(key, data);
      return key;
    },
    table: () => blobs,
  };
}
