/**
 * Natural logarithm that gives the same bits on every engine. Math.log may differ in the last place between engines, and
 * the entropy calibrator's choice of a scale, hence the bytes of a loadable, hangs on comparing sums of logarithms.
 *
 * x = m · 2^e with m in [√½, √2); ln m = 2·artanh(s) with s = (m − 1)/(m + 1), |s| ≤ 0.1716, as the odd power series up to
 * s²¹. The first term left out is below 2·0.1716²³/23 < 10⁻¹⁸. Only +, −, ·, ÷ of IEEE doubles are used; the relative
 * error is below 5·10⁻¹⁶ (log.test.ts).
 */

const ln2High = 0.6931471805598903; // ln 2 with 11 trailing zero bits, so that e · ln2High is exact
const ln2Low = 5.497923018708371e-14; // ln 2 − ln2High
const view = new DataView(new ArrayBuffer(8));

/** ln(x) for positive finite x. @throws RangeError otherwise */
export function log(x: number): number {
  if (!(x > 0) || x === Number.POSITIVE_INFINITY) throw new RangeError(`logarithm of ${x}`);
  let exponent = 0;
  let value = x;
  if (value < 2 ** -1022) {
    value *= 2 ** 54;
    exponent = -54;
  }
  view.setFloat64(0, value);
  const high = view.getUint32(0);
  exponent += (high >>> 20) - 1023;
  view.setUint32(0, (high & 0xfffff) | 0x3ff00000);
  let mantissa = view.getFloat64(0);
  if (mantissa > Math.SQRT2) {
    mantissa /= 2;
    exponent++;
  }
  const s = (mantissa - 1) / (mantissa + 1);
  const z = s * s;
  let series = 0;
  for (let power = 21; power >= 3; power -= 2) series = (series + 1 / power) * z;
  return exponent * ln2High + (2 * s + (2 * s * series + exponent * ln2Low));
}
