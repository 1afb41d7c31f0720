/**
 * A histogram of |x| that does not depend on the order or the partition of the data. It has 2048 bins whose width is a
 * power of two: bin i counts i·w ≤ |x| < (i + 1)·w. The width is always the smallest with which every value so far fits,
 * and growing it by a power of two merges whole bins, so that after the last value the histogram is the one that would
 * have been built had the final width been known from the start. The largest value uses bin 1024 or above.
 *
 * Dividing by a power of two is exact, so the bin of a value is exact too. Zeros are counted beside the bins: they are
 * represented exactly whatever the scale, and after a Relu they are half of everything.
 */

export const bins = 2048;
const smallestWidth = 2 ** -149; // of float32's smallest number: nothing is finer

export class Histogram {
  readonly counts = new Float64Array(bins);
  /** Width of a bin; smallestWidth while nothing but zeros was seen. */
  width = smallestWidth;
  zeros = 0;
  total = 0;
  /** Largest |x|, exact. */
  max = 0;

  /** @returns false when a value is NaN or infinite; nothing is counted then */
  add(values: Float32Array): boolean {
    const max = largest(values);
    if (max === Number.POSITIVE_INFINITY) return false;
    if (max > this.max) this.#cover(max);
    const { counts } = this;
    const perWidth = 1 / this.width;
    let zeros = 0;
    for (let index = 0; index < values.length; index++) {
      const value = values[index]!;
      if (value === 0) zeros++;
      else {
        const bin = ((value < 0 ? -value : value) * perWidth) | 0;
        counts[bin] = counts[bin]! + 1;
      }
    }
    this.zeros += zeros;
    this.total += values.length;
    return true;
  }

  /** The histogram of both data together. */
  merge(other: Histogram): void {
    if (other.max > this.max) this.#cover(other.max);
    const ratio = this.width / other.width;
    for (let bin = 0; bin < bins; bin++) {
      const to = Math.floor(bin / ratio);
      this.counts[to] = this.counts[to]! + other.counts[bin]!;
    }
    this.zeros += other.zeros;
    this.total += other.total;
  }

  /** Makes room for a value. */
  #cover(max: number): void {
    this.max = max;
    let width = this.width;
    while (max >= width * bins) width *= 2;
    const ratio = width / this.width;
    this.width = width;
    if (ratio === 1) return;
    for (let bin = 0; bin < bins; bin++) {
      const count = this.counts[bin]!;
      this.counts[bin] = 0;
      const to = Math.floor(bin / ratio);
      this.counts[to] = this.counts[to]! + count;
    }
  }
}

/** The largest |x|; Infinity when a value is NaN or infinite. */
function largest(values: Float32Array): number {
  let max = 0;
  for (let index = 0; index < values.length; index++) {
    const value = values[index]!;
    const magnitude = value < 0 ? -value : value;
    if (!(magnitude <= max)) {
      if (!(magnitude < Number.POSITIVE_INFINITY)) return Number.POSITIVE_INFINITY;
      max = magnitude;
    }
  }
  return max;
}
