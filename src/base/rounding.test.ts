import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roundHalfAway, roundHalfEven } from './rounding.ts';

/** The next double away from zero, or towards it. */
function neighbour(value: number, step: 1 | -1): number {
  const view = new DataView(new ArrayBuffer(8));
  view.setFloat64(0, value);
  view.setBigUint64(0, view.getBigUint64(0) + BigInt(step));
  return view.getFloat64(0);
}

/** The definition, by comparison with the half between the two neighbours. */
function nearest(value: number, tie: (below: number) => number): number {
  const below = Math.floor(value);
  if (below === value) return below;
  if (value === below + 0.5) return tie(below);
  return value < below + 0.5 ? below : below + 1;
}

const halves = fc.tuple(fc.integer({ min: -(2 ** 31), max: 2 ** 31 }), fc.constantFrom(-1, 0, 1)).map(([n, step]) => {
  const half = n + 0.5;
  return step === 0 ? half : neighbour(half, step as 1 | -1);
});
const numbers = fc.oneof(
  halves,
  fc.double({ min: -1e15, max: 1e15, noNaN: true }),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
);

describe('the nearest integer', () => {
  it('is the even one of two', () => {
    fc.assert(
      fc.property(numbers, (x) => {
        if (Math.abs(x) >= 2 ** 51) return;
        expect(roundHalfEven(x)).toBe(nearest(x, (below) => (below % 2 === 0 ? below : below + 1)) + 0);
      }),
      { numRuns: 2000 },
    );
    expect([0.5, 1.5, 2.5, -0.5, -1.5, 1e300, Number.NEGATIVE_INFINITY].map((x) => roundHalfEven(x) + 0)).toEqual([
      0,
      2,
      2,
      0,
      -2,
      1e300,
      Number.NEGATIVE_INFINITY,
    ]);
  });

  it('is the one farther from zero of two', () => {
    fc.assert(
      fc.property(numbers, (x) => {
        expect(roundHalfAway(x)).toBe(nearest(x, (below) => (x < 0 ? below : below + 1)) + 0);
      }),
      { numRuns: 2000 },
    );
    const values = [0.5, 1.5, 2.5, -0.5, -1.5, -2.5, 0.49999999999999994, -0.49999999999999994, 0, -0, 1e300];
    expect(values.map(roundHalfAway)).toEqual([1, 2, 3, -1, -2, -3, 0, 0, 0, 0, 1e300]);
    expect(roundHalfAway(Number.POSITIVE_INFINITY)).toBe(Number.POSITIVE_INFINITY);
    expect(roundHalfAway(Number.NEGATIVE_INFINITY)).toBe(Number.NEGATIVE_INFINITY);
    expect(roundHalfAway(Number.NaN)).toBeNaN();
  });
});
