import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { cropCentre, fitImage, grayImage, type Image, resizeImage } from './image.ts';

const gray = (width: number, height: number, pixels: readonly number[]): Image => ({
  width,
  height,
  channels: 1,
  pixels: Uint8Array.from(pixels),
});

describe('resizeImage', () => {
  it('averages what it merges and blends what it stretches', () => {
    // Halving: a triangle of width 2 around each pair, weights 3:3 inside and 1:1 beside, cut off at the edge.
    expect([...resizeImage(gray(4, 1, [0, 0, 80, 80]), 2, 1).pixels]).toEqual([11, 69]);
    expect([...resizeImage(gray(2, 1, [0, 100]), 4, 1).pixels]).toEqual([0, 25, 75, 100]);
    expect([...resizeImage(gray(1, 2, [0, 100]), 1, 4).pixels]).toEqual([0, 25, 75, 100]);
    expect([...resizeImage(gray(3, 1, [1, 2, 3]), 1, 1).pixels]).toEqual([2]);
  });

  it('keeps an even surface even, and stays between the darkest and the brightest pixel', () => {
    const side = fc.integer({ min: 1, max: 12 });
    fc.assert(
      fc.property(
        side,
        side,
        side,
        side,
        fc.constantFrom(1 as const, 3 as const),
        fc.integer(),
        (w, h, tw, th, channels, seed) => {
          const pixels = Uint8Array.from({ length: w * h * channels }, (_, i) => (Math.abs(seed) + i * i * 97) % 256);
          const out = resizeImage({ width: w, height: h, channels, pixels }, tw, th);
          expect(out.pixels).toHaveLength(tw * th * channels);
          expect(Math.min(...out.pixels)).toBeGreaterThanOrEqual(Math.min(...pixels));
          expect(Math.max(...out.pixels)).toBeLessThanOrEqual(Math.max(...pixels));
          const even = resizeImage({ width: w, height: h, channels, pixels: pixels.map(() => 77) }, tw, th);
          expect(new Set(even.pixels)).toEqual(new Set([77]));
        },
      ),
    );
  });

  it('refuses sides out of range', () => {
    expect(() => resizeImage(gray(1, 1, [0]), 0, 1)).toThrow('[evaluate/image]');
    expect(() => resizeImage(gray(1, 1, [0]), 1, 1e6)).toThrow('(expected 1 to 16384, found 1000000)');
  });
});

describe('fitImage', () => {
  const image = gray(4, 2, [1, 2, 3, 4, 5, 6, 7, 8]);

  it('refuses another size when it must be exact', () => {
    expect(fitImage(image, 4, 2, { kind: 'exact' }, 'a.png')).toBe(image);
    expect(() => fitImage(image, 2, 2, { kind: 'exact' }, 'a.png')).toThrow(
      'a.png: the image has the wrong size (expected 2×2, found 4×2) [evaluate/image]',
    );
  });

  it('cuts out the middle', () => {
    expect(fitImage(image, 2, 2, { kind: 'crop' }, '')).toEqual(gray(2, 2, [2, 3, 6, 7]));
    expect(cropCentre(image, 2, 1)).toEqual(gray(2, 1, [2, 3]));
    const large = fitImage(gray(20, 10, new Array(200).fill(9)), 7, 5, { kind: 'crop', shorterSide: 6 }, '');
    expect(large).toEqual(gray(7, 5, new Array(35).fill(9)));
    // A shorter side that is too short is raised to what the network needs.
    expect(fitImage(image, 8, 8, { kind: 'crop', shorterSide: 1 }, '')).toMatchObject({ width: 8, height: 8 });
  });

  it('stretches', () => {
    expect(fitImage(image, 2, 4, { kind: 'stretch' }, '')).toMatchObject({ width: 2, height: 4 });
  });
});

it('grayImage weighs by luma', () => {
  const pixels = Uint8Array.of(255, 0, 0, 0, 255, 0, 0, 0, 255, 90, 90, 90);
  expect([...grayImage({ width: 4, height: 1, channels: 3, pixels }).pixels]).toEqual([76, 150, 29, 90]);
});
