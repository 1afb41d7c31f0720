import { setFloat16 } from '@petamoriken/float16';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FloatAccumulator } from './accumulate.ts';
import { shiftedProduct } from './multiply.ts';
import { floatSums } from './sums.ts';

const view = new DataView(new ArrayBuffer(4));
const single = (bits: number): number => {
  view.setInt32(0, bits);
  return view.getFloat32(0);
};
const half = (value: number): number => {
  setFloat16(view, 0, value);
  return view.getUint16(0);
};

const mantissa = fc.integer({ min: 0, max: 2 ** 14 - 1 });

describe('the product of two mantissas', () => {
  it('is exact where nothing is cut off', () => {
    fc.assert(
      fc.property(mantissa, mantissa, fc.boolean(), (a, b, negative) => {
        expect(shiftedProduct(a, b, negative, 0) + 0).toBe((negative ? -a * b : a * b) + 0);
      }),
    );
  });

  it('is the exact one rounded down, or one beside it', () => {
    const beside = new Set<number>();
    const shifts = fc.constantFrom(4, 8, 12, 16, 20, 24, 28);
    fc.assert(
      fc.property(mantissa, mantissa, fc.boolean(), shifts, (a, b, negative, shift) => {
        const floor = Math.floor((negative ? -a * b : a * b) / 2 ** shift);
        const difference = shiftedProduct(a, b, negative, shift) - floor;
        // Only from 20 bits on does the cut reach what undoes the offsets.
        expect(shift < 20 ? [-1, 0] : [-1, 0, 1]).toContain(difference);
        beside.add(difference);
      }),
      { numRuns: 5000 },
    );
    expect([...beside].sort()).toEqual([-1, 0, 1]);
  });

  it('is nothing when everything is cut off', () => {
    expect(shiftedProduct(16383, 16383, true, 32)).toBe(0);
  });
});

describe('the accumulator', () => {
  it('is exact as long as sums fit its mantissa', () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -(2 ** 30), max: 2 ** 30 }), { maxLength: 30 }), (terms) => {
        const accumulator = new FloatAccumulator();
        for (const term of terms) accumulator.add(term, 56);
        const sum = terms.reduce((total, term) => total + term, 0);
        // Halves round up in magnitude, not to even.
        const unit = 2 ** Math.max(0, Math.floor(Math.log2(Math.abs(sum) || 1)) - 23);
        const rounded = Math.sign(sum) * Math.floor(Math.abs(sum) / unit + 0.5) * unit;
        expect(single(accumulator.single) + 0).toBe(rounded * 2 ** 6 + 0);
      }),
      { numRuns: 2000 },
    );
  });

  it('stays near the exact sum over exponents far apart', () => {
    const term = fc.record({
      value: fc.integer({ min: -(2 ** 36), max: 2 ** 36 }),
      exponent: fc.integer({ min: 0, max: 14 }),
    });
    fc.assert(
      fc.property(fc.array(term, { minLength: 1, maxLength: 20 }), (terms) => {
        const accumulator = new FloatAccumulator();
        let sum = 0;
        let largest = 0;
        for (const { value, exponent } of terms) {
          accumulator.add(value, 4 * exponent);
          sum += value * 2 ** (4 * exponent - 50);
          largest = Math.max(largest, Math.abs(sum), Math.abs(value) * 2 ** (4 * exponent - 50));
        }
        expect(Math.abs(single(accumulator.single) - sum)).toBeLessThanOrEqual(largest * 2 ** -23);
      }),
      { numRuns: 2000 },
    );
  });
});

describe('the sums of a float16 convolution', () => {
  const sums = (weights: readonly number[], window: readonly number[], ends: readonly number[]): number => {
    const subject = floatSums(Int16Array.from(weights), ends);
    subject.load(Int32Array.from(window));
    return subject.of(0);
  };

  it('are exact on small integers', () => {
    const integer = fc.integer({ min: -31, max: 31 });
    fc.assert(
      fc.property(fc.array(fc.tuple(integer, integer), { minLength: 2, maxLength: 40 }), (pairs) => {
        const ends = [Math.floor(pairs.length / 2), pairs.length];
        const sum = pairs.reduce((total, [a, b]) => total + a * b, 0);
        const actual = single(
          sums(
            pairs.map(([a]) => half(a)),
            pairs.map(([, b]) => half(b)),
            ends,
          ),
        );
        // What the multiplier cuts off is below the last bit of the largest product.
        expect(Math.abs(actual - sum)).toBeLessThan(1e-3);
      }),
    );
  });

  it('take an infinity for the number its exponent would be, unless it meets a zero', () => {
    expect(single(sums([0x7c00], [half(1)], [1]))).toBe(65536);
    expect(sums([0x7c00], [half(0)], [1])).toBe(0);
  });

  it('are NaN from the first one on, weights before data', () => {
    expect(sums([half(1), 0x7e01], [0xfe02, half(1)], [2]) >>> 0).toBe(0x7fc02000);
    expect(sums([half(1), 0x7e01], [0xfe02, half(1)], [1, 2]) >>> 0).toBe(0xffc04000);
  });
});
