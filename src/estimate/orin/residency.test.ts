import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { chooseResident, type ResidencyInterval } from './residency.ts';

const interval = (id: number, size: number, first: number, last: number, reads = 1): ResidencyInterval => ({
  id,
  size,
  first,
  last,
  reads,
});

describe('chooseResident', () => {
  it('prefers what is read most per launch of its life', () => {
    const chosen = chooseResident([interval(0, 60, 0, 4, 2), interval(1, 60, 1, 2, 1)], 100);
    expect([...chosen]).toEqual([1]);
  });

  it('prefers the smaller of two that are alike, then the earlier, then the lower id', () => {
    expect([...chooseResident([interval(0, 70, 0, 1), interval(1, 60, 0, 1)], 100)]).toEqual([1]);
    expect([...chooseResident([interval(0, 60, 1, 2), interval(1, 60, 0, 1)], 100)]).toEqual([1]);
    expect([...chooseResident([interval(1, 60, 0, 1), interval(0, 60, 0, 1)], 100)]).toEqual([0]);
  });

  it('counts the launch that reads one tensor and writes another for both', () => {
    expect(chooseResident([interval(0, 60, 0, 1), interval(1, 60, 1, 2)], 100).size).toBe(1);
    expect(chooseResident([interval(0, 60, 0, 1), interval(1, 60, 2, 3)], 100).size).toBe(2);
  });

  it('leaves out what is never read and what does not fit', () => {
    expect(chooseResident([interval(0, 10, 0, 1, 0), interval(1, 101, 0, 1), interval(2, 0, 0, 1)], 100).size).toBe(0);
  });

  const intervals = fc.array(fc.record({ size: fc.nat(100), first: fc.nat(20), length: fc.nat(6), reads: fc.nat(3) }), {
    maxLength: 30,
  });

  it('never holds more than the capacity, and leaves nothing out that would still fit', () => {
    fc.assert(
      fc.property(intervals, fc.nat(200), (records, capacity) => {
        const all = records.map(({ size, first, length, reads }, id) =>
          interval(id, size, first, first + length, reads),
        );
        const chosen = chooseResident(all, capacity);
        const load = (time: number) =>
          all.reduce(
            (sum, { id, size, first, last }) => sum + (chosen.has(id) && first <= time && time <= last ? size : 0),
            0,
          );
        for (let time = 0; time <= 26; time++) expect(load(time)).toBeLessThanOrEqual(capacity);
        for (const { id, size, first, last, reads } of all) {
          if (chosen.has(id) || size === 0 || reads === 0) continue;
          const peak = Math.max(...Array.from({ length: last - first + 1 }, (_, step) => load(first + step)));
          expect(peak + size).toBeGreaterThan(capacity);
        }
      }),
    );
  });
});
