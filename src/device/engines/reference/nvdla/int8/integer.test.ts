import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { multiplyShift, roundShift, saturate } from './integer.ts';

/** Half away from zero, by exact integers. */
function exact(value: bigint, shift: number): bigint {
  const half = shift === 0 ? 0n : 1n << BigInt(shift - 1);
  const magnitude = ((value < 0n ? -value : value) + half) >> BigInt(shift);
  return value < 0n ? -magnitude : magnitude;
}

const integer53 = fc.maxSafeInteger();
const integer32 = fc.integer({ min: -(2 ** 31), max: 2 ** 31 - 1 });

describe('integer arithmetic', () => {
  it('rounds half away from zero', () => {
    expect([5, 6, 7, -5, -6, -7, 2, -2].map((value) => roundShift(value, 2))).toEqual([1, 2, 2, -1, -2, -2, 1, -1]);
    expect(Object.is(roundShift(-1, 5), 0)).toBe(true);
  });

  it('shifts exactly, whatever the value and the shift', () => {
    fc.assert(
      fc.property(fc.integer({ min: -(2 ** 49), max: 2 ** 49 }), fc.nat({ max: 63 }), (value, shift) => {
        expect(BigInt(roundShift(value, shift))).toBe(exact(BigInt(value), shift));
      }),
    );
  });

  it('multiplies exactly beyond 53 bits', () => {
    fc.assert(
      fc.property(integer32, integer32, fc.integer({ min: 11, max: 63 }), (a, b, shift) => {
        expect(BigInt(multiplyShift(a, b, shift))).toBe(exact(BigInt(a) * BigInt(b), shift));
      }),
    );
  });

  it('saturates to the ends and leaves the rest', () => {
    fc.assert(
      fc.property(integer53, fc.integer({ min: 2, max: 34 }), (value, bits) => {
        const result = saturate(value, bits);
        expect(result).toBeGreaterThanOrEqual(-(2 ** (bits - 1)));
        expect(result).toBeLessThanOrEqual(2 ** (bits - 1) - 1);
        if (Math.abs(value) < 2 ** (bits - 1)) expect(result).toBe(value);
      }),
    );
  });
});
