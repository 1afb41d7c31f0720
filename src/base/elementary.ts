/**
 * Elementary functions that give the same bits on every JavaScript engine. `Math.exp`, `Math.log`, `Math.pow` and `Math.tanh` may
 * differ in the last bit between engines, and what these compute decides bytes: lookup tables, the scale that a calibrator
 * chooses, the plan that an estimate prefers. Only additions, multiplications and divisions of IEEE doubles are used, which
 * do not differ.
 *
 * Relative errors where the result is normal: `exp` and `log` below 2⁻⁵⁰, `sigmoid` and `tanh` below 2⁻⁴⁸, `pow` below 2⁻⁴⁰ while
 * |exponent · ln base| ≤ 700; what the others have stands at them. An int8 table needs 2⁻⁹ of its range.
 */

const LN2_HIGH = 0.6931471803691238; // upper 33 bits of ln 2: k · LN2_HIGH is exact for |k| < 2²⁰
const LN2_LOW = 1.9082149292705877e-10;
const TERMS = 14;
const bits = new DataView(new ArrayBuffer(8));

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

/**
 * ln x for positive finite x. With x = m · 2ᵏ and m in [√½, √2), ln m = 2 · artanh(s), s = (m − 1) / (m + 1), |s| ≤ 0.1716, as the
 * odd power series up to s²¹; the first term left out is below 10⁻¹⁸.
 *
 * @throws RangeError for what has no finite logarithm
 */
export function log(x: number): number {
  if (!(x > 0) || x === Number.POSITIVE_INFINITY) throw new RangeError(`logarithm of ${x}`);
  let exponent = 0;
  let value = x;
  if (value < 2 ** -1022) {
    value *= 2 ** 54;
    exponent = -54;
  }
  bits.setFloat64(0, value);
  const high = bits.getUint32(0);
  exponent += (high >>> 20) - 1023;
  bits.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = bits.getFloat64(0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent++;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const z = s * s;
  let series = 0;
  for (let power = 21; power >= 3; power -= 2) series = (series + 1 / power) * z;
  return exponent * LN2_HIGH + (2 * s + (2 * s * series + exponent * LN2_LOW));
}

/** baseᵉ as C's `pow` defines it for finite arguments; small whole exponents by repeated multiplication. */
export function pow(base: number, exponent: number): number {
  if (exponent === 0 || base === 1) return 1;
  const whole = Number.isInteger(exponent);
  if (whole && Math.abs(exponent) <= 64) {
    let product = 1;
    for (let i = 0; i < Math.abs(exponent); i++) product *= base;
    return exponent < 0 ? 1 / product : product;
  }
  if (base === 0) return exponent > 0 ? 0 : Number.POSITIVE_INFINITY;
  if (base < 0 && !whole) return Number.NaN;
  const magnitude = exp(exponent * log(Math.abs(base)));
  return base < 0 && exponent % 2 !== 0 ? -magnitude : magnitude;
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

/** 2ᵏ for −1022 ≤ k ≤ 1023. */
function powerOfTwo(k: number): number {
  bits.setUint32(0, (k + 1023) << 20);
  bits.setUint32(4, 0);
  return bits.getFloat64(0);
}

/** (2/√π) ∫₀ˣ e^(−t²) dt, as a series of positive terms: 2/√π · x · e^(−x²) · Σ (2x²)ⁿ / (1·3·5⋯(2n+1)). Relative error below 2⁻⁴⁸. */
export function erf(x: number): number {
  if (Number.isNaN(x)) return x;
  if (Math.abs(x) >= 6) return Math.sign(x);
  const y = 2 * x * x;
  let term = 1;
  let sum = 1;
  for (let n = 1; term > sum * 2 ** -56; n++) {
    term *= y / (2 * n + 1);
    sum += term;
  }
  const value = 1.1283791670955126 * x * exp(-x * x) * sum;
  return Math.abs(value) > 1 ? Math.sign(x) : value;
}

/** π/2 in three parts of 33 bits, so that their products with |k| < 2²⁰ are exact. */
const HALF_PI = [1.5707963267341256, 6.077100506303966e-11, 2.0222662487959506e-21] as const;

/** Beyond this, sin and cos would need more of π than HALF_PI has. */
const LARGEST_ANGLE = 2 ** 20;

/** An angle as k · π/2 + r with |r| ≤ π/4. */
function quadrant(x: number): { readonly k: number; readonly r: number } {
  const k = Math.round(x / (Math.PI / 2));
  return { k: ((k % 4) + 4) % 4, r: x - k * HALF_PI[0] - k * HALF_PI[1] - k * HALF_PI[2] };
}

/** Σ (−1)ⁿ r^(2n + first) / (2n + first)! */
function alternating(r: number, first: 0 | 1): number {
  let sum = 1;
  for (let n = 10; n >= 1; n--) sum = 1 - (r * r * sum) / ((2 * n - 1 + first) * (2 * n + first));
  return first === 0 ? sum : r * sum;
}

/** Sine of an angle of at most 2²⁰; NaN beyond. Absolute error below 2⁻⁵⁰. */
export function sin(x: number): number {
  if (!(Math.abs(x) <= LARGEST_ANGLE)) return Number.NaN;
  const { k, r } = quadrant(x);
  return (k < 2 ? 1 : -1) * alternating(r, k % 2 === 0 ? 1 : 0);
}

/** Cosine of an angle of at most 2²⁰; NaN beyond. Absolute error below 2⁻⁵⁰. */
export function cos(x: number): number {
  if (!(Math.abs(x) <= LARGEST_ANGLE)) return Number.NaN;
  const { k, r } = quadrant(x);
  return (k === 0 || k === 3 ? 1 : -1) * alternating(r, k % 2 === 0 ? 0 : 1);
}

/** The angle whose tangent is x: halved twice, then the series. Relative error below 2⁻⁴⁸. */
export function atan(x: number): number {
  if (Number.isNaN(x) || Math.abs(x) < 2 ** -30) return x;
  if (Math.abs(x) > 1) return Math.sign(x) * (Math.PI / 2) - atan(1 / x);
  let y = x;
  for (let halving = 0; halving < 2; halving++) y /= 1 + Math.sqrt(1 + y * y);
  const z = y * y;
  let sum = 0;
  for (let power = 27; power >= 1; power -= 2) sum = 1 / power - z * sum;
  return 4 * y * sum;
}

/** eˣ − 1, accurate near 0. */
export const expm1 = (x: number): number =>
  Math.abs(x) < 2 ** -10 ? x * (1 + (x / 2) * (1 + (x / 3) * (1 + (x / 4) * (1 + x / 5)))) : exp(x) - 1;

/** ln(1 + x) for x > −1, accurate near 0. */
export const log1p = (x: number): number =>
  Math.abs(x) < 2 ** -10 ? x * (1 - x * (1 / 2 - x * (1 / 3 - x * (1 / 4 - x / 5)))) : log(1 + x);
