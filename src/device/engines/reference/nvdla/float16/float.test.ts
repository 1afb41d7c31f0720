import { getFloat16, setFloat16 } from '@petamoriken/float16';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import * as float from './float.ts';

const view = new DataView(new ArrayBuffer(8));
const singleOf = (bits: number): number => {
  view.setInt32(0, bits);
  return view.getFloat32(0);
};
const bitsOf = (value: number): number => {
  view.setFloat32(0, value);
  return view.getInt32(0);
};
const halfOf = (bits: number): number => {
  view.setUint16(0, bits);
  return getFloat16(view, 0);
};
const halves = Array.from({ length: 65536 }, (_, bits) => bits);
const finite = halves.filter((bits) => (bits & 0x7c00) !== 0x7c00);

/** Singles in the normal range, whose sums and products mostly stay in it. */
const single = fc
  .record({
    sign: fc.constantFrom(1, -1),
    mantissa: fc.integer({ min: 2 ** 23, max: 2 ** 24 - 1 }),
    power: fc.integer({ min: -70, max: 40 }),
  })
  .map(({ sign, mantissa, power }) => sign * mantissa * 2 ** power);

describe('halves', () => {
  it('become singles and come back, every one', () => {
    const wrong = finite.filter((bits) => {
      const single = float.halfToSingle(bits);
      return !Object.is(singleOf(single), halfOf(bits)) || (float.singleToHalf(single) & 0xffff) !== bits;
    });
    expect(wrong).toEqual([]);
  });

  it('pass through FP17 unchanged, denormals too', () => {
    expect(finite.filter((bits) => (float.fp17ToHalf(float.halfToFp17(bits)) & 0xffff) !== bits)).toEqual([]);
  });

  it('are the nearest to any single, ties to even, and finite', () => {
    const isNearest = (value: number): boolean => {
      setFloat16(view, 0, value);
      const nearest = view.getUint16(0);
      const expected = (nearest & 0x7fff) === 0x7c00 ? nearest - 1 : nearest;
      return (float.singleToHalf(bitsOf(value)) & 0xffff) === expected;
    };
    fc.assert(fc.property(fc.float({ noNaN: true }), isNearest), { numRuns: 2000 });
    const ties = finite.slice(0, 0x7bff).map((bits) => (halfOf(bits) + halfOf(bits + 1)) / 2);
    expect(ties.filter((tie) => !isNearest(tie) || !isNearest(-tie))).toEqual([]);
  });

  it('widen infinities to the largest finite number', () => {
    expect(float.halfToSingle(0x7c00)).toBe(0x7f7fffff);
    expect(float.halfToSingle(0xfc00) >>> 0).toBe(0xff7fffff);
    expect(float.halfToFp17(0x7c00)).toBe(0xfbff);
  });

  it('that are NaN come back from singles as infinities, for their low bits are lost', () => {
    expect(float.singleToHalf(float.halfToSingle(0x7e01)) & 0xffff).toBe(0x7c00);
    expect(float.fp17ToHalf(float.halfToFp17(0xfe01)) & 0xffff).toBe(0xfe01);
  });

  it('become int16, rounded half away from zero and saturated', () => {
    const wrong = finite.filter((bits) => {
      const value = halfOf(bits);
      const rounded = Math.sign(value) * Math.floor(Math.abs(value) + 0.5);
      return float.halfToInt16(bits) !== Math.max(-32768, Math.min(rounded, 32767));
    });
    expect(wrong).toEqual([]);
    expect(float.halfToInt16(0x7e00)).toBe(-32768);
  });

  it('hold integers of 17 bits, rounded', () => {
    fc.assert(
      fc.property(fc.integer({ min: -65536, max: 65535 }), (value) => {
        setFloat16(view, 0, Math.max(-65504, Math.min(value, 65504)));
        expect(float.integerToHalf(value)).toBe(view.getUint16(0));
      }),
    );
  });
});

describe('singles', () => {
  it('add and multiply as IEEE does where results are normal', () => {
    fc.assert(
      fc.property(single, single, (a, b) => {
        const sum = Math.fround(a + b);
        if (Math.abs(sum) >= 2 ** -126) expect(float.addSingle(bitsOf(a), bitsOf(b))).toBe(bitsOf(sum));
        const product = Math.fround(a * b);
        const inRange = Math.abs(product) >= 2 ** -126 && Number.isFinite(product);
        if (inRange) expect(float.multiplySingle(bitsOf(a), bitsOf(b))).toBe(bitsOf(product));
      }),
      { numRuns: 3000 },
    );
  });

  it('become zero of their sign below the normal range and the largest finite number above it', () => {
    expect(float.multiplySingle(bitsOf(-(2 ** -100)), bitsOf(2 ** -100)) >>> 0).toBe(0x80000000);
    expect(float.multiplySingle(bitsOf(-(2 ** 100)), bitsOf(2 ** 100)) >>> 0).toBe(0xff7fffff);
    expect(float.subtractSingle(bitsOf(1.5 * 2 ** -126), bitsOf(2 ** -126))).toBe(0);
  });

  it('cancel to a zero with the sign of the first', () => {
    expect(float.addSingle(bitsOf(-3), bitsOf(3)) >>> 0).toBe(0x80000000);
    expect(float.addSingle(bitsOf(3), bitsOf(-3))).toBe(0);
  });

  it('give the first NaN on', () => {
    const [one, nan, other] = [bitsOf(1), 0x7fc00001, 0xffc00002 | 0];
    for (const operation of [float.addSingle, float.multiplySingle, float.largerSingle, float.smallerSingle]) {
      expect(operation(nan, other)).toBe(nan);
      expect(operation(one, other)).toBe(other);
    }
    expect(float.reluSingle(other)).toBe(other);
  });

  it('are ordered with minus zero before zero', () => {
    expect(float.largerSingle(0x80000000 | 0, 0)).toBe(0);
    expect(float.smallerSingle(0, 0x80000000 | 0)).toBe(0x80000000 | 0);
    expect(float.reluSingle(0x80000000 | 0)).toBe(0);
    fc.assert(
      fc.property(single, single, (a, b) => {
        expect(float.largerSingle(bitsOf(a), bitsOf(b))).toBe(bitsOf(Math.max(a, b)));
        expect(float.smallerSingle(bitsOf(a), bitsOf(b))).toBe(bitsOf(Math.min(a, b)));
      }),
    );
  });
});

describe('FP17', () => {
  it('adds and multiplies to the nearest of eleven bits', () => {
    const round = (value: number): number => {
      if (value === 0) return value;
      const unit = 2 ** (Math.floor(Math.log2(Math.abs(value))) - 10);
      const steps = value / unit;
      const floor = Math.floor(steps);
      const rest = steps - floor;
      const up = rest > 0.5 || (rest === 0.5 && floor % 2 !== 0);
      return (floor + Number(up)) * unit;
    };
    const normal = fc.constantFrom(...finite.filter((bits) => (bits & 0x7c00) > 0x1000 && (bits & 0x7c00) < 0x6000));
    fc.assert(
      fc.property(normal, normal, (a, b) => {
        const value = (bits: number): number => singleOf(float.fp17ToSingle(bits));
        const [x, y] = [float.halfToFp17(a), float.halfToFp17(b)];
        expect(value(float.addFp17(x, y)) + 0).toBe(round(halfOf(a) + halfOf(b)) + 0);
        expect(value(float.multiplyFp17(x, y))).toBe(round(halfOf(a) * halfOf(b)));
      }),
      { numRuns: 3000 },
    );
  });
});
