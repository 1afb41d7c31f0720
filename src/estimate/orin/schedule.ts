/**
 * When the launches of a Program run on Orin. Each starts as soon as all that it waits for is complete and the lanes of its
 * engine that it needs are free, earlier ones of the Program first. It takes its overhead, then its work.
 *
 * Engines run side by side and share two things. The one micro-controller that starts launches serves them one after the other,
 * so overheads never overlap; work overlaps with both. And there is one memory: a launch asks for it during its memory time out
 * of the time of its work; when launches side by side ask for more than all of it, they slow down together until they ask for
 * exactly that. So a chain takes the sum of its launches, and nothing ever takes longer than the sum; no schedule is shorter than the
 * longest chain of waits, what an engine has to do, or the memory time or the overhead of all.
 */

import { type Microseconds, microseconds } from '../../base/units.ts';
import { type OrinEngine, orinEngines } from './engines.ts';

/** What a launch asks of the machine, as if it were alone. */
export interface Demand {
  readonly engine: OrinEngine;
  /** Lanes of the engine: pipes, of the convolution pipes. */
  readonly lanes: number;
  readonly overhead: Microseconds;
  readonly memory: Microseconds;
  /** Overhead and work. */
  readonly total: Microseconds;
}

export interface Place {
  /** Which lanes of its engine, counted from 0. */
  readonly lanes: readonly number[];
  readonly start: Microseconds;
  readonly end: Microseconds;
}

interface Running {
  readonly launch: number;
  readonly demand: Demand;
  readonly lanes: readonly number[];
  readonly start: number;
  /** What is left of the overhead and of the work, as times of a launch that is alone. */
  overhead: number;
  work: number;
}

/** One place for each launch. `waits[i]` are launches before i. Deterministic. */
export function scheduleLaunches(
  demands: readonly Demand[],
  waits: readonly (readonly number[])[],
  lanes: Readonly<Record<OrinEngine, number>>,
): readonly Place[] {
  const places: Place[] = new Array(demands.length);
  const missing = waits.map((before) => before.length);
  const followers = demands.map((): number[] => []);
  for (const [launch, before] of waits.entries()) for (const other of before) followers[other]!.push(launch);
  // Of each engine, in ascending order: launches that wait for nothing but lanes, and the lanes that are free.
  const ready = perEngine((): number[] => []);
  const free = perEngine((engine) => Array.from({ length: lanes[engine] }, (_, lane) => lane));
  for (const [launch, count] of missing.entries()) if (count === 0) ready[demands[launch]!.engine].push(launch);
  let running: Running[] = [];
  let now = 0;

  const begin = (): void => {
    for (const engine of orinEngines) {
      for (let launch = ready[engine][0]; launch !== undefined; launch = ready[engine][0]) {
        const demand = demands[launch]!;
        if (demand.lanes > free[engine].length) break;
        ready[engine].shift();
        const { overhead, total } = demand;
        const work = Math.max(0, total - overhead);
        running.push({ launch, demand, lanes: free[engine].splice(0, demand.lanes), start: now, overhead, work });
      }
    }
  };
  const complete = ({ launch, demand, lanes: own, start }: Running): void => {
    places[launch] = { lanes: own, start: microseconds(start), end: microseconds(now) };
    for (const lane of own) insert(free[demand.engine], lane);
    for (const follower of followers[launch]!) {
      missing[follower]!--;
      if (missing[follower] === 0) insert(ready[demands[follower]!.engine], follower);
    }
  };

  for (begin(); running.length > 0; begin()) {
    let launching: Running | undefined;
    let [working, asked] = [0, 0];
    for (const each of running) {
      if (each.overhead > 0) launching = launching === undefined ? each : firstServed(launching, each);
      else [working, asked] = [working + 1, asked + memoryShare(each.demand)];
    }
    const slowdown = working > 1 ? Math.max(1, asked) : 1;
    let step = launching?.overhead ?? Number.POSITIVE_INFINITY;
    for (const { overhead, work } of running) if (overhead === 0) step = Math.min(step, work * slowdown);
    now += step;
    const left: Running[] = [];
    const over: Running[] = [];
    for (const each of running) {
      // What is over at this step is over exactly, whatever rounding leaves of it.
      if (each.overhead === 0) each.work = each.work * slowdown <= step ? 0 : Math.max(0, each.work - step / slowdown);
      else if (each === launching) each.overhead = each.overhead <= step ? 0 : each.overhead - step;
      (each.overhead === 0 && each.work === 0 ? over : left).push(each);
    }
    running = left;
    for (const each of over) complete(each);
  }
  return places;
}

/** First come, first served; of those that came together the earlier one of the Program. */
const firstServed = (a: Running, b: Running): Running =>
  a.start < b.start || (a.start === b.start && a.launch < b.launch) ? a : b;

const perEngine = <T>(make: (engine: OrinEngine) => T): Record<OrinEngine, T> => ({
  cpipe: make('cpipe'),
  rubik: make('rubik'),
  bdma: make('bdma'),
});

/** During how much of its work a launch that is alone uses the memory. */
const memoryShare = ({ total, overhead, memory }: Demand): number =>
  total > overhead ? Math.min(1, memory / (total - overhead)) : 0;

/** Keeps the list in ascending order. */
function insert(list: number[], value: number): void {
  let at = list.length;
  while (at > 0 && list[at - 1]! > value) at--;
  list.splice(at, 0, value);
}
