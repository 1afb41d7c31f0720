/**
 * The floating-point numbers of nv_full, as bit patterns: half (1+5+10), single (1+8+23) and FP17 (1+6+10), which PDP, CDP
 * and the lookup tables compute in. Operations round to nearest even. They know no infinity: a result that is too large
 * becomes the largest finite number, and so does an infinity that is widened. Single and FP17 know no denormals:
 * results below the normal range become zeros of their sign. The first operand that is NaN is the result.
 *
 * A sum that cancels out has the sign of its first operand. Source: nvdla/hw cmod/hls/include/nvdla_float.h.
 */

const words = new Int32Array(1);
const singles = new Float32Array(words.buffer);
const doubles = new Float64Array(1);
const doubleWords = new Uint32Array(doubles.buffer);

const singleSign = 0x80000000 | 0;
const singleInfinity = 0x7f800000;
const largestSingle = 0x7f7fffff;
const smallestSingle = 2 ** -126;

export const isSingleNaN = (bits: number): boolean => (bits & 0x7fffffff) > singleInfinity;
export const isHalfNaN = (bits: number): boolean => (bits & 0x7fff) > 0x7c00;

function singleValue(bits: number): number {
  words[0] = bits;
  const value = singles[0]!;
  return Number.isFinite(value) ? value : value > 0 ? 2 ** 128 : -(2 ** 128);
}

/** The nearest single to an exact number, or to one of 53 bits. */
function packSingle(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? singleSign : 0;
  // What rounds to the smallest normal number in 24 bits is one.
  if (Math.abs(value) < smallestSingle - 2 ** -151) return sign;
  singles[0] = value;
  const bits = words[0]!;
  return (bits & 0x7fffffff) === singleInfinity ? sign | largestSingle : bits;
}

export function addSingle(a: number, b: number): number {
  if (isSingleNaN(a)) return a;
  if (isSingleNaN(b)) return b;
  const sum = singleValue(a) + singleValue(b);
  return sum === 0 ? a & singleSign : packSingle(sum);
}

export const subtractSingle = (a: number, b: number): number => addSingle(a, b ^ singleSign);

export function multiplySingle(a: number, b: number): number {
  if (isSingleNaN(a)) return a;
  if (isSingleNaN(b)) return b;
  return packSingle(singleValue(a) * singleValue(b));
}

/** Orders bit patterns as the numbers they stand for, −0 before +0. */
const order = (bits: number): number => (bits >= 0 ? bits : -1 - (bits & 0x7fffffff));

export function largerSingle(a: number, b: number): number {
  if (isSingleNaN(a)) return a;
  if (isSingleNaN(b)) return b;
  return order(a) > order(b) ? a : b;
}

export function smallerSingle(a: number, b: number): number {
  if (isSingleNaN(a)) return a;
  if (isSingleNaN(b)) return b;
  return order(a) > order(b) ? b : a;
}

export const reluSingle = (bits: number): number => (bits < 0 && !isSingleNaN(bits) ? 0 : bits);

/** The number that a half stands for; infinities are 2^16, NaN is not one. */
export function halfValue(bits: number): number {
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 0x3ff;
  const magnitude = exponent === 0 ? fraction * 2 ** -24 : (0x400 + fraction) * 2 ** (exponent - 25);
  return bits & 0x8000 ? -magnitude : magnitude;
}

export function halfToSingle(bits: number): number {
  const sign = bits & 0x8000 ? singleSign : 0;
  if ((bits & 0x7fff) === 0x7c00) return sign | largestSingle;
  if (isHalfNaN(bits)) return sign | singleInfinity | ((bits & 0x3ff) << 13);
  return packSingle(halfValue(bits));
}

/** A single as a half. A NaN keeps the low bits of its fraction, so one that was a half before becomes an infinity. */
export function singleToHalf(bits: number): number {
  if (isSingleNaN(bits)) return ((bits >>> 16) & 0x8000) | 0x7c00 | (bits & 0x3ff);
  return packHalf(singleValue(bits));
}

/** The nearest half, denormals included; the largest finite one beyond. */
function packHalf(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  const exponent = Math.max(exponentOf(magnitude), -14);
  if (exponent > 15) return sign | 0x7bff;
  const steps = roundEven(magnitude / 2 ** (exponent - 10));
  // A carry runs on into the exponent.
  return sign | Math.min(((exponent + 14) << 10) + steps, 0x7bff);
}

export function integerToHalf(value: number): number {
  return packHalf(value) & 0xffff;
}

/** Rounds half away from zero and saturates; NaN is the least. */
export function halfToInt16(bits: number): number {
  if (isHalfNaN(bits)) return -32768;
  const value = halfValue(bits);
  const magnitude = Math.floor(Math.abs(value) + 0.5);
  return value < 0 ? 0 - Math.min(magnitude, 32768) : Math.min(magnitude, 32767);
}

export function largerHalf(a: number, b: number): number {
  if (isHalfNaN(a)) return a;
  if (isHalfNaN(b)) return b;
  return order((a << 16) >> 16) > order((b << 16) >> 16) ? a : b;
}

export function smallerHalf(a: number, b: number): number {
  if (isHalfNaN(a)) return a;
  if (isHalfNaN(b)) return b;
  return order((a << 16) >> 16) > order((b << 16) >> 16) ? b : a;
}

const fp17Sign = 0x10000;
const largestFp17 = 0xfbff;
export const fp17One = 0x7c00;

const isFp17NaN = (bits: number): boolean => (bits & 0xffff) > 0xfc00;

function fp17Value(bits: number): number {
  const exponent = (bits >> 10) & 63;
  const magnitude = (bits & 0xffff) === 0 ? 0 : (0x400 + (bits & 0x3ff)) * 2 ** (exponent - 41);
  return bits & fp17Sign ? -magnitude : magnitude;
}

function packFp17(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? fp17Sign : 0;
  const magnitude = Math.abs(value);
  const exponent = exponentOf(magnitude);
  if (exponent > 31) return sign | largestFp17;
  // Far below the range even a carry reaches no normal number.
  if (exponent < -31) return sign;
  const bits = ((exponent + 30) << 10) + roundEven(magnitude / 2 ** (exponent - 10));
  return sign | (bits < 0x400 ? 0 : Math.min(bits, largestFp17));
}

export function addFp17(a: number, b: number): number {
  if (isFp17NaN(a)) return a;
  if (isFp17NaN(b)) return b;
  const sum = fp17Value(a) + fp17Value(b);
  return sum === 0 ? a & fp17Sign : packFp17(sum);
}

export function multiplyFp17(a: number, b: number): number {
  if (isFp17NaN(a)) return a;
  if (isFp17NaN(b)) return b;
  return packFp17(fp17Value(a) * fp17Value(b));
}

export function halfToFp17(bits: number): number {
  const sign = (bits & 0x8000) << 1;
  if ((bits & 0x7fff) === 0x7c00) return sign | largestFp17;
  if (isHalfNaN(bits)) return sign | 0xfc00 | (bits & 0x3ff);
  return packFp17(halfValue(bits));
}

export function fp17ToHalf(bits: number): number {
  if (isFp17NaN(bits)) return ((bits & fp17Sign) >> 1) | 0x7c00 | (bits & 0x3ff);
  return packHalf(fp17Value(bits));
}

export function singleToFp17(bits: number): number {
  if (isSingleNaN(bits)) return (bits < 0 ? fp17Sign : 0) | 0xfc00 | (bits & 0x3ff);
  return packFp17(singleValue(bits));
}

export function fp17ToSingle(bits: number): number {
  const sign = bits & fp17Sign ? singleSign : 0;
  if (isFp17NaN(bits)) return sign | singleInfinity | ((bits & 0x3ff) << 13);
  return packSingle(fp17Value(bits));
}

/** A fraction in [0, 1). */
export const fractionToFp17 = (value: number): number => packFp17(value);

/** The bits of the single next to a number, as IEEE rounds it. */
export function singleBits(value: number): number {
  singles[0] = value;
  return words[0]!;
}

/** A positive single as a number, for what splits it into an index and a fraction. */
export const singleToNumber = singleValue;

/** A power of two or a sum of few, as the tables' edges are. */
export const numberToSingle = packSingle;

/** ⌊log2⌋ of a positive number; below every format's range for zero. */
function exponentOf(magnitude: number): number {
  doubles[0] = magnitude;
  return ((doubleWords[1]! >>> 20) & 0x7ff) - 1023;
}

/** The nearest integer, ties to even, for numbers below 2^52. */
function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
