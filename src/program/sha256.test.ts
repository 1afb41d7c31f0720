import { createHash } from 'node:crypto';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { blobTableBuilder, hashBytes, isBlobKey } from './blobs.ts';

const theirs = (data: Uint8Array) => createHash('sha256').update(data).digest('hex');

it('hashes the empty string and "abc" as FIPS 180-4 says', () => {
  expect(hashBytes(new Uint8Array())).toBe('e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855');
  expect(hashBytes(new TextEncoder().encode('abc'))).toBe(
    'ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad',
  );
});

it('equals another implementation at every length around the block size and on random bytes', () => {
  for (let length = 0; length <= 260; length++) {
    const data = Uint8Array.from({ length }, (_, index) => index * 31);
    expect(hashBytes(data)).toBe(theirs(data));
  }
  fc.assert(fc.property(fc.uint8Array({ maxLength: 5000 }), (data) => hashBytes(data) === theirs(data)));
});

it('hashes views of a larger buffer', () => {
  const data = new Uint8Array(1000).map((_, index) => index);
  expect(hashBytes(data.subarray(3, 777))).toBe(theirs(data.subarray(3, 777)));
});

it('keeps equal bytes once', () => {
  const builder = blobTableBuilder();
  const first = Uint8Array.of(1, 2, 3);
  const key = builder.add(first);
  expect(builder.add(Uint8Array.of(1, 2, 3))).toBe(key);
  expect(builder.add(Uint8Array.of(1, 2))).not.toBe(key);
  expect(builder.table().size).toBe(2);
  expect(builder.table().get(key)).toBe(first);
  expect(isBlobKey(key)).toBe(true);
  expect(isBlobKey(key.slice(1))).toBe(false);
});
