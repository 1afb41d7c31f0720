import fc from 'fast-check';
import { expect, it } from 'vitest';
import { power } from './power.ts';

it('is a power, to 13 digits', () => {
  fc.assert(
    fc.property(
      fc.double({ min: 1e-9, max: 1e9, noNaN: true }),
      fc.double({ min: -3, max: 3, noNaN: true }),
      (x, y) => {
        const expected = x ** y;
        expect(Math.abs(power(x, y) - expected)).toBeLessThanOrEqual(1e-13 * expected);
      },
    ),
  );
});

it('is exact where it has to be', () => {
  expect(power(1, 1.95)).toBe(1);
  expect(power(0, 1.95)).toBe(0);
  expect(power(7, 0)).toBe(1);
  expect(power(2, 0.5)).toBeCloseTo(Math.SQRT2, 14);
});

it('refuses what has no real power', () => {
  expect(() => power(-1, 2)).toThrow(RangeError);
  expect(() => power(Number.NaN, 2)).toThrow(RangeError);
  expect(() => power(2, Number.POSITIVE_INFINITY)).toThrow(RangeError);
});
