import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { atan, cos, erf, exp, expm1, log, log1p, pow, sigmoid, sin, tanh } from './elementary.ts';

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

describe('log', () => {
  it('is within two units in the last place of Math.log', () => {
    fc.assert(
      fc.property(fc.double({ min: Number.MIN_VALUE, max: Number.MAX_VALUE, noNaN: true }), (x) => {
        const exact = Math.log(x);
        expect(Math.abs(log(x) - exact)).toBeLessThanOrEqual(5e-16 * Math.abs(exact));
      }),
      { numRuns: 20_000 },
    );
  });

  it('keeps its relative accuracy near 1', () => {
    fc.assert(
      fc.property(fc.double({ min: 0.7, max: 1.42, noNaN: true }), (x) => {
        const exact = Math.log(x);
        expect(Math.abs(log(x) - exact)).toBeLessThanOrEqual(5e-16 * Math.abs(exact));
      }),
      { numRuns: 20_000 },
    );
  });

  it('is exact where it can be', () => {
    expect(log(1)).toBe(0);
    expect(log(2)).toBe(Math.LN2);
    expect(log(2 ** -1074)).toBeCloseTo(-744.4400719213812, 12);
  });

  it('gives the bits that every engine must give', () => {
    const view = new DataView(new ArrayBuffer(8));
    const bits = [3, 10, 0.1, 1e300, 1234567].map((x) => {
      view.setFloat64(0, log(x));
      return view.getBigUint64(0).toString(16);
    });
    expect(bits).toMatchInlineSnapshot(`
      [
        "3ff193ea7aad030b",
        "40026bb1bbb55516",
        "c0026bb1bbb55515",
        "4085963447f87fb5",
        "402c0d6e21958116",
      ]
    `);
  });

  it.each([0, -1, Number.NaN, Number.POSITIVE_INFINITY])('refuses %s', (x) => {
    expect(() => log(x)).toThrow(RangeError);
  });
});

describe('pow', () => {
  it('is a power, to 13 digits', () => {
    fc.assert(
      fc.property(within(1e-9, 1e9), within(-3, 3), (x, y) => {
        expect(relative(pow(x, y), x ** y)).toBeLessThanOrEqual(1e-13);
      }),
    );
  });

  it('is exact where it has to be', () => {
    expect([pow(1, 1.95), pow(0, 1.95), pow(7, 0), pow(3, 5), pow(2, -3)]).toEqual([1, 0, 1, 243, 0.125]);
    expect(pow(2, 0.5)).toBeCloseTo(Math.SQRT2, 14);
  });

  it('answers as C does where there is no real power', () => {
    expect(pow(-1, 2)).toBe(1);
    expect(pow(-2, 65)).toBeCloseTo(-(2 ** 65), -7);
    expect(pow(-2, 0.5)).toBeNaN();
    expect(pow(0, -1.5)).toBe(Number.POSITIVE_INFINITY);
  });
});

describe('angles', () => {
  it('sin and cos are within 2⁻⁵⁰ of Math, up to where they end', () => {
    fc.assert(
      fc.property(fc.oneof(within(-10, 10), within(-(2 ** 20), 2 ** 20), within(-1e-6, 1e-6)), (x) => {
        expect(Math.abs(sin(x) - Math.sin(x))).toBeLessThan(2 ** -50);
        expect(Math.abs(cos(x) - Math.cos(x))).toBeLessThan(2 ** -50);
      }),
      { numRuns: 5000 },
    );
    fc.assert(
      fc.property(within(-1e-3, 1e-3), (x) => {
        expect(relative(sin(x), Math.sin(x))).toBeLessThan(2 ** -50);
      }),
    );
    expect([sin(0), cos(0), sin(2 ** 21), cos(Number.POSITIVE_INFINITY)]).toEqual([0, 1, Number.NaN, Number.NaN]);
  });

  it('atan is accurate to 2⁻⁴⁸', () => {
    fc.assert(
      fc.property(fc.oneof(within(-3, 3), within(-1e-5, 1e-5), within(-1e9, 1e9)), (x) => {
        expect(relative(atan(x), Math.atan(x))).toBeLessThan(2 ** -48);
      }),
      { numRuns: 3000 },
    );
    expect(atan(Number.POSITIVE_INFINITY)).toBe(Math.PI / 2);
  });
});

describe('erf', () => {
  /** Abramowitz and Stegun, table 7.1, and what the symmetry and the ends ask for. */
  it.each([
    [0, 0],
    [0.1, 0.112462916],
    [0.5, 0.5204998778],
    [1, 0.8427007929],
    [1.5, 0.9661051465],
    [1.96, 0.9944262755],
  ])('of %f is %f', (x, value) => {
    expect(erf(x)).toBeCloseTo(value, 10);
    expect(erf(-x)).toBe(x === 0 ? -0 : -erf(x));
  });

  it('ends at one, and begins like 2x/√π', () => {
    expect([erf(5.9), erf(6), erf(-1e9), erf(Number.NEGATIVE_INFINITY)]).toEqual([1, 1, -1, -1]);
    expect(relative(erf(1e-8), (2e-8 / Math.sqrt(Math.PI)) * 1)).toBeLessThan(2 ** -48);
    expect(erf(Number.NaN)).toBeNaN();
  });
});

it('expm1 and log1p are accurate around zero', () => {
  fc.assert(
    fc.property(fc.oneof(within(-0.5, 0.5), within(-1e-3, 1e-3), within(-1e-12, 1e-12)), (x) => {
      expect(relative(expm1(x), Math.expm1(x))).toBeLessThan(2 ** -40);
      expect(relative(log1p(x), Math.log1p(x))).toBeLessThan(2 ** -40);
    }),
    { numRuns: 3000 },
  );
});
