// e^x and ln x in doubles, operation for operation as in base/elementary.ts: the same bits.

const LN2: f64 = 0.6931471805599453;
const LN2_HIGH: f64 = 0.6931471803691238;
const LN2_LOW: f64 = 1.9082149292705877e-10;
const SQRT2: f64 = 1.4142135623730951;

@inline
function powerOfTwo(k: i32): f64 {
  return reinterpret<f64>(<u64>(k + 1023) << 52);
}

export function exp(x: f64): f64 {
  if (isNaN(x)) return x;
  if (x > 709.782712893384) return Infinity;
  if (x < -745.2) return 0;
  // To the nearest integer, halves upwards.
  const quotient = x / LN2;
  let k = ceil(quotient);
  if (k - 0.5 > quotient) k -= 1;
  const r = x - k * LN2_HIGH - k * LN2_LOW;
  let sum: f64 = 1;
  for (let term: f64 = 14; term >= 1; term -= 1) sum = 1 + (r / term) * sum;
  const whole = <i32>k;
  const half = whole / 2;
  return sum * powerOfTwo(half) * powerOfTwo(whole - half);
}

/** Of normal positive numbers. */
export function log(x: f64): f64 {
  const pattern = reinterpret<u64>(x);
  let exponent = <i32>(pattern >> 52) - 1023;
  let mantissa = reinterpret<f64>((pattern & 0xfffffffffffff) | 0x3ff0000000000000);
  if (mantissa > SQRT2) {
    mantissa /= 2;
    exponent++;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const z = s * s;
  let series: f64 = 0;
  for (let power: f64 = 21; power >= 3; power -= 2) series = (series + 1 / power) * z;
  return <f64>exponent * LN2_HIGH + (2 * s + (2 * s * series + <f64>exponent * LN2_LOW));
}
