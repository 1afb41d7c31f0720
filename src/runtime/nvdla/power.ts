/** Powers without `Math.pow`, which may differ between JavaScript engines; relative error below 2⁻⁴⁰. */

import { exp } from '../../base/elementary.ts';

/** baseᵉ as C's `pow` defines it for finite arguments. */
export function power(base: number, exponent: number): number {
  if (exponent === 0) return 1;
  const whole = Number.isInteger(exponent);
  if (whole && Math.abs(exponent) <= 64) {
    let product = 1;
    for (let i = 0; i < Math.abs(exponent); i++) product *= base;
    return exponent < 0 ? 1 / product : product;
  }
  if (base === 0) return exponent > 0 ? 0 : Number.POSITIVE_INFINITY;
  if (base < 0 && !whole) return Number.NaN;
  const magnitude = exp(exponent * naturalLog(Math.abs(base)));
  return base < 0 && exponent % 2 !== 0 ? -magnitude : magnitude;
}

/** ln x for x > 0: the exponent apart, the rest by the series of the inverse hyperbolic tangent. */
function naturalLog(x: number): number {
  let k = 0;
  let m = x;
  while (m > Math.SQRT2) {
    m /= 2;
    k++;
  }
  while (m < Math.SQRT1_2) {
    m *= 2;
    k--;
  }
  // |t| ≤ 0.172: sixteen terms leave less than 2⁻⁸⁰.
  const t = (m - 1) / (m + 1);
  let sum = 0;
  for (let n = 31; n >= 1; n -= 2) sum = 1 / n + t * t * sum;
  return k * Math.LN2 + 2 * t * sum;
}
