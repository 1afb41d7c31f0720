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

/** Signal and noise of one tensor over any number of samples. */
export class Divergence {
  readonly value: string;
  #signal = 0;
  #noise = 0;
  #saturated = 0;
  #elements = 0;

  constructor(value: string) {
    this.value = value;
  }

  /**
   * @param real the elements of the tensor in FP32
   * @param found the elements that the DLA holds; each is worth `scale`
   * @param most the largest magnitude that the type of `found` has: elements there or beyond count as saturated
   */
  add(real: Float32Array, found: ArrayLike<number>, scale: number, most: number): void {
    for (let i = 0; i < real.length; i++) {
      const expected = real[i]!;
      const error = expected - found[i]! * scale;
      this.#signal += expected * expected;
      this.#noise += error * error;
      if (Math.abs(found[i]!) >= most) this.#saturated++;
    }
    this.#elements += real.length;
  }

  get divergence(): TensorDivergence {
    return {
      value: this.value,
      snr: decibels(this.#signal, this.#noise),
      saturated: this.#elements > 0 ? this.#saturated / this.#elements : 0,
    };
  }
}

/** Rounded to thousandths, since Math.log10 may differ in its last bit between engines. */
function decibels(signal: number, noise: number): number {
  if (noise === 0) return Number.POSITIVE_INFINITY;
  if (signal === 0) return Number.NEGATIVE_INFINITY;
  return Math.round(10_000 * Math.log10(signal / noise)) / 1000;
}
