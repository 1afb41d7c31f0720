/**
 * The calibrators: from a histogram of |x| to the range ±r that int8 covers (scale = r / 127). TensorRT does not publish
 * the parameters of its own; these are ours, and they are stated here.
 *
 * - `min-max`: r is the largest |x|.
 * - `percentile`: r is the upper edge of the first bin up to which the given share of all values, zeros included, lies.
 * - `mse`: r minimises the expected squared error of rounding and clipping, taking the values of a bin at its middle.
 * - `entropy`: r minimises the Kullback–Leibler divergence between the histogram clipped at r and what 128 levels leave of
 *   it. Candidates are every bin edge from the 128th up. Zeros do not take part. The clipped tail is added to the last bin
 *   of the reference but not to the quantized distribution; a level spreads its count evenly over its non-empty bins.
 *   Among equal divergences the largest range wins. Candidates that clip more than one value in a thousand (zeros not
 *   counted) are left out: a spike, which the background of a picture makes in the first layers, would otherwise pull r
 *   down to itself, since every coarser level smears it (measured: half the pixels clipped, 13 points of Top-1 lost).
 *
 * No range exceeds the largest |x|. Everything is IEEE arithmetic plus the logarithm of base/elementary.ts: the same data give the
 * same range on every engine.
 */

import { log } from '../base/elementary.ts';
import { bins, type Histogram } from './histogram.ts';

export type CalibrationMethod = 'min-max' | 'entropy' | 'percentile' | 'mse';

export const calibrationMethods: readonly CalibrationMethod[] = ['min-max', 'entropy', 'percentile', 'mse'];
export const defaultPercentile = 99.99;

const levels = 128;
const largestTail = 0.001;

/** r; 0 when every value is zero. */
export function rangeOf(histogram: Histogram, method: CalibrationMethod, percentile = defaultPercentile): number {
  if (histogram.max === 0 || method === 'min-max') return histogram.max;
  switch (method) {
    case 'percentile':
      return percentileRange(histogram, percentile);
    case 'mse':
      return mseRange(histogram);
    case 'entropy':
      return entropyRange(histogram);
  }
}

function percentileRange({ counts, zeros, total, width, max }: Histogram, percentile: number): number {
  const wanted = (percentile / 100) * total;
  let seen = zeros;
  for (let bin = 0; bin < bins; bin++) {
    seen += counts[bin]!;
    if (seen >= wanted && seen > zeros) return Math.min((bin + 1) * width, max);
  }
  return max;
}

/** The last bin that holds something. */
const lastBin = (counts: Float64Array): number => counts.findLastIndex((count) => count > 0);

function mseRange({ counts, width, max }: Histogram): number {
  const last = lastBin(counts);
  let best = max;
  let bestError = Number.POSITIVE_INFINITY;
  for (let edge = levels; edge <= last + 1; edge++) {
    const range = edge > last ? max / width : edge;
    const step = range / 127;
    let error = 0;
    for (let bin = 0; bin <= last && error < bestError; bin++) {
      const count = counts[bin]!;
      if (count === 0) continue;
      const value = bin + 0.5;
      const level = Math.min(127, Math.floor(value / step + 0.5));
      const distance = value - level * step;
      error += count * distance * distance;
    }
    if (error <= bestError) {
      bestError = error;
      best = range * width;
    }
  }
  return Math.min(best, max);
}

function entropyRange({ counts, width, max }: Histogram): number {
  const last = lastBin(counts);
  const { mass, filled, selfInformation } = prefixes(counts);
  const whole = mass[last + 1]!;
  let best = max;
  let bestDivergence = Number.POSITIVE_INFINITY;
  for (let edge = levels; edge <= last + 1; edge++) {
    const tail = whole - mass[edge]!;
    if (tail > largestTail * whole) continue;
    const lastCount = counts[edge - 1]!;
    const clipped = lastCount + tail;
    if (clipped > 0 && lastCount === 0 && tail > 0) continue;
    // Σ p ln p − Σ p ln q over the bins, for counts: q of a level is its own count over its non-empty bins.
    let divergence = selfInformation[edge - 1]! + (clipped > 0 ? clipped * log(clipped) : 0);
    for (let level = 0; level < levels; level++) {
      const from = Math.ceil((level * edge) / levels);
      const to = Math.ceil(((level + 1) * edge) / levels);
      const own = mass[to]! - mass[from]!;
      if (own === 0) continue;
      const reference = level === levels - 1 ? own + tail : own;
      divergence -= reference * log(own / (filled[to]! - filled[from]!));
    }
    // Normalizing p by whole and q by whole − tail.
    divergence = divergence / whole - log(whole / (whole - tail));
    if (divergence <= bestDivergence) {
      bestDivergence = divergence;
      best = edge * width;
    }
  }
  return Math.min(best, max);
}

/** Sums over the bins before each: counts, non-empty bins, and count · ln(count). */
function prefixes(counts: Float64Array) {
  const mass = new Float64Array(bins + 1);
  const filled = new Float64Array(bins + 1);
  const selfInformation = new Float64Array(bins + 1);
  for (let bin = 0; bin < bins; bin++) {
    const count = counts[bin]!;
    mass[bin + 1] = mass[bin]! + count;
    filled[bin + 1] = filled[bin]! + (count > 0 ? 1 : 0);
    selfInformation[bin + 1] = selfInformation[bin]! + (count > 0 ? count * log(count) : 0);
  }
  return { mass, filled, selfInformation };
}
