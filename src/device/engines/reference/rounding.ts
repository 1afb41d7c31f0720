/** Rounding and saturation of float-scale arithmetic. */

/** The nearest integer; the even one of two equally near. NaN stays NaN. */
export function roundHalfEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

/** NaN gives `low`. */
export const clamp = (value: number, low: number, high: number): number => (value > low ? Math.min(value, high) : low);
