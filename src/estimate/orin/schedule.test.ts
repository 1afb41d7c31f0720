import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { microseconds } from '../../base/units.ts';
import { orinEngines } from './engines.ts';
import { type Demand, type Machine, overlapped, scheduleLaunches } from './schedule.ts';

const machine: Machine = { lanes: { cpipe: 2, rubik: 1, bdma: 1 }, overlap: 2 };
const demand = (
  compute: number,
  memory: number,
  overhead = 0,
  engine: (typeof orinEngines)[number] = 'cpipe',
): Demand => ({
  engine,
  compute: microseconds(compute),
  memory: microseconds(memory),
  overhead: microseconds(overhead),
});
const alone = ({ compute, memory, overhead }: Demand, { overlap }: Machine = machine) =>
  overhead + overlapped(compute, memory, overlap);
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);
const ends = (demands: readonly Demand[], waits: readonly (readonly number[])[]) =>
  scheduleLaunches(demands, waits, machine).map(({ end }) => end);

describe('scheduleLaunches', () => {
  it('runs a chain one launch after the other', () => {
    const chain = [demand(30, 40, 5), demand(3, 4, 5, 'rubik'), demand(0, 8, 1, 'bdma'), demand(6, 8)];
    expect(ends(chain, [[], [0], [1], [2]])).toEqual([55, 65, 74, 84]);
  });

  it('divides the convolution pipes between two launches', () => {
    expect(ends([demand(10, 0), demand(10, 0)], [[], []])).toEqual([20, 20]);
    // The shorter one is done at 20; the other has both pipes for what is left.
    expect(ends([demand(30, 0), demand(10, 0)], [[], []])).toEqual([40, 20]);
  });

  it('hides the memory time of one launch behind the compute time of another', () => {
    // Each has one pipe, until the second is done.
    expect(ends([demand(10, 0), demand(0, 10)], [[], []])).toEqual([15, 10]);
    expect(ends([demand(10, 0), demand(0, 10, 0, 'rubik')], [[], []])).toEqual([10, 10]);
  });

  it('divides the bandwidth of the memory', () => {
    const both = [demand(0, 10, 0, 'rubik'), demand(0, 10, 0, 'bdma')];
    for (const end of ends(both, [[], []])) expect(end).toBeCloseTo(20, 6);
    const mixed = ends([demand(10, 10, 0, 'rubik'), demand(0, 20, 0, 'bdma')], [[], []]);
    expect(Math.max(...mixed)).toBeGreaterThanOrEqual(30);
    expect(Math.max(...mixed)).toBeLessThan(overlapped(10, 10, 2) + 20);
  });

  it('starts launches one at a time', () => {
    expect(ends([demand(0, 0, 10), demand(0, 0, 10, 'rubik')], [[], []])).toEqual([10, 20]);
    expect(ends([demand(10, 0, 5, 'rubik'), demand(10, 0, 5)], [[], []])).toEqual([15, 20]);
  });

  it('keeps the order of the Program where a lane is wanted by several', () => {
    const three = [demand(5, 0, 0, 'rubik'), demand(5, 0, 0, 'rubik'), demand(5, 0, 0, 'rubik')];
    expect(ends(three, [[], [], []])).toEqual([5, 10, 15]);
    const lanes = scheduleLaunches([demand(4, 0), demand(4, 0), demand(4, 0)], [[], [], []], machine);
    expect(lanes.map(({ lane }) => lane)).toEqual([0, 1, 0]);
  });

  it('is empty for nothing', () => {
    expect(scheduleLaunches([], [], machine)).toEqual([]);
  });
});

const time = fc.oneof(fc.constant(0), fc.double({ min: 0, max: 1000, noNaN: true }));
const demands = fc.array(
  fc.record({ engine: fc.constantFrom(...orinEngines), compute: time, memory: time, overhead: time }),
  { minLength: 1, maxLength: 40 },
);
const networks = fc
  .tuple(demands, fc.infiniteStream(fc.nat(1000)), fc.double({ min: 0, max: 4, noNaN: true }))
  .map(([list, stream, density]) => {
    const next = () => stream.next().value as number;
    const waits = list.map((_, index) =>
      index === 0 ? [] : Array.from({ length: Math.floor((density * next()) / 1000) }, () => next() % index),
    );
    return { list: list as unknown as readonly Demand[], waits };
  });
const machines = fc.record({
  lanes: fc.record({ cpipe: fc.integer({ min: 1, max: 3 }), rubik: fc.constant(1), bdma: fc.constant(1) }),
  overlap: fc.constantFrom(1, 1.5, 2, 8),
});

describe('any schedule', () => {
  const check = (property: (list: readonly Demand[], waits: readonly number[][], any: Machine) => void) =>
    fc.assert(
      fc.property(networks, machines, ({ list, waits }, any) => property(list, waits, any)),
      { seed: 9, numRuns: 500 },
    );

  it('is never longer than one launch after the other, nor shorter than any chain or engine allows', () => {
    check((list, waits, any) => {
      const placed = scheduleLaunches(list, waits, any);
      const length = Math.max(...placed.map(({ end }) => end));
      const slack = 1e-6 * (1 + length);
      expect(length).toBeLessThanOrEqual(sum(list.map((each) => alone(each, any))) + slack);
      const chain: number[] = [];
      for (const [index, each] of list.entries()) {
        chain.push(alone(each, any) + Math.max(0, ...waits[index]!.map((other) => chain[other]!)));
      }
      expect(length).toBeGreaterThanOrEqual(Math.max(...chain) - slack);
      for (const engine of orinEngines) {
        const busy = sum(list.filter((each) => each.engine === engine).map(({ compute }) => compute));
        expect(length).toBeGreaterThanOrEqual(busy - slack);
      }
      expect(length).toBeGreaterThanOrEqual(sum(list.map(({ memory }) => memory)) - slack);
      expect(length).toBeGreaterThanOrEqual(sum(list.map(({ overhead }) => overhead)) - slack);
    });
  });

  it('starts nothing before what it waits for is complete, nor in a lane that is taken', () => {
    check((list, waits, any) => {
      const placed = scheduleLaunches(list, waits, any);
      for (const [index, { start, end, engine, lane }] of placed.entries()) {
        expect(end - start).toBeGreaterThanOrEqual(alone(list[index]!, any) - 1e-6 * (1 + end));
        for (const other of waits[index]!) expect(start).toBeGreaterThanOrEqual(placed[other]!.end);
        expect(engine).toBe(list[index]!.engine);
        expect(lane).toBeLessThan(any.lanes[engine]);
        for (const other of placed.slice(0, index)) {
          if (other.engine !== engine || other.lane !== lane) continue;
          expect(Math.min(end, other.end)).toBeLessThanOrEqual(Math.max(start, other.start));
        }
      }
    });
  });

  it('is the same every time', () => {
    check((list, waits, any) => {
      expect(scheduleLaunches(list, waits, any)).toEqual(scheduleLaunches(list, waits, any));
    });
  });
});
