import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytes } from '../base/units.ts';
import { orin } from '../targets/orin.ts';
import { xavier } from '../targets/xavier.ts';
import { channelBlocks, elementsPerAtom, partView, pixelBytes, rowAlignment, surfaceGeometry } from './geometry.ts';
import type { ElementType, Shape4, Surface, SurfaceFormat } from './surface.ts';

describe('surfaceGeometry', () => {
  it.each<readonly [Shape4, ElementType, SurfaceFormat, readonly number[]]>([
    [[1, 64, 56, 56], 'int8', 'chw32', [56 * 32, 56 * 56 * 32, 2 * 56 * 56 * 32, 2 * 56 * 56 * 32]],
    [[2, 33, 3, 5], 'int8', 'chw32', [160, 480, 960, 1920]],
    [[1, 33, 3, 5], 'float16', 'chw16', [160, 480, 1440, 1440]],
    [[1, 9, 3, 5], 'int8', 'chw8', [40, 120, 240, 240]],
    // TensorRT: [N][H][roundUp(W, 64/C'/elemSize)][C'] (docs/hardware/orin.md#formats).
    [[1, 3, 224, 224], 'int8', 'dla_hwc4', [896, 896 * 224, 896 * 224, 896 * 224]],
    [[2, 4, 10, 17], 'int8', 'dla_hwc4', [128, 1280, 1280, 2560]],
    [[1, 1, 28, 28], 'int8', 'dla_hwc4', [64, 1792, 1792, 1792]],
    [[1, 3, 2, 9], 'float16', 'dla_hwc4', [128, 256, 256, 256]],
    [[2, 3, 10, 65], 'int8', 'dla_linear', [128, 1280, 3840, 7680]],
    [[1, 1, 10, 33], 'float16', 'dla_linear', [128, 1280, 1280, 1280]],
    [[64, 3, 7, 7], 'int8', 'kcrs', [7, 49, 147, 9408]],
    [[1, 40, 1, 1], 'int32', 'vector', [4, 4, 160, 160]],
  ])('%j %s %s', (shape, dtype, format, [lineStride, surfaceStride, batchStride, size]) => {
    expect(surfaceGeometry(shape, dtype, format)).toEqual({ lineStride, surfaceStride, batchStride, size });
  });

  it('pads rows of dla_hwc4 to 32 bytes on xavier', () => {
    expect(surfaceGeometry([1, 3, 2, 9], 'int8', 'dla_hwc4', rowAlignment('dla_hwc4', xavier)).lineStride).toBe(64);
    expect(surfaceGeometry([1, 3, 2, 8], 'int8', 'dla_hwc4', rowAlignment('dla_hwc4', xavier)).lineStride).toBe(32);
    expect(surfaceGeometry([1, 3, 2, 8], 'int8', 'dla_hwc4', rowAlignment('dla_hwc4', orin)).lineStride).toBe(64);
  });

  const formats: readonly SurfaceFormat[] = ['chw32', 'chw16', 'chw8', 'dla_linear', 'kcrs'];
  const small = fc.integer({ min: 1, max: 40 });

  it('gives every element a place of its own inside the size', () => {
    fc.assert(
      fc.property(
        fc.tuple(fc.integer({ min: 1, max: 2 }), small, small, small),
        fc.constantFrom(...formats),
        (shape, format) => {
          const [n, c, h, w] = shape;
          const { lineStride, surfaceStride, batchStride, size } = surfaceGeometry(shape, 'int8', format);
          const atom = elementsPerAtom(format);
          const seen = new Uint8Array(size);
          for (let image = 0; image < n; image++)
            for (let channel = 0; channel < c; channel++)
              for (let y = 0; y < h; y++)
                for (let x = 0; x < w; x++) {
                  const block = Math.floor(channel / atom) * surfaceStride;
                  seen[image * batchStride + block + y * lineStride + x * atom + (channel % atom)]!++;
                }
          expect(seen.every((count) => count <= 1)).toBe(true);
          expect(seen.reduce((sum, count) => sum + count, 0)).toBe(n * c * h * w);
        },
      ),
      { numRuns: 50 },
    );
  });
});

describe('partView', () => {
  const shape: Shape4 = [2, 100, 3, 5];
  const parent: Surface = {
    id: 0,
    name: 'parent',
    shape,
    dtype: 'int8',
    format: 'chw32',
    ...surfaceGeometry(shape, 'int8', 'chw32'),
    memory: 'local_dram',
    offset: bytes(640),
  };

  it('starts at an atom of the parent and ends before the parent does', () => {
    const view = partView(parent, { channel: 64, row: 0 }, [2, 36, 3, 5]);
    expect(view).toEqual({
      shape: [2, 36, 3, 5],
      offset: 640 + 2 * 480,
      lineStride: 160,
      surfaceStride: 480,
      batchStride: 1920,
      size: 1920 + 2 * 480,
    });
    expect(view.offset + view.size).toBe(parent.offset + parent.size);
  });

  it('refuses a channel inside an atom', () => {
    expect(() => partView(parent, { channel: 16, row: 0 }, [2, 16, 3, 5])).toThrow(RangeError);
  });

  it('ends with the last row of its last block', () => {
    const view = partView(parent, { channel: 32, row: 1 }, [1, 64, 2, 5]);
    expect(view).toMatchObject({ offset: 640 + 480 + 160, size: 480 + 2 * 160, lineStride: 160, surfaceStride: 480 });
  });
});

it('counts pixels and blocks by format', () => {
  expect(pixelBytes([1, 3, 1, 1], 'int8', 'dla_hwc4')).toBe(4);
  expect(pixelBytes([1, 1, 1, 1], 'float16', 'dla_hwc4')).toBe(2);
  expect(pixelBytes([1, 70, 1, 1], 'float16', 'chw16')).toBe(32);
  expect(channelBlocks([1, 70, 1, 1], 'chw16')).toBe(5);
  expect(channelBlocks([1, 3, 1, 1], 'dla_hwc4')).toBe(1);
  expect(channelBlocks([1, 3, 1, 1], 'dla_linear')).toBe(3);
});
