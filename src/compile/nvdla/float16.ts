/** Numbers to the bits of float16, the nearest, half to even; infinity beyond the range. */

const bits = new DataView(new ArrayBuffer(8));

export function float16Bits(value: number): number {
  if (Number.isNaN(value)) return 0x7e00;
  const sign = value < 0 || Object.is(value, -0) ? 0x8000 : 0;
  const magnitude = Math.abs(value);
  if (magnitude >= 65_520) return sign | 0x7c00;
  // Below the normal numbers every float16 is a multiple of 2⁻²⁴.
  if (magnitude < 2 ** -14) return sign | roundHalfEven(magnitude * 2 ** 24);
  bits.setFloat64(0, magnitude);
  const exponent = ((bits.getUint32(0) >>> 20) & 0x7ff) - 1023;
  const mantissa = roundHalfEven(magnitude * 2 ** (10 - exponent));
  // A mantissa that was rounded up to 2¹¹ carries into the exponent.
  return sign | (((exponent + 15) << 10) + (mantissa - 1024));
}

function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  return rest > 0.5 || (rest === 0.5 && floor % 2 === 1) ? floor + 1 : floor;
}
