import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import sharp from 'sharp';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { decodeImage, readImageFolder } from './images.ts';

const png = async (
  width: number,
  height: number,
  channels: 1 | 3 | 4,
  pixels: readonly number[],
): Promise<Uint8Array> =>
  new Uint8Array(await sharp(Uint8Array.from(pixels), { raw: { width, height, channels } }).png().toBuffer());

describe('decodeImage', () => {
  it('gives RGB pixels', async () => {
    const pixels = [255, 0, 0, 0, 255, 0, 1, 2, 3, 9, 9, 9];
    expect(await decodeImage(await png(2, 2, 3, pixels), 'a.png')).toEqual({
      width: 2,
      height: 2,
      channels: 3,
      pixels: Uint8Array.from(pixels),
    });
  });

  it('widens gray levels and lays transparency over black', async () => {
    const gray = await decodeImage(await png(2, 1, 1, [7, 200]), 'gray.png');
    expect([...gray.pixels]).toEqual([7, 7, 7, 200, 200, 200]);
    const clear = await decodeImage(await png(2, 1, 4, [100, 50, 20, 255, 100, 50, 20, 0]), 'clear.png');
    expect([...clear.pixels]).toEqual([100, 50, 20, 0, 0, 0]);
  });

  it('turns images as their EXIF says', async () => {
    const turned = await sharp(Uint8Array.of(10, 10, 10, 200, 200, 200), { raw: { width: 2, height: 1, channels: 3 } })
      .png()
      .withMetadata({ orientation: 6 })
      .toBuffer();
    expect(await decodeImage(turned, 'turned.png')).toMatchObject({ width: 1, height: 2 });
  });

  it('refuses what is no image, or only half of one', async () => {
    await expect(decodeImage(Uint8Array.of(1, 2, 3), 'a.png')).rejects.toThrow(/^a\.png: .*\[evaluate\/image\]$/);
    const noise = Array.from({ length: 64 * 64 * 3 }, (_, i) => (i * i * 31) % 256);
    const whole = await png(64, 64, 3, noise);
    await expect(decodeImage(whole.subarray(0, whole.length / 2), 'b.png')).rejects.toThrow('[evaluate/image]');
  });
});

describe('readImageFolder', () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'dlakit-images-'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const put = async (path: string, level: number): Promise<void> => {
    mkdirSync(join(folder, path, '..'), { recursive: true });
    writeFileSync(join(folder, path), await png(1, 1, 1, [level]));
  };
  const contents = async (): Promise<unknown[]> => {
    const set = await readImageFolder(folder);
    const found = [];
    for (let i = 0; i < set.size; i++) {
      const { image, label } = await set.sample(i);
      found.push([image.pixels[0], label]);
    }
    return found;
  };

  it('takes sub-folders as classes, by name', async () => {
    await put('dog/a.png', 1);
    await put('cat/b.png', 2);
    await put('cat/a.png', 3);
    writeFileSync(join(folder, 'cat', 'notes.txt'), 'no image');
    expect((await readImageFolder(folder)).classes).toEqual(['cat', 'dog']);
    expect(await contents()).toEqual([
      [3, 0],
      [2, 0],
      [1, 1],
    ]);
    writeFileSync(join(folder, 'classes.txt'), 'fish\ndog\ncat\n');
    expect(await contents()).toEqual([
      [3, 2],
      [2, 2],
      [1, 1],
    ]);
    writeFileSync(join(folder, 'classes.txt'), 'fish\ndog\n');
    await expect(readImageFolder(folder)).rejects.toThrow(/cat: a folder is no class of classes\.txt/);
  });

  it('takes numbered sub-folders as indices', async () => {
    await put('10/a.png', 1);
    await put('7/a.png', 2);
    expect(await contents()).toEqual([
      [1, 10],
      [2, 7],
    ]);
  });

  it('reads labels.txt', async () => {
    await put('x y.png', 1);
    await put('z.png', 2);
    writeFileSync(join(folder, 'labels.txt'), '# file class\nz.png 4\r\nx y.png\t1\n');
    expect(await contents()).toEqual([
      [2, 4],
      [1, 1],
    ]);
    writeFileSync(join(folder, 'labels.txt'), 'z.png zebra\nx y.png ant\n');
    expect(await contents()).toEqual([
      [2, 1],
      [1, 0],
    ]);
    writeFileSync(join(folder, 'labels.txt'), 'z.png zebra\n\nx\n');
    await expect(readImageFolder(folder)).rejects.toThrow(/labels\.txt, line 3: /);
  });

  it('takes loose images without labels, and refuses an empty folder', async () => {
    await expect(readImageFolder(folder)).rejects.toThrow('the folder holds no images [evaluate/data-set]');
    await put('a.png', 5);
    expect(await contents()).toEqual([[5, undefined]]);
    await expect(readImageFolder(join(folder, 'none'))).rejects.toThrow('[file/not-found]');
  });

  it('says which image is broken when it comes to it', async () => {
    writeFileSync(join(folder, 'a.png'), 'text');
    const set = await readImageFolder(folder);
    await expect(set.sample(0)).rejects.toThrow(`${join(folder, 'a.png')}: `);
  });
});
