import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { targets } from '../../targets/find.ts';
import { isNvdla } from '../../targets/target.ts';
import { stripeCycles, stripes } from './stripe.ts';

const open = targets.filter(isNvdla);
const named = (name: string) => open.find((target) => target.name === name)!;

describe('stripes', () => {
  // docs/hardware/nvdla-timing.md#stripes, worked out by hand.
  it.each([
    ['nv_full', false, 49, [16, 16, 17]],
    ['nv_full', false, 32, [32]],
    ['nv_full', false, 33, [16, 17]],
    ['nv_full', true, 130, [64, 64, 2]],
    ['nv_large', false, 49, [49]],
    ['nv_large', false, 65, [32, 33]],
    ['nv_large', false, 196, [64, 64, 32, 36]],
    ['nv_small', false, 40, [16, 8, 16]],
    ['nv_small', true, 28, [16, 12]],
    ['nv_small_256', true, 70, [32, 32, 6]],
  ] as const)('%s, image %s, %i points: %j', (name, image, points, lengths) => {
    expect(stripes(points, named(name), image)).toEqual(lengths);
  });

  it('cover every point once and are never longer than the buffers behind the core', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(...open),
        fc.integer({ min: 1, max: 5000 }),
        fc.boolean(),
        (target, points, image) => {
          const lengths = stripes(points, target, image);
          expect(lengths.reduce((sum, length) => sum + length)).toBe(points);
          const { c, k } = target.atomic;
          const most = target.nvdla.registers === 'v1' ? (image ? 64 : 32) : image && c / k === 4 ? 4 * k : 2 * k;
          expect(Math.max(...lengths)).toBeLessThanOrEqual(most);
          expect(Math.min(...lengths)).toBeGreaterThan(0);
        },
      ),
      { numRuns: 500 },
    );
  });
});

describe('cycles of a convolution', () => {
  const layer = {
    width: 14,
    height: 14,
    kernel: { h: 3, w: 3 },
    channels: 64,
    kernels: 64,
    precision: 'int8',
  } as const;

  it('are the product of groups, blocks, taps and points where every stripe is full enough', () => {
    // nv_large: 64 × 32; 196 points in stripes of at least 32.
    expect(stripeCycles(layer, named('nv_large'))).toBe(2 * 9 * 196);
    // nv_small: 8 × 8.
    expect(stripeCycles(layer, named('nv_small'))).toBe(8 * 8 * 9 * 196);
  });

  it('are those of loading weights for a fully connected layer', () => {
    const connected = { ...layer, width: 1, height: 1, kernel: { h: 1, w: 1 } };
    // One point, 32 kernels to load; nv_full loads two INT8 kernels a cycle.
    expect(stripeCycles(connected, named('nv_large'))).toBe(2 * 32);
    expect(stripeCycles(connected, named('nv_full'))).toBe(2 * 16);
  });

  it('never fall when anything grows', () => {
    const size = fc.integer({ min: 1, max: 40 });
    const geometry = fc.record({ width: size, height: size, h: size, w: size, channels: size, kernels: size });
    const cost = (
      target: (typeof open)[number],
      g: { width: number; height: number; h: number; w: number; channels: number; kernels: number },
    ) => stripeCycles({ ...g, kernel: { h: g.h, w: g.w }, precision: 'int8' }, target);
    fc.assert(
      fc.property(fc.constantFrom(...open), geometry, (target, g) => {
        const before = cost(target, g);
        for (const field of ['h', 'w', 'channels', 'kernels'] as const) {
          expect(cost(target, { ...g, [field]: g[field] + 1 }), field).toBeGreaterThanOrEqual(before);
        }
      }),
      { numRuns: 200 },
    );
  });
});
