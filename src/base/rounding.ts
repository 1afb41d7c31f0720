/** From real numbers to the integers next to them. Which of two equally near ones is taken is a property of a target. */

export type Rounding = 'half-even' | 'half-away';

/** Added to a double below 2⁵¹ and taken off again, it leaves the nearest integer, the even one of two. */
const aid = 1.5 * 2 ** 52;

/** The nearest integer, the even one of two; exact below 2⁵¹, unchanged beyond. NaN stays NaN. */
export const roundHalfEven = (value: number): number =>
  value > -(2 ** 51) && value < 2 ** 51 ? value + aid - aid : value;

/** The nearest integer, of two the one farther from zero. NaN stays NaN; nothing becomes −0. */
export function roundHalfAway(value: number): number {
  const magnitude = Math.abs(value);
  const floor = Math.floor(magnitude);
  // The difference is exact: a half is told from its neighbours. (⌊|x| + ½⌋ takes 0.49999999999999994 for 1.)
  const nearest = magnitude - floor < 0.5 ? floor : floor + 1;
  return value < 0 ? 0 - nearest : nearest;
}

/** NaN gives `low`. */
export const clamp = (value: number, low: number, high: number): number => (value > low ? Math.min(value, high) : low);

export const rounders: Readonly<Record<Rounding, (value: number) => number>> = {
  'half-even': roundHalfEven,
  'half-away': roundHalfAway,
};
