import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bins, Histogram } from './histogram.ts';

const values = fc.array(fc.float({ noNaN: true, noDefaultInfinity: true }), { maxLength: 60 });
const activations = fc.array(
  fc.oneof(
    fc.constant(0),
    fc.float({ min: Math.fround(-8), max: Math.fround(8), noNaN: true }),
    fc.float({ min: Math.fround(-3e38), max: Math.fround(3e38), noNaN: true }),
  ),
  { maxLength: 80 },
);

function histogramOf(...batches: readonly (readonly number[])[]): Histogram {
  const histogram = new Histogram();
  for (const batch of batches) histogram.add(Float32Array.from(batch));
  return histogram;
}

const state = ({ counts, width, zeros, total, max }: Histogram) => ({
  counts: counts.slice(),
  width,
  zeros,
  total,
  max,
});

describe('Histogram', () => {
  it('is the same for any partition and order of the same values', () => {
    fc.assert(
      fc.property(
        activations.chain((all) =>
          fc.tuple(fc.constant(all), fc.shuffledSubarray(all, { minLength: all.length }), fc.array(fc.nat(all.length))),
        ),
        ([all, shuffled, cuts]) => {
          const edges = [0, ...cuts.sort((a, b) => a - b), all.length];
          const batches = edges.slice(1).map((edge, index) => shuffled.slice(edges[index], edge));
          expect(state(histogramOf(...batches))).toEqual(state(histogramOf(all)));
        },
      ),
      { numRuns: 500 },
    );
  });

  it('merges to the histogram of both', () => {
    fc.assert(
      fc.property(activations, activations, (a, b) => {
        const merged = histogramOf(a);
        merged.merge(histogramOf(b));
        expect(state(merged)).toEqual(state(histogramOf(a, b)));
      }),
    );
  });

  it('counts every value in the bin that holds it', () => {
    fc.assert(
      fc.property(values, (all) => {
        const histogram = histogramOf(all);
        const expected = new Float64Array(bins);
        for (const value of all) {
          if (value === 0) continue;
          const bin = Math.floor(Math.abs(value) / histogram.width);
          expected[bin] = expected[bin]! + 1;
        }
        expect(histogram.counts).toEqual(expected);
        expect(histogram.zeros).toBe(all.filter((value) => value === 0).length);
        expect(histogram.max).toBe(Math.max(0, ...all.map(Math.abs)));
        expect(Number.isInteger(Math.log2(histogram.width))).toBe(true);
        if (histogram.max > bins * 2 ** -149) expect(histogram.max / histogram.width).toBeGreaterThanOrEqual(bins / 2);
      }),
    );
  });

  it.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])('refuses %s and counts nothing', (bad) => {
    const histogram = histogramOf([1, 2]);
    const before = state(histogram);
    expect(histogram.add(Float32Array.of(3, bad, 4))).toBe(false);
    expect(state(histogram)).toEqual(before);
  });
});
