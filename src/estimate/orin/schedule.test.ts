import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { microseconds } from '../../base/units.ts';
import { type OrinEngine, orinEngines } from './engines.ts';
import { type Demand, type Place, scheduleLaunches } from './schedule.ts';

const lanes = { cpipe: 2, rubik: 1, bdma: 1 };
/** `memory` is part of the work. */
const demand = (engine: OrinEngine, work: number, memory = 0, overhead = 0, count = lanes[engine]): Demand => ({
  engine,
  lanes: count,
  overhead: microseconds(overhead),
  memory: microseconds(memory),
  total: microseconds(overhead + work),
});
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const spans = (demands: readonly Demand[], waits: readonly (readonly number[])[] = demands.map(() => [])) =>
  scheduleLaunches(demands, waits, lanes).map(({ start, end }) => [start, end]);

describe('scheduleLaunches', () => {
  it('runs a chain one launch after the other', () => {
    const chain = [demand('cpipe', 50, 40, 5), demand('rubik', 5, 4, 5), demand('bdma', 8, 8, 1), demand('cpipe', 10)];
    expect(spans(chain, [[], [0], [1], [2]])).toEqual([
      [0, 55],
      [55, 65],
      [65, 74],
      [74, 84],
    ]);
  });

  it('runs engines side by side, and launches of the convolution pipes one after the other', () => {
    const all = [demand('cpipe', 10), demand('cpipe', 10), demand('rubik', 10), demand('bdma', 4)];
    expect(spans(all)).toEqual([
      [0, 10],
      [10, 20],
      [0, 10],
      [0, 4],
    ]);
  });

  it('runs two launches side by side in the pipes where each needs one', () => {
    const single = [demand('cpipe', 10, 0, 0, 1), demand('cpipe', 6, 0, 0, 1), demand('cpipe', 6, 0, 0, 1)];
    const places = scheduleLaunches(single, [[], [], []], lanes);
    expect(places.map(({ lanes: own, start, end }) => [own, start, end])).toEqual([
      [[0], 0, 10],
      [[1], 0, 6],
      [[1], 6, 12],
    ]);
    // One that needs both waits for both, and nothing overtakes it.
    expect(spans([demand('cpipe', 10, 0, 0, 1), demand('cpipe', 5), demand('cpipe', 3, 0, 0, 1)])).toEqual([
      [0, 10],
      [10, 15],
      [15, 18],
    ]);
  });

  it('slows down launches that ask for more than all of the memory', () => {
    expect(spans([demand('rubik', 10, 10), demand('bdma', 10, 10)])).toEqual([
      [0, 20],
      [0, 20],
    ]);
    expect(spans([demand('rubik', 10, 5), demand('bdma', 10, 5)])).toEqual([
      [0, 10],
      [0, 10],
    ]);
    // Three quarters of the memory each: half as slow again, until the shorter one is done.
    expect(spans([demand('rubik', 20, 15), demand('bdma', 10, 7.5)])).toEqual([
      [0, 25],
      [0, 15],
    ]);
  });

  it('starts launches one at a time', () => {
    expect(spans([demand('cpipe', 0, 0, 10), demand('rubik', 0, 0, 10)])).toEqual([
      [0, 10],
      [0, 20],
    ]);
    expect(spans([demand('rubik', 10, 0, 5), demand('cpipe', 10, 0, 5)])).toEqual([
      [0, 15],
      [0, 20],
    ]);
  });

  it('keeps the order of the Program where a lane is wanted by several', () => {
    expect(spans([demand('rubik', 5), demand('rubik', 5), demand('rubik', 5)]).map(([start]) => start)).toEqual([
      0, 5, 10,
    ]);
  });

  it('is empty for nothing', () => {
    expect(scheduleLaunches([], [], lanes)).toEqual([]);
  });
});

const time = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1000, noNaN: true }));
const networks = fc
  .array(
    fc.record({
      engine: fc.constantFrom(...orinEngines),
      single: fc.boolean(),
      work: time,
      share: fc.double({ min: 0, max: 1, noNaN: true }),
      overhead: time,
      /** How far back each launch that it waits for lies. */
      back: fc.array(fc.integer({ min: 1, max: 8 }), { maxLength: 3 }),
    }),
    { minLength: 1, maxLength: 40 },
  )
  .map((list) => ({
    demands: list.map(({ engine, single, work, share, overhead }) =>
      demand(engine, work, share * work, overhead, single ? 1 : lanes[engine]),
    ),
    waits: list.map(({ back }, index) => back.map((steps) => index - steps).filter((other) => other >= 0)),
  }));

describe('any schedule', () => {
  const check = (
    property: (demands: readonly Demand[], waits: readonly number[][], places: readonly Place[]) => void,
  ): void =>
    fc.assert(
      fc.property(networks, ({ demands, waits }) => property(demands, waits, scheduleLaunches(demands, waits, lanes))),
      { numRuns: 1000 },
    );

  it('is never longer than one launch after the other, nor shorter than any chain, engine or the memory allows', () => {
    check((demands, waits, places) => {
      const length = Math.max(...places.map(({ end }) => end));
      const slack = 1e-9 * (1 + length);
      expect(length).toBeLessThanOrEqual(sum(demands.map(({ total }) => total)) + slack);
      const chain: number[] = [];
      for (const [index, { total }] of demands.entries()) {
        chain.push(total + Math.max(0, ...waits[index]!.map((other) => chain[other]!)));
      }
      expect(length).toBeGreaterThanOrEqual(Math.max(...chain) - slack);
      for (const engine of orinEngines) {
        const own = demands.filter((each) => each.engine === engine);
        const busy = sum(own.map(({ lanes: count, total }) => count * total)) / lanes[engine];
        expect(length).toBeGreaterThanOrEqual(busy - slack);
      }
      expect(length).toBeGreaterThanOrEqual(sum(demands.map(({ memory }) => memory)) - slack);
      expect(length).toBeGreaterThanOrEqual(sum(demands.map(({ overhead }) => overhead)) - slack);
    });
  });

  it('starts nothing before what it waits for is complete, nor in a lane that is taken', () => {
    check((demands, waits, places) => {
      for (const [index, { start, end, lanes: own }] of places.entries()) {
        const { engine, lanes: count, total } = demands[index]!;
        expect(end - start).toBeGreaterThanOrEqual(total - 1e-9 * (1 + end));
        for (const other of waits[index]!) expect(start).toBeGreaterThanOrEqual(places[other]!.end);
        expect(new Set(own).size).toBe(count);
        expect(Math.max(...own)).toBeLessThan(lanes[engine]);
        for (const [before, other] of places.slice(0, index).entries()) {
          if (demands[before]!.engine !== engine || !other.lanes.some((lane) => own.includes(lane))) continue;
          expect(Math.min(end, other.end)).toBeLessThanOrEqual(Math.max(start, other.start));
        }
      }
    });
  });

  it('is the same every time', () => {
    check((demands, waits, places) => {
      expect(scheduleLaunches(demands, waits, lanes)).toEqual(places);
    });
  });
});
