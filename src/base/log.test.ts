import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { log } from './log.ts';

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
