/** What is measured: classes, agreement, and the distance of a tensor of the DLA from its real one. */

import type { Accuracy, TensorDivergence } from './evaluate.ts';

/** Whether score i ranks above score j: the higher number does, any number above NaN, and of equal scores the lower index. */
function before(scores: ArrayLike<number>, i: number, j: number): boolean {
  const [a, b] = [scores[i]!, scores[j]!];
  if (a > b) return true;
  if (a < b) return false;
  const [noA, noB] = [Number.isNaN(a), Number.isNaN(b)];
  return noA === noB ? i < j : noB;
}

/** The rank of a class among scores: 0 is the highest. */
export function rankOf(scores: ArrayLike<number>, label: number): number {
  let rank = 0;
  for (let i = 0; i < scores.length; i++) if (before(scores, i, label)) rank++;
  return rank;
}

/** Index of the highest score. */
export function bestOf(scores: ArrayLike<number>): number {
  let best = 0;
  for (let i = 1; i < scores.length; i++) if (before(scores, i, best)) best = i;
  return best;
}

export class AccuracyCount {
  #samples = 0;
  #first = 0;
  #five = 0;

  add(scores: ArrayLike<number>, label: number): void {
    const rank = rankOf(scores, label);
    this.#samples++;
    if (rank === 0) this.#first++;
    if (rank < 5) this.#five++;
  }

  get accuracy(): Accuracy {
    const share = (count: number) => (this.#samples > 0 ? count / this.#samples : 0);
    return { top1: share(this.#first), top5: share(this.#five) };
  }
}

/** What a type can hold: real numbers beyond these become the last one that it has. */
export interface FullScale {
  readonly least: number;
  readonly most: number;
}

/** Of int8 on a scale: what would round to more than 127 or less than −128. */
export const int8FullScale = (scale: number): FullScale => ({ least: -128.5 * scale, most: 127.5 * scale });

/** Of float16: what is larger than this float32 number rounds to infinity, 65520 first. */
const largestFinite = 65_520 - 2 ** -8;
export const float16FullScale: FullScale = { least: -largestFinite, most: largestFinite };

/** How far a tensor of the DLA is from its real one, over any number of samples. */
export class Divergence {
  readonly value: string;
  /** Elements that were compared. */
  elements = 0;
  #signal = 0;
  #noise = 0;
  /** Sums of the squares of what was found, and of the products. */
  #found = 0;
  #both = 0;
  #saturated = 0;

  constructor(value: string) {
    this.value = value;
  }

  /**
   * @param real the elements of the tensor in FP32
   * @param found the elements that the DLA holds; each is worth `scale`
   */
  add(real: Float32Array, found: ArrayLike<number>, scale: number, { least, most }: FullScale): void {
    for (let i = 0; i < real.length; i++) {
      const expected = real[i]!;
      const value = found[i]! * scale;
      const error = expected - value;
      this.#signal += expected * expected;
      this.#noise += error * error;
      this.#found += value * value;
      this.#both += expected * value;
      if (expected > most || expected < least) this.#saturated++;
    }
    this.elements += real.length;
  }

  get divergence(): TensorDivergence {
    return {
      value: this.value,
      snr: decibels(this.#signal, this.#noise),
      cosine: cosine(this.#signal, this.#found, this.#both),
      saturated: this.elements > 0 ? this.#saturated / this.elements : 0,
    };
  }
}

/** Rounded to millionths. */
function cosine(a: number, b: number, both: number): number {
  if (a === 0 || b === 0) return a === b ? 1 : 0;
  const exact = both / (Math.sqrt(a) * Math.sqrt(b));
  return Math.max(-1, Math.min(1, Math.round(1e6 * exact) / 1e6));
}

/** Rounded to thousandths, since Math.log10 may differ in its last bit between engines. */
function decibels(signal: number, noise: number): number {
  if (noise === 0) return Number.POSITIVE_INFINITY;
  if (signal === 0) return Number.NEGATIVE_INFINITY;
  return Math.round(10_000 * Math.log10(signal / noise)) / 1000;
}
