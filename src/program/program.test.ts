import { expect, it } from 'vitest';
import { blobTableBuilder, isBlobKey } from './program.ts';

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
