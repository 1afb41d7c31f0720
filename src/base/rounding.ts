/** From real numbers to the integers next to them. Which of two equally near ones is taken is a property of a target. */

export type Rounding = 'half-even' | 'half-away';

/** Added to a double below 2⁵¹ and taken off again, it leaves the nearest integer, the even one of two. */
const aid = 1.5 * 2 ** 52;

/** The nearest integer, the even one of two; exact below 2⁵¹, unchanged beyond. NaN stays NaN. */
export const roundHalfEven = (value: number): number =>
  value > -(2 ** 51) && value < 2 ** 51 ? value + aid - aid : value;

/**
 * The nearest integer, of two the one farther from zero. NaN stays NaN; nothing becomes −0. Where the even one of two is nearer to
 * zero, a step is taken back: ties are rare, so that no branch here is hard to foretell.
 */
export function roundHalfAway(value: number): number {
  if (!(value > -(2 ** 51) && value < 2 ** 51)) return awayBeyond(value);
  const even = value + aid - aid;
  const rest = value - even; // exact
  if (rest === 0.5 && value > 0) return even + 1;
  if (rest === -0.5 && value < 0) return even - 1;
  return even;
}

function awayBeyond(value: number): number {
  const magnitude = Math.abs(value);
  const floor = Math.floor(magnitude);
  const nearest = magnitude - floor < 0.5 ? floor : floor + 1;
  return value < 0 ? 0 - nearest : nearest;
}

/** NaN gives `low`. */
export const clamp = (value: number, low: number, high: number): number => (value > low ? Math.min(value, high) : low);

export const rounders: Readonly<Record<Rounding, (value: number) => number>> = {
  'half-even': roundHalfEven,
  'half-away': roundHalfAway,
};
