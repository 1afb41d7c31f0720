/** Rounding and saturation of float-scale arithmetic. */

/** The nearest integer; the even one of two equally near. NaN gives 0, as the hardware's saturating conversions do. */
export function roundHalfEven(value: number): number {
  if (Number.isNaN(value)) return 0;
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest < 0.5) return floor;
  if (rest > 0.5) return floor + 1;
  return floor % 2 === 0 ? floor : floor + 1;
}

export const clamp = (value: number, low: number, high: number): number => Math.min(Math.max(value, low), high);
