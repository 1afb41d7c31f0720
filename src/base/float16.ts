/**
 * IEEE 754 binary16 and bfloat16: numbers to bits and back. This is ONNX's and our own arithmetic; what NVDLA's hardware does
 * with halves (infinities that count on, its own NaN) is in device/engines/reference/nvdla/float16.
 */

/** 2⁻¹⁴ … 2¹⁶: where the exponents of normal numbers begin, and the next after the last. */
const steps = Array.from({ length: 31 }, (_, index) => 2 ** (index - 14));
/** What makes the mantissa of each a whole number: 2²⁴ … 2⁻⁶. */
const scales = steps.map((step) => 2 ** 10 / step);

/**
 * Binary16 bits of a number, rounded to nearest, ties to even. Exact for every double, so that rounding once from a
 * double equals rounding the exact result.
 */
export function float16Bits(value: number): number {
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const size = Math.abs(value);
  if (Number.isNaN(size)) return 0x7e00;
  // Halfway between the largest finite value, 65504, and the next power of two.
  if (size >= 65520) return sign | 0x7c00;
  if (size < steps[0]!) return sign | halfToEven(size * scales[0]!);
  let exponent = 0;
  while (size >= steps[exponent + 1]!) exponent++;
  // A fraction that rounds up to 2048 carries into the exponent by itself.
  return sign | ((exponent << 10) + halfToEven(size * scales[exponent]!));
}

function halfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}

/** The number that binary16 bits stand for. */
export function float16Value(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0) return sign * fraction * 2 ** -24;
  if (exponent === 31) return fraction ? Number.NaN : sign * Number.POSITIVE_INFINITY;
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}

const float32 = new Float32Array(1);
const float32Bits = new Uint32Array(float32.buffer);

/** The nearest binary16 number to a float32 number, ties to even; beyond the largest, ±65,504: there is no infinity. NaN stays. */
export function saturatedFloat16(value: number): number {
  if (!(Math.abs(value) < 65520)) return Number.isNaN(value) ? value : value > 0 ? 65504 : -65504;
  float32[0] = value;
  // The numbers beside 1.5 · 2⁵² · u are u apart, and a double's addition rounds to even.
  const aid = aids[Math.max((float32Bits[0]! >>> 23) & 0xff, 113)]!;
  return value === 0 ? value : copySign(value + aid - aid, value);
}

const copySign = (size: number, sign: number): number => (size === 0 && sign < 0 ? -0 : size);

/** For the exponent field of a float32 number, 1.5 · 2⁵² units in the last place of the binary16 numbers beside it. */
const aids = Float64Array.from({ length: 144 }, (_, field) => 1.5 * 2 ** (52 + Math.max(field - 127, -14) - 10));

/** What each of the 65 536 bit patterns stands for; made when first wanted. */
let table: Float32Array | undefined;

/** The numbers that binary16 bits stand for, all at once: models have tens of millions of them. */
export function float16Values(bits: Uint16Array | Int32Array): Float32Array {
  table ??= Float32Array.from({ length: 1 << 16 }, (_, pattern) => float16Value(pattern));
  const known = table;
  const values = new Float32Array(bits.length);
  for (let index = 0; index < bits.length; index++) values[index] = known[bits[index]!]!;
  return values;
}

/** The numbers that bfloat16 bits stand for: they are the upper halves of float32. */
export function bfloat16Values(bits: Uint16Array): Float32Array {
  const wide = new Uint32Array(bits.length);
  for (let index = 0; index < bits.length; index++) wide[index] = bits[index]! << 16;
  return new Float32Array(wide.buffer);
}
