import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { DlakitError } from '../base/errors.ts';
import { gunzip, idxDataSet, readIdx } from './idx.ts';

const idx = (shape: readonly number[], data: readonly number[]): Uint8Array => {
  const bytes = new Uint8Array(4 + 4 * shape.length + data.length);
  const view = new DataView(bytes.buffer);
  bytes.set([0, 0, 8, shape.length]);
  for (const [axis, dim] of shape.entries()) view.setUint32(4 + 4 * axis, dim);
  bytes.set(data, 4 + 4 * shape.length);
  return bytes;
};

describe('readIdx', () => {
  it('reads what was written, gzipped or not', async () => {
    const bytes = idx([2, 3], [1, 2, 3, 4, 5, 6]);
    for (const form of [bytes, new Uint8Array(gzipSync(bytes))]) {
      const { shape, data } = await readIdx(form);
      expect(shape).toEqual([2, 3]);
      expect([...data]).toEqual([1, 2, 3, 4, 5, 6]);
    }
  });

  it.each([
    ['nothing', new Uint8Array(), 'this is not an IDX file'],
    ['a PNG', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 0, 0, 0, 0), 'this is not an IDX file'],
    ['floats', Uint8Array.of(0, 0, 0x0d, 1, 0, 0, 0, 0), 'not bytes (expected type 8, found type 13)'],
    ['too many dimensions', Uint8Array.of(0, 0, 8, 9), 'odd number of dimensions (expected 1 to 4, found 9)'],
    ['half a header', Uint8Array.of(0, 0, 8, 3, 0, 0), 'ends inside its header'],
    ['no elements', idx([0], []), 'a dimension of the IDX file is zero'],
    ['missing elements', idx([4], [1, 2, 3]), '(expected 4, found 3)'],
    ['a size beyond any memory', idx([2 ** 32 - 1, 2 ** 32 - 1, 2 ** 32 - 1], [1]), 'found 1)'],
    ['damaged gzip', Uint8Array.of(0x1f, 0x8b, 8, 0, 1, 2, 3, 4, 5, 6, 7), 'damaged or truncated'],
    ['truncated gzip', new Uint8Array(gzipSync(idx([4], [1, 2, 3, 4]))).subarray(0, 25), 'damaged or truncated'],
  ])('refuses %s', async (_, bytes, message) => {
    const work = readIdx(bytes, 'x.gz');
    await expect(work).rejects.toThrow(message);
    await expect(work).rejects.toThrow(/^x\.gz: .*\[evaluate\/data-set\]$/);
  });

  it('refuses or reads any bytes, and does nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.uint8Array({ maxLength: 40 }), fc.boolean(), async (tail, header) => {
        const bytes = header ? Uint8Array.of(0, 0, 8, ...tail) : tail;
        const error = await readIdx(bytes).catch((reason: unknown) => reason);
        if (error instanceof Error) expect(error).toBeInstanceOf(DlakitError);
      }),
    );
  });
});

describe('gunzip', () => {
  it('stops at its limit', async () => {
    const bomb = new Uint8Array(gzipSync(new Uint8Array(1 << 24)));
    await expect(gunzip(bomb, 1 << 20)).rejects.toThrow('too large (expected at most 1048576 bytes)');
    expect(await gunzip(bomb, 1 << 24)).toHaveLength(1 << 24);
  });
});

describe('idxDataSet', () => {
  it('gives images with their labels', async () => {
    const set = await idxDataSet(idx([2, 1, 2], [1, 2, 3, 4]), idx([2], [7, 9]), { images: 'i', labels: 'l' });
    expect(set.size).toBe(2);
    expect(await set.sample(1)).toEqual({
      image: { width: 2, height: 1, channels: 1, pixels: Uint8Array.of(3, 4) },
      file: 'i 1',
      label: 9,
    });
    const coloured = await idxDataSet(idx([1, 1, 1, 3], [1, 2, 3]), undefined);
    expect((await coloured.sample(0)).image).toEqual({
      width: 1,
      height: 1,
      channels: 3,
      pixels: Uint8Array.of(1, 2, 3),
    });
  });

  it('wants images, and a label for each', async () => {
    await expect(idxDataSet(idx([4], [1, 2, 3, 4]), undefined)).rejects.toThrow('holds no images');
    await expect(idxDataSet(idx([1, 1, 1, 2], [1, 2]), undefined)).rejects.toThrow('holds no images');
    const labels = idxDataSet(idx([2, 1, 1], [1, 2]), idx([3], [1, 2, 3]), { labels: 'l' });
    await expect(labels).rejects.toThrow('l: there is not one label for each image (expected 2, found 3)');
  });

  it('reads the demo data', async () => {
    const read = (name: string) => new Uint8Array(readFileSync(new URL(`../../data/${name}`, import.meta.url)));
    const set = await idxDataSet(read('fashion-mnist-test-images.idx3.gz'), read('fashion-mnist-test-labels.idx1.gz'));
    expect(set.size).toBe(10_000);
    const counts = new Array<number>(10).fill(0);
    for (let i = 0; i < set.size; i++) counts[(await set.sample(i)).label!]!++;
    expect(counts).toEqual(new Array(10).fill(1000));
  });
});
