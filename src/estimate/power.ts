/**
 * x^y for x ≥ 0 out of additions, multiplications and divisions alone: Math.pow may differ in its last bit between
 * engines, and the compiler decides by estimates. The relative error is below 1e-13 for the exponents used here.
 */

const ln2 = Math.LN2;

export function power(x: number, y: number): number {
  if (!(x >= 0) || !Number.isFinite(x) || !Number.isFinite(y)) throw new RangeError(`power(${x}, ${y})`);
  if (y === 0 || x === 1) return 1;
  if (x === 0) return 0;
  return exponential(y * logarithm(x));
}

/** ln x = e·ln 2 + 2·atanh((m − 1)/(m + 1)) with x = m·2^e and m near 1. */
function logarithm(x: number): number {
  let mantissa = x;
  let exponent = 0;
  for (; mantissa > Math.SQRT2; exponent++) mantissa /= 2;
  for (; mantissa < Math.SQRT1_2; exponent--) mantissa *= 2;
  const t = (mantissa - 1) / (mantissa + 1);
  let sum = 0;
  for (let n = 25; n >= 1; n -= 2) sum = sum * t * t + 1 / n;
  return exponent * ln2 + 2 * t * sum;
}

/** e^x = 2^k · e^r by Taylor's series, |r| ≤ ln 2 / 2. */
function exponential(x: number): number {
  const k = Math.round(x / ln2);
  const r = x - k * ln2;
  let sum = 1;
  for (let n = 16; n >= 1; n--) sum = 1 + (r / n) * sum;
  for (let step = 0; step < k; step++) sum *= 2;
  for (let step = 0; step > k; step--) sum /= 2;
  return sum;
}
