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
  if (size < 2 ** -14) return sign | halfToEven(size * 2 ** 24);
  let exponent = -14;
  while (size >= 2 ** (exponent + 1)) exponent++;
  // A fraction that rounds up to 2048 carries into the exponent by itself.
  return sign | (((exponent + 14) << 10) + halfToEven(size * 2 ** (10 - exponent)));
}

function halfToEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
