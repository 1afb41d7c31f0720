/** Chains of pooling windows against the one window that they stand for. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Shape4 } from '../../program/surface.ts';
import type { Pooling } from '../operation.ts';
import { averageAsConvolution, planPooling, pooledShape } from './pooling.ts';

const none = { top: 0, left: 0, bottom: 0, right: 0 };

/** One row of pixels through a window; padding is no pixel to a maximum and zero to an average. */
function pooled({ mode, kernel, stride, padding }: Pooling, data: readonly number[]): number[] {
  const [, , , count] = pooledShape([1, 1, 1, data.length], {
    mode,
    kernel: { h: 1, w: kernel.w },
    stride: { h: 1, w: stride.w },
    padding: { ...none, left: padding.left, right: padding.right },
    countPadding: true,
  });
  return Array.from({ length: count }, (_, index) => {
    const from = index * stride.w - padding.left;
    const seen = data.slice(Math.max(0, from), Math.max(0, from + kernel.w));
    if (mode === 'max') return seen.reduce((most, value) => Math.max(most, value), Number.NEGATIVE_INFINITY);
    return seen.reduce((sum, value) => sum + value, 0) / kernel.w;
  });
}

const along = (kernel: number, stride: number, left: number, right: number, mode: Pooling['mode']): Pooling => ({
  mode,
  kernel: { h: 1, w: kernel },
  stride: { h: 1, w: stride },
  padding: { ...none, left, right },
  countPadding: true,
});

const rowOf = (width: number): Shape4 => [1, 8, 1, width];

function chainOf(pool: Pooling, input: Shape4): readonly Pooling[] {
  const plan = planPooling(pool, input);
  if ('reason' in plan) throw new Error(plan.reason);
  return plan.pools;
}

describe('the plan of a pooling window', () => {
  it('has the maxima of the window, whatever its size, stride and padding', () => {
    const given = fc.record({
      kernel: fc.integer({ min: 1, max: 32 }),
      stride: fc.integer({ min: 1, max: 8 }),
      left: fc.nat({ max: 31 }),
      right: fc.nat({ max: 31 }),
      data: fc.array(fc.integer({ min: -99, max: 99 }), { minLength: 1, maxLength: 50 }),
    });
    fc.assert(
      fc.property(given, ({ kernel, stride, left, right, data }) => {
        fc.pre(left < kernel && right < kernel && data.length + left + right >= kernel);
        // Every window holds a pixel, as select sees to.
        const last = Math.floor((data.length + left + right - kernel) / stride) * stride - left;
        fc.pre(last < data.length && (kernel <= 8 ? left < 8 && right < 8 : true));
        const pool = along(kernel, stride, left, right, 'max');
        const chain = chainOf(pool, rowOf(data.length));
        for (const { kernel: small, padding } of chain) {
          expect(small.w).toBeLessThanOrEqual(8);
          expect(Math.max(padding.left, padding.right)).toBeLessThanOrEqual(7);
        }
        expect(chain.reduce((row, link) => pooled(link, row), data as number[])).toEqual(pooled(pool, data));
      }),
      { numRuns: 500 },
    );
  });

  it('multiplies windows that step by their own size, the smallest first', () => {
    const pool: Pooling = {
      mode: 'average',
      kernel: { h: 14, w: 40 },
      stride: { h: 14, w: 40 },
      padding: none,
      countPadding: true,
    };
    expect(chainOf(pool, [1, 8, 28, 80]).map(({ kernel, stride }) => [kernel.h, kernel.w, stride.h, stride.w])).toEqual(
      [
        [2, 5, 2, 5],
        [7, 8, 7, 8],
      ],
    );
  });

  it('steps over a single result by nothing', () => {
    const pool = along(11, 11, 0, 0, 'max');
    expect(chainOf(pool, rowOf(11)).map(({ kernel, stride }) => [kernel.w, stride.w])).toEqual([
      [8, 1],
      [4, 1],
    ]);
  });

  it('leaves averages that no windows multiply to to the convolution core', () => {
    const nodes = [
      { name: 'pool', op: 'AveragePool', domain: '', inputs: ['x'], outputs: ['y'], attributes: {}, origin: [] },
    ];
    const operation = { kind: 'pool', nodes, input: 'x', output: 'y', pool: along(11, 3, 2, 1, 'average') } as const;
    expect(planPooling(operation.pool, rowOf(30))).toEqual({
      reason: 'its window of 11 is above 8, and no product of windows up to it',
    });
    const convolution = averageAsConvolution(operation, rowOf(30))!;
    expect(convolution.shape).toMatchObject({
      groups: 8,
      kernel: { h: 1, w: 11 },
      output: { channels: 8, height: 1, width: 8 },
    });
    expect(averageAsConvolution({ ...operation, pool: along(8, 3, 2, 1, 'average') }, rowOf(30))).toBeUndefined();
  });

  it('says what PDP cannot do', () => {
    expect(planPooling(along(3, 9, 0, 0, 'max'), rowOf(30))).toEqual({
      reason: 'its stride is 9, and PDP steps at most 8',
    });
    expect(planPooling(along(11, 11, 0, 0, 'max'), rowOf(30))).toEqual({
      reason: 'its stride is 11, and PDP steps at most 8',
    });
  });
});
