import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import { bins, Histogram } from './histogram.ts';
import { calibrationMethods, rangeOf } from './range-of.ts';

function histogramOf(values: readonly number[]): Histogram {
  const histogram = new Histogram();
  histogram.add(Float32Array.from(values));
  return histogram;
}

/** The definition of the entropy calibrator, bin by bin, with Math.log. */
function entropyByDefinition({ counts, width, max }: Histogram): number {
  const last = counts.findLastIndex((count) => count > 0);
  let best = max;
  let bestDivergence = Number.POSITIVE_INFINITY;
  for (let edge = 128; edge <= last + 1; edge++) {
    const reference = [...counts.slice(0, edge)];
    reference[edge - 1]! += counts.slice(edge).reduce((sum, count) => sum + count, 0);
    const quantized = new Array<number>(edge).fill(0);
    const own = new Array<number>(128).fill(0);
    const members = new Array<number>(128).fill(0);
    const levelOf = (bin: number) => Math.floor((bin * 128) / edge);
    reference.forEach((count, bin) => {
      own[levelOf(bin)]! += counts[bin]!;
      members[levelOf(bin)]! += count > 0 ? 1 : 0;
    });
    reference.forEach((count, bin) => {
      if (count > 0) quantized[bin] = own[levelOf(bin)]! / members[levelOf(bin)]!;
    });
    const normalize = (list: readonly number[]) => {
      const sum = list.reduce((total, value) => total + value, 0);
      return list.map((value) => value / sum);
    };
    const p = normalize(reference);
    const q = normalize(quantized);
    const clipped = counts.slice(edge).reduce((sum, count) => sum + count, 0);
    if (clipped > 0.001 * counts.reduce((sum, count) => sum + count, 0)) continue;
    if (counts[edge - 1] === 0 && reference[edge - 1]! > 0) continue;
    const divergence = p.reduce((sum, value, bin) => (value > 0 ? sum + value * Math.log(value / q[bin]!) : sum), 0);
    if (divergence <= bestDivergence + 1e-12) {
      best = edge * width;
      bestDivergence = Math.min(divergence, bestDivergence);
    }
  }
  return Math.min(best, max);
}

/** A long-tailed sample: seeded. */
function longTail(seed: number, size: number): number[] {
  const random = new Random(seed);
  const next = () => random.next();
  return Array.from({ length: size }, () => {
    const bell = next() + next() + next() + next() - 2;
    return next() < 0.001 ? bell * 10 : bell;
  });
}

describe('rangeOf', () => {
  it('never exceeds the largest magnitude, and is zero only for zeros', () => {
    const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { minLength: 1, maxLength: 200 });
    fc.assert(
      fc.property(values, fc.constantFrom(...calibrationMethods), (all, method) => {
        const max = Math.max(...all.map(Math.abs));
        const range = rangeOf(histogramOf(all), method);
        expect(range).toBeLessThanOrEqual(max);
        expect(range > 0).toBe(max > 0);
      }),
      { numRuns: 300 },
    );
  });

  it('min-max is exact', () => {
    expect(rangeOf(histogramOf([0.1, -3.7, 2]), 'min-max')).toBe(Math.fround(3.7));
  });

  it('percentile covers the wanted share, and one bin less does not', () => {
    const all = longTail(1, 5000);
    const histogram = histogramOf(all);
    for (const percentile of [50, 90, 99, 99.9, 99.99]) {
      const range = rangeOf(histogram, 'percentile', percentile);
      const share = (limit: number) => all.filter((value) => Math.abs(Math.fround(value)) < limit).length / all.length;
      expect(share(range + histogram.width)).toBeGreaterThanOrEqual(percentile / 100);
      expect(share(range - histogram.width)).toBeLessThan(percentile / 100);
    }
    expect(rangeOf(histogram, 'percentile', 100)).toBe(histogram.max);
  });

  it('mse beats min-max and every other edge on its own measure', () => {
    const histogram = histogramOf(longTail(2, 20_000));
    const error = (range: number) => {
      const step = range / 127;
      let sum = 0;
      for (let bin = 0; bin < bins; bin++) {
        const value = (bin + 0.5) * histogram.width;
        sum += histogram.counts[bin]! * (value - Math.min(127, Math.round(value / step)) * step) ** 2;
      }
      return sum;
    };
    const best = error(rangeOf(histogram, 'mse'));
    expect(best).toBeLessThan(error(histogram.max));
    for (let edge = 200; edge * histogram.width < histogram.max; edge += 37) {
      expect(best).toBeLessThanOrEqual(error(edge * histogram.width) * (1 + 1e-9));
    }
  });

  it('entropy follows its definition', () => {
    for (const seed of [3, 4, 5]) {
      const histogram = histogramOf(longTail(seed, 4000));
      expect(rangeOf(histogram, 'entropy')).toBe(entropyByDefinition(histogram));
      expect(rangeOf(histogram, 'entropy')).toBeLessThan(histogram.max);
    }
  });

  it('entropy does not fall for a spike', () => {
    const spike = new Array<number>(4000).fill(0.4);
    const range = rangeOf(histogramOf([...longTail(7, 4000).map((value) => value / 2), ...spike]), 'entropy');
    expect(range).toBeGreaterThan(0.8);
  });

  it('zeros beside the data change nothing for entropy and mse', () => {
    const all = longTail(6, 3000);
    for (const method of ['entropy', 'mse', 'min-max'] as const) {
      expect(rangeOf(histogramOf([...all, ...new Array<number>(9000).fill(0)]), method)).toBe(
        rangeOf(histogramOf(all), method),
      );
    }
  });
});
