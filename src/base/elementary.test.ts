import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { exp, sigmoid, tanh } from './elementary.ts';

/** Math's own functions are within an ulp or two everywhere, which is enough to hold ours against. */
const relative = (found: number, wanted: number) =>
  found === wanted ? 0 : Math.abs(found - wanted) / Math.abs(wanted);
const within = (low: number, high: number) => fc.double({ min: low, max: high, noNaN: true });

describe('functions of lookup tables', () => {
  it('exp is accurate to 2⁻⁵¹ where its result is normal', () => {
    fc.assert(
      fc.property(within(-708, 709.7), (x) => {
        expect(relative(exp(x), Math.exp(x))).toBeLessThan(2 ** -51);
      }),
      { numRuns: 5000 },
    );
  });

  it('exp ends as it should', () => {
    expect(exp(0)).toBe(1);
    expect(relative(exp(1), Math.E)).toBeLessThan(2 ** -51);
    expect(exp(-1000)).toBe(0);
    expect(exp(Number.NEGATIVE_INFINITY)).toBe(0);
    expect(exp(710)).toBe(Number.POSITIVE_INFINITY);
    expect(exp(Number.NaN)).toBeNaN();
    expect(relative(exp(-744), Math.exp(-744))).toBeLessThan(1);
    expect(exp(709.78)).toBeLessThan(Number.POSITIVE_INFINITY);
  });

  it('sigmoid and tanh are accurate to 2⁻⁴⁸', () => {
    fc.assert(
      fc.property(within(-700, 700), (x) => {
        expect(relative(sigmoid(x), 1 / (1 + Math.exp(-x)))).toBeLessThan(2 ** -48);
      }),
      { numRuns: 3000 },
    );
    fc.assert(
      fc.property(fc.oneof(within(-1, 1), within(-30, 30), within(-0.101, 0.101)), (x) => {
        expect(relative(tanh(x), Math.tanh(x))).toBeLessThan(2 ** -48);
      }),
      { numRuns: 5000 },
    );
  });

  it('tanh is odd, sigmoid symmetric about one half', () => {
    fc.assert(
      fc.property(within(-50, 50), (x) => {
        expect(tanh(-x) === -tanh(x)).toBe(true);
      }),
    );
    fc.assert(
      fc.property(within(-30, 30), (x) => {
        expect(sigmoid(x) + sigmoid(-x)).toBeCloseTo(1, 15);
      }),
    );
    expect([sigmoid(0), sigmoid(1000), sigmoid(-1000), tanh(1000), tanh(-1000)]).toEqual([0.5, 1, 0, 1, -1]);
  });

  it('gives these bits everywhere', () => {
    const bits = (x: number) => new BigUint64Array(Float64Array.of(x).buffer)[0]!.toString(16);
    expect([exp(0.5), exp(-3.7), sigmoid(1.25), tanh(0.05), tanh(0.7)].map(bits)).toMatchInlineSnapshot(`
      [
        "3ffa61298e1e069c",
        "3f99511fc6871044",
        "3fe8dfa3f55dc7ca",
        "3fa99424e535f6f9",
        "3fe356fb17af2e91",
      ]
    `);
  });
});
