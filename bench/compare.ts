/**
 * How the bench measures: a pair is ours and the peer's time, taken one after the other, and the median of the pairs'
 * ratios is what counts. Whatever else the machine does hits both.
 */

export interface Comparison {
  /** Milliseconds, medians. */
  readonly ours: number;
  readonly theirs: number;
  /** theirs / ours, median of the pairs. */
  readonly ratio: number;
}

export const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** Milliseconds of one call. */
async function timed(work: () => unknown): Promise<number> {
  const start = performance.now();
  await work();
  return performance.now() - start;
}

/** How long to measure, in pairs and in milliseconds. */
export interface Effort {
  readonly pairs: number;
  /** What takes little time is measured more often than `pairs`, until so much has passed. */
  readonly atLeast?: number;
  /** And what takes long less often: after so much no further pair is begun. */
  readonly atMost?: number;
}

export async function compare(ours: () => unknown, theirs: () => unknown, effort: Effort): Promise<Comparison> {
  const { pairs, atLeast = 0, atMost = Number.POSITIVE_INFINITY } = effort;
  await ours();
  await theirs();
  const left: number[] = [];
  const right: number[] = [];
  const start = performance.now();
  for (let past = 0; past < atMost && (left.length < pairs || past < atLeast); past = performance.now() - start) {
    left.push(await timed(ours));
    right.push(await timed(theirs));
  }
  return { ours: median(left), theirs: median(right), ratio: median(left.map((time, pair) => right[pair]! / time)) };
}
