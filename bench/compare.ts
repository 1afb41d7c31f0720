/**
 * How the bench measures: a pair is ours and the peer's time, taken one after the other, and the median of the pairs'
 * ratios is what counts. Time is processor time: on a machine with nothing else to do it is what passes, and on a busy
 * one what others take is not in it; what they do to caches and clocks hits both of a pair.
 */

export interface Comparison {
  /** Milliseconds, medians. */
  readonly ours: number;
  readonly theirs: number;
  /** theirs / ours, median of the pairs. */
  readonly ratio: number;
}

const median = (values: readonly number[]): number => {
  const sorted = values.toSorted((a, b) => a - b);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle]! : (sorted[middle - 1]! + sorted[middle]!) / 2;
};

/** Milliseconds of processor time that one call takes. */
async function timed(work: () => unknown): Promise<number> {
  const start = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(start);
  return (user + system) / 1000;
}

/** How long to measure, in pairs and in milliseconds of processor time. */
export interface Effort {
  readonly pairs: number;
  /** What takes little time is measured more often than `pairs`, until so much has passed. */
  readonly atLeast?: number;
  /** And what takes long less often: after so much no further pair is begun. */
  readonly atMost?: number;
}

/** Runs before those that are measured: what is kept from run to run settles in two. */
const warmUps = 2;

export async function compare(ours: () => unknown, theirs: () => unknown, effort: Effort): Promise<Comparison> {
  const { pairs, atLeast = 0, atMost = Number.POSITIVE_INFINITY } = effort;
  for (let run = 0; run < warmUps; run++) {
    await ours();
    await theirs();
  }
  const left: number[] = [];
  const right: number[] = [];
  for (let past = 0; past < atMost && (left.length < pairs || past < atLeast); past += left.at(-1)! + right.at(-1)!) {
    left.push(await timed(ours));
    right.push(await timed(theirs));
  }
  return { ours: median(left), theirs: median(right), ratio: median(left.map((time, pair) => right[pair]! / time)) };
}
