/**
 * When the launches of a Program run on Orin. Each starts as soon as all that it waits for is complete and a lane of its engine
 * is free, the earlier one of the Program first. It takes its overhead, then its work. The one micro-controller that starts
 * launches serves them one after the other, so overheads never overlap; work overlaps with both.
 *
 * Launches side by side share what there is one of. Those that work in the convolution pipes at the same time divide the
 * multiply-accumulates and points evenly. All that work divide the memory's bandwidth: when together they would ask for more
 * than there is, everybody's memory time is stretched by one factor until they ask for exactly that. So a chain takes the
 * sum of its launches, and nothing ever takes longer than the sum; no schedule is shorter than the longest chain of waits,
 * the compute time of an engine, or the memory time or the overhead of all.
 */

import { pow } from '../../base/elementary.ts';
import { type Microseconds, microseconds } from '../../base/units.ts';
import { type OrinEngine, orinEngines } from './engines.ts';

/** What a launch asks of the machine, as if it were alone. */
export interface Demand {
  readonly engine: OrinEngine;
  readonly overhead: Microseconds;
  readonly compute: Microseconds;
  readonly memory: Microseconds;
}

export interface Placed {
  readonly engine: OrinEngine;
  /** Which of the engine's lanes: 0, or 1 where another launch has the first. */
  readonly lane: number;
  readonly start: Microseconds;
  readonly end: Microseconds;
}

export interface Machine {
  /** Launches that an engine can have under way at once. */
  readonly lanes: Readonly<Record<OrinEngine, number>>;
  /** How compute and memory time overlap: 1 not at all, ∞ completely. */
  readonly overlap: number;
}

interface Running {
  readonly launch: number;
  readonly lane: number;
  readonly demand: Demand;
  readonly start: number;
  /** Of the overhead, in time; of the work, as a share of it. */
  overhead: number;
  work: number;
  /** Time of all the work at the present speed. */
  length: number;
}

/** One interval for each launch. `waits[i]` are launches before i. Deterministic. */
export function scheduleLaunches(
  demands: readonly Demand[],
  waits: readonly (readonly number[])[],
  { lanes, overlap }: Machine,
): readonly Placed[] {
  const placed: Placed[] = new Array(demands.length);
  const missing = waits.map((before) => new Set(before).size);
  const followers = demands.map((): number[] => []);
  for (const [launch, before] of waits.entries()) for (const other of new Set(before)) followers[other]!.push(launch);
  // Launches that wait for nothing but a lane, in the order of the Program.
  const ready = demands.flatMap((_, launch) => (missing[launch] === 0 ? [launch] : []));
  let running: Running[] = [];
  let now = 0;

  const begin = (): void => {
    for (const engine of orinEngines) {
      const busy = new Set(running.filter(({ demand }) => demand.engine === engine).map(({ lane }) => lane));
      for (let lane = 0; lane < lanes[engine]; lane++) {
        if (busy.has(lane)) continue;
        const at = ready.findIndex((launch) => demands[launch]!.engine === engine);
        if (at < 0) break;
        const [launch] = ready.splice(at, 1);
        const demand = demands[launch!]!;
        running.push({ launch: launch!, lane, demand, start: now, overhead: demand.overhead, work: 1, length: 0 });
      }
    }
  };
  const complete = ({ launch, lane, demand, start }: Running): void => {
    placed[launch] = { engine: demand.engine, lane, start: microseconds(start), end: microseconds(now) };
    for (const follower of followers[launch]!) {
      missing[follower]!--;
      if (missing[follower] === 0) insert(ready, follower);
    }
  };

  for (begin(); running.length > 0; begin()) {
    pace(running, overlap);
    // First come, first served; of those that came together the earlier one of the Program.
    const launching = running
      .filter(({ overhead }) => overhead > 0)
      .toSorted((a, b) => a.start - b.start || a.launch - b.launch)[0];
    const moving = running.filter((each) => each.overhead === 0 || each === launching);
    const step = Math.min(...moving.map(remaining));
    now += step;
    const left: Running[] = [];
    for (const each of running) {
      if (!moving.includes(each)) {
        left.push(each);
        continue;
      }
      // What is over at this step is over exactly, whatever rounding leaves of it.
      const over = remaining(each) <= step;
      if (each.overhead > 0) each.overhead = over ? 0 : each.overhead - step;
      else each.work = over ? 0 : Math.max(0, each.work - step / each.length);
      if (each.overhead === 0 && each.work === 0) complete(each);
      else left.push(each);
    }
    running = left;
  }
  return placed;
}

/** Until the overhead, or the work, is over. */
const remaining = ({ overhead, work, length }: Running): number => (overhead > 0 ? overhead : work * length);

/** Keeps the list in ascending order. */
function insert(list: number[], value: number): void {
  let at = list.length;
  while (at > 0 && list[at - 1]! > value) at--;
  list.splice(at, 0, value);
}

/** Sets the speed of all that work: even shares of an engine, and one stretch of memory time for everybody. */
function pace(running: readonly Running[], overlap: number): void {
  const working = running.filter(({ overhead }) => overhead === 0);
  const shares = working.map(
    ({ demand }) => working.filter((other) => other.demand.engine === demand.engine).length * demand.compute,
  );
  const lengthAt = (index: number, stretch: number) =>
    overlapped(shares[index]!, stretch * working[index]!.demand.memory, overlap);
  const asked = (stretch: number) =>
    working.reduce((sum, { demand }, index) => {
      const length = lengthAt(index, stretch);
      return sum + (length === 0 ? 0 : demand.memory / length);
    }, 0);
  let stretch = 1;
  if (working.length > 1 && asked(1) > 1) {
    // With as much stretch as there are launches, they can never ask for too much.
    let low = 1;
    stretch = working.length;
    for (let round = 0; round < 30; round++) {
      const middle = (low + stretch) / 2;
      if (asked(middle) > 1) low = middle;
      else stretch = middle;
    }
  }
  for (const [index, each] of working.entries()) each.length = lengthAt(index, stretch);
}

/** (aᵠ + bᵠ)^(1/q), scaled so that neither power leaves the range. */
export function overlapped(a: number, b: number, q: number): number {
  const larger = Math.max(a, b);
  if (larger === 0) return 0;
  return larger * pow(1 + pow(Math.min(a, b) / larger, q), 1 / q);
}
