import { describe, expect, it } from 'vitest';
import type { TensorDesc } from '../../loadable/nvdla/format/stock-loadable.ts';
import { dimg } from './dimg.ts';

const features = (changes: Partial<TensorDesc> = {}): TensorDesc => ({
  name: 'out',
  id: 0,
  memoryId: 0,
  size: 200,
  offset: 0,
  dataFormat: 3,
  dataType: 4,
  dataCategory: 2,
  pixelFormat: 37,
  pixelMapping: 0,
  dims: { n: 1, c: 10, h: 2, w: 3 },
  strides: [1, 40, 80, 0, 0, 0, 0, 0],
  ...changes,
});

describe("nvdla_runtime's image of an output", () => {
  it('says what it holds, and holds it channel by channel without gaps', () => {
    const bytes = new Uint8Array(200);
    const at = (c: number, y: number, x: number): number => Math.floor(c / 8) * 80 + y * 40 + x * 8 + (c % 8);
    const element = (c: number, y: number, x: number): number => 20 * c + 4 * y + x + 1;
    for (let c = 0; c < 10; c++) {
      for (let y = 0; y < 2; y++) for (let x = 0; x < 3; x++) bytes[at(c, y, x)] = element(c, y, x);
    }
    const image = dimg(bytes, features(), 8);
    expect(new TextDecoder().decode(image.subarray(0, 4))).toBe('DIMG');
    const words = Array.from({ length: 8 }, (_, index) => new DataView(image.buffer).getUint32(4 + 4 * index, true));
    expect(words).toEqual([0, 41, 3, 2, 10, 40, 80, 200]);
    const wanted = Array.from({ length: 60 }, (_, i) => element(Math.floor(i / 6), Math.floor((i % 6) / 3), i % 3));
    expect([...image.subarray(36)]).toEqual(wanted);
  });

  it('is the same where a tensor of features is called nchw', () => {
    const bytes = Uint8Array.from({ length: 200 }, (_, index) => index);
    expect(dimg(bytes, features({ dataFormat: 1 }), 8)).toEqual(dimg(bytes, features(), 8));
    // The pixel format decides the size of atoms, not the device's memory.
    const large = dimg(bytes, features({ dataFormat: 1, pixelFormat: 36 }), 8);
    expect([large[8], ...large.subarray(36, 42)]).toEqual([40, 0, 32, 64, 40, 72, 104]);
  });

  it('turns 32768 into 0 and NaN into 31744 in float16, and leaves the rest', () => {
    const values = [0x7800, 0x7e00, 0xfc01, 0x8000, 0x7c00, 0xf800, 0x3c00, 0x0000];
    const bytes = new Uint8Array(Uint16Array.from(values).buffer);
    const tensor = features({
      dataType: 2,
      dims: { n: 1, c: 8, h: 1, w: 1 },
      strides: [2, 32, 32, 0, 0, 0, 0, 0],
      size: 32,
    });
    const image = dimg(new Uint8Array([...bytes, ...new Uint8Array(16)]), tensor, 32);
    expect(new DataView(image.buffer).getUint32(8, true)).toBe(43);
    expect([...new Uint16Array(image.slice(36).buffer)]).toEqual([
      0, 0x77c0, 0x77c0, 0x8000, 0x7c00, 0xf800, 0x3c00, 0x0000,
    ]);
  });

  it('is not made of what is no features, or does not fit its buffer', () => {
    expect(() => dimg(new Uint8Array(200), features({ dataFormat: 2, dims: { n: 1, c: 4, h: 2, w: 3 } }), 8)).toThrow(
      /no image format/,
    );
    expect(() => dimg(new Uint8Array(100), features(), 8)).toThrow(/larger than its buffer/);
    expect(() => dimg(new Uint8Array(200), features({ dims: { n: 1, c: 0, h: 2, w: 3 } }), 8)).toThrow(
      /empty dimension/,
    );
  });
});
