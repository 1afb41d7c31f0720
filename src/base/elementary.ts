/**
 * Functions for lookup tables. `Math.exp` and `Math.tanh` may differ in the last bit between JavaScript engines, and a table
 * decides bytes, so these use only IEEE additions, multiplications and divisions, which do not differ.
 *
 * Accuracy: `exp` has a relative error below 2⁻⁵¹ where its result is normal; `sigmoid` and `tanh` a relative error below 2⁻⁴⁸.
 * An int8 table needs 2⁻⁹ of its range.
 */

const LN2_HIGH = 0.6931471803691238; // upper 33 bits of ln 2: k · LN2_HIGH is exact for |k| < 2²⁰
const LN2_LOW = 1.9082149292705877e-10;
const TERMS = 14;

/** eˣ. */
export function exp(x: number): number {
  if (Number.isNaN(x)) return x;
  if (x > 709.782712893384) return Number.POSITIVE_INFINITY;
  if (x < -745.2) return 0;
  const k = Math.round(x / Math.LN2);
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  // |r| ≤ ln 2 / 2: after 14 terms the rest of the series is below 2⁻⁵⁹.
  let sum = 1;
  for (let term = TERMS; term >= 1; term--) sum = 1 + (r / term) * sum;
  // In two steps, since 2ᵏ alone may leave the range of doubles.
  const half = Math.trunc(k / 2);
  return sum * powerOfTwo(half) * powerOfTwo(k - half);
}

/** 1 / (1 + e⁻ˣ). */
export function sigmoid(x: number): number {
  if (x >= 0) return 1 / (1 + exp(-x));
  const e = exp(x);
  return e / (1 + e);
}

/** (e²ˣ − 1) / (e²ˣ + 1); a series where that would cancel. */
export function tanh(x: number): number {
  if (x < 0) return -tanh(-x);
  if (x < 0.1) {
    const y = x * x;
    const coefficients = [-1382 / 155925, 62 / 2835, -17 / 315, 2 / 15, -1 / 3];
    let sum = 929569 / 638512875;
    sum = 21844 / 6081075 - y * sum;
    for (const coefficient of coefficients) sum = coefficient + y * sum;
    return x + x * y * sum;
  }
  const e = exp(-2 * x);
  return (1 - e) / (1 + e);
}

const bits = new DataView(new ArrayBuffer(8));

/** 2ᵏ for −1022 ≤ k ≤ 1023. */
function powerOfTwo(k: number): number {
  bits.setUint32(0, (k + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}
