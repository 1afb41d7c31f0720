import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { AccuracyCount, bestOf, Divergence, float16FullScale, int8FullScale, rankOf } from './metrics.ts';

describe('ranks', () => {
  it('put equal scores in order and NaN last', () => {
    expect([0, 1, 2, 3].map((label) => rankOf([1, 5, 5, 0], label))).toEqual([2, 0, 1, 3]);
    expect([0, 1, 2, 3].map((label) => rankOf([Number.NaN, 1, Number.NaN, 2], label))).toEqual([2, 1, 3, 0]);
    expect(bestOf([Number.NaN, 1, Number.NaN, 2])).toBe(3);
    expect(bestOf([3, 3])).toBe(0);
  });

  it('are a permutation of which the best is first', () => {
    const scores = fc.array(fc.oneof(fc.integer({ min: 0, max: 3 }), fc.constant(Number.NaN)), {
      minLength: 1,
      maxLength: 9,
    });
    fc.assert(
      fc.property(scores, (values) => {
        const ranks = values.map((_, label) => rankOf(values, label));
        expect(ranks.toSorted((a, b) => a - b)).toEqual(values.map((_, index) => index));
        expect(ranks[bestOf(values)]).toBe(0);
      }),
    );
  });

  it('count as Top-1 and Top-5', () => {
    const count = new AccuracyCount();
    const scores = [9, 8, 7, 6, 5, 4];
    for (const label of [0, 0, 4, 5]) count.add(scores, label);
    expect(count.accuracy).toEqual({ top1: 0.5, top5: 0.75 });
    expect(new AccuracyCount().accuracy).toEqual({ top1: 0, top5: 0 });
  });
});

describe('Divergence', () => {
  it('is the ratio of signal to noise in decibels', () => {
    const divergence = new Divergence('x');
    divergence.add(Float32Array.of(10, 0), Int8Array.of(9, 0), 1, int8FullScale(1));
    expect(divergence.divergence).toEqual({ value: 'x', snr: 20, cosine: 1, saturated: 0 });
  });

  it('is the angle between the two', () => {
    const divergence = new Divergence('x');
    divergence.add(Float32Array.of(1, 0), Int8Array.of(1, 1), 0.5, int8FullScale(0.5));
    expect(divergence.divergence.cosine).toBeCloseTo(Math.SQRT1_2, 6);
  });

  it('counts what is beyond full scale as saturated, not what is at it', () => {
    const real = [63.5, -64, 63.7, -64.2, 63.8, -64.3, 500, 0];
    const int8 = new Divergence('x');
    int8.add(Float32Array.from(real), new Int8Array(8).fill(127), 0.5, int8FullScale(0.5));
    expect(int8.divergence.saturated).toBe(3 / 8);
    const half = new Divergence('x');
    half.add(Float32Array.of(65_504, 65_519.99, 65_520, -1e9), new Float32Array(4), 1, float16FullScale);
    expect(half.divergence.saturated).toBe(0.5);
  });

  it('is infinite without noise, or without a signal', () => {
    const [equal, silent] = [new Divergence('a'), new Divergence('b')];
    equal.add(Float32Array.of(2, 4), Int8Array.of(1, 2), 2, int8FullScale(2));
    silent.add(Float32Array.of(0), Int8Array.of(1), 2, int8FullScale(2));
    expect(equal.divergence.snr).toBe(Number.POSITIVE_INFINITY);
    expect(silent.divergence.snr).toBe(Number.NEGATIVE_INFINITY);
    expect([equal, silent, new Divergence('c')].map(({ divergence }) => divergence.cosine)).toEqual([1, 0, 1]);
  });
});
