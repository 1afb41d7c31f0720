/** A fit that gives the same numbers everywhere: one parameter after the other by steps that halve, no chance in it. */

/**
 * The parameters, all positive, that make `loss` least, searched from `start` in proportion: each is tried larger and smaller by a
 * step of 25 %, and the step is halved when none of them gains.
 */
export function patternSearch(start: readonly number[], loss: (parameters: readonly number[]) => number): number[] {
  let best = [...start];
  let least = loss(best);
  for (let step = 0.25; step > 1e-5; ) {
    let gained = false;
    for (const index of best.keys()) {
      for (const factor of [1 + step, 1 / (1 + step)]) {
        const tried = best.with(index, best[index]! * factor);
        const found = loss(tried);
        if (found >= least) continue;
        [best, least, gained] = [tried, found, true];
      }
    }
    if (!gained) step /= 2;
  }
  return best;
}
