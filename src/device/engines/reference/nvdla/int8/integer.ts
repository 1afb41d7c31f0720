/**
 * The arithmetic that all integer engines share: shifts to the right round half away from zero, results saturate.
 * Values are integers in float64; every intermediate of the engines has at most 53 bits, so all of it is exact.
 */

/** value / 2^shift, rounded half away from zero. Exact for |value| < 2^53. */
export function roundShift(value: number, shift: number): number {
  if (shift === 0) return value;
  const magnitude = Math.floor(Math.abs(value) / 2 ** shift + 0.5);
  return value < 0 ? 0 - magnitude : magnitude;
}

/** Clamps to a signed integer of `bits` bits. */
export function saturate(value: number, bits: number): number {
  const limit = 2 ** (bits - 1);
  return Math.max(-limit, Math.min(value, limit - 1));
}

/** a × b shifted right with rounding, for products of more than 53 bits. */
export function multiplyShift(a: number, b: number, shift: number): number {
  const product = a * b;
  if (Number.isSafeInteger(product)) return roundShift(product, shift);
  const exact = BigInt(a) * BigInt(b);
  const magnitude = exact < 0n ? -exact : exact;
  const rounded = shift === 0 ? magnitude : (magnitude + (1n << BigInt(shift - 1))) >> BigInt(shift);
  return Number(exact < 0n ? -rounded : rounded);
}
