import { createHash } from 'node:crypto';
import { sha256 as portable } from '@noble/hashes/sha2.js';
import { bytesToHex } from '@noble/hashes/utils.js';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { sha256Hex } from './hashing.ts';

const theirs = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

it('hashes the empty string and "abc" as FIPS 180-4 says', () => {
  expect(sha256Hex(new Uint8Array())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(sha256Hex(new TextEncoder().encode('abc'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

it('equals another implementation at every length around the block size and on random bytes', () => {
  for (let length = 0; length <= 260; length++) {
    const data = Uint8Array.from({ length }, (_, index) => index * 31);
    expect(sha256Hex(data)).toBe(theirs(data));
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 5000 }), (data) => sha256Hex(data) === theirs(data)));
});

it('hashes views of a larger buffer', () => {
  const data = new Uint8Array(1000).map((_, index) => index);
  expect(sha256Hex(data.subarray(3, 777))).toBe(theirs(data.subarray(3, 777)));
});

it('is the same in portable code, which a browser takes', () => {
  fc.assert(fc.property(fc.uint8Array({ maxLength: 5000 }), (data) => bytesToHex(portable(data)) === theirs(data)));
});
