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
  const missing = waits.map((before) => new Set(before).size);
  const followers = demands.map((): number[] => []);
  for (const [launch, before] of waits.entries()) for (const other of new Set(before)) followers[other]!.push(launch);
  // Launches that wait for nothing but lanes, in the order of the Program.
  const ready = demands.flatMap((_, launch) => (missing[launch] === 0 ? [launch] : []));
  let running: Running[] = [];
  let now = 0;

  const begin = (): void => {
    for (const engine of orinEngines) {
      const taken = new Set(running.flatMap(({ demand, lanes: own }) => (demand.engine === engine ? own : [])));
      const free = Array.from({ length: lanes[engine] }, (_, lane) => lane).filter((lane) => !taken.has(lane));
      while (free.length > 0) {
        const at = ready.findIndex((launch) => demands[launch]!.engine === engine);
        const launch = ready[at];
        if (launch === undefined || demands[launch]!.lanes > free.length) break;
        ready.splice(at, 1);
        const demand = demands[launch]!;
        const own = free.splice(0, demand.lanes);
        const { overhead, total } = demand;
        running.push({ launch, demand, lanes: own, start: now, overhead, work: Math.max(0, total - overhead) });
      }
    }
  };
  const complete = ({ launch, lanes: own, start }: Running): void => {
    places[launch] = { lanes: own, start: microseconds(start), end: microseconds(now) };
    for (const follower of followers[launch]!) {
      missing[follower]!--;
      if (missing[follower] === 0) insert(ready, follower);
    }
  };

  for (begin(); running.length > 0; begin()) {
    // First come, first served; of those that came together the earlier one of the Program.
    const launching = running
      .filter(({ overhead }) => overhead > 0)
      .toSorted((a, b) => a.start - b.start || a.launch - b.launch)[0];
    const working = running.filter(({ overhead }) => overhead === 0);
    const slowdown = Math.max(1, working.length > 1 ? sum(working.map(memoryShare)) : 1);
    const step = Math.min(
      launching?.overhead ?? Number.POSITIVE_INFINITY,
      ...working.map(({ work }) => work * slowdown),
    );
    now += step;
    // What is over at this step is over exactly, whatever rounding leaves of it.
    if (launching) launching.overhead = launching.overhead <= step ? 0 : launching.overhead - step;
    for (const each of working) {
      each.work = each.work * slowdown <= step ? 0 : Math.max(0, each.work - step / slowdown);
    }
    const over = running.filter(({ overhead, work }) => overhead === 0 && work === 0);
    running = running.filter((each) => !over.includes(each));
    for (const each of over) complete(each);
  }
  return places;
}

/** During how much of its work a launch that is alone uses the memory. */
const memoryShare = ({ demand: { total, overhead, memory } }: Running): number =>
  total > overhead ? Math.min(1, memory / (total - overhead)) : 0;

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);

/** Keeps the list in ascending order. */
function insert(list: number[], value: number): void {
  let at = list.length;
  while (at > 0 && list[at - 1]! > value) at--;
  list.splice(at, 0, value);
}
