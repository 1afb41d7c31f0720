import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Arrangement, alignment, arrange, arrangeWithin, type Tenant } from './allocate.ts';

const tenants = fc
  .array(fc.record({ size: fc.integer({ min: 1, max: 5000 }), first: fc.nat(20), length: fc.nat(10) }), {
    maxLength: 40,
  })
  .map((list) => list.map(({ size, first, length }, id): Tenant => ({ id, size, first, last: first + length })));

function expectApart(list: readonly Tenant[], { offsets, size }: Arrangement): void {
  const placed = list.filter(({ id }) => offsets.has(id));
  for (const a of placed) {
    expect(offsets.get(a.id)! % alignment).toBe(0);
    expect(offsets.get(a.id)! + a.size).toBeLessThanOrEqual(size);
    for (const b of placed) {
      if (a.id >= b.id || a.last < b.first || b.last < a.first) continue;
      const [x, y] = [offsets.get(a.id)!, offsets.get(b.id)!];
      expect(x + a.size <= y || y + b.size <= x, `${a.id} and ${b.id}`).toBe(true);
    }
  }
}

/** No arrangement is smaller than the largest sum of what is live at one launch. */
const demand = (list: readonly Tenant[]): number =>
  Math.max(
    0,
    ...Array.from({ length: 32 }, (_, time) =>
      list.filter(({ first, last }) => first <= time && time <= last).reduce((sum, { size }) => sum + size, 0),
    ),
  );

describe('addresses', () => {
  it('never overlap while both are live, and everything finds a place', () => {
    fc.assert(
      fc.property(tenants, (list) => {
        const arrangement = arrange(list);
        expect(arrangement.offsets.size).toBe(list.length);
        expectApart(list, arrangement);
        expect(arrangement.size).toBeGreaterThanOrEqual(demand(list));
      }),
    );
  });

  it('stay within a capacity', () => {
    fc.assert(
      fc.property(tenants, fc.integer({ min: 0, max: 20_000 }), (list, capacity) => {
        const arrangement = arrangeWithin(list, capacity);
        expect(arrangement.size).toBeLessThanOrEqual(capacity);
        expectApart(list, arrangement);
        for (const { id, size } of list) if (size > capacity) expect(arrangement.offsets.has(id)).toBe(false);
      }),
    );
  });

  it('do not depend on the order of the tenants', () => {
    fc.assert(
      fc.property(tenants, (list) => {
        const sorted = ({ offsets }: Arrangement) => [...offsets].sort(([a], [b]) => a - b);
        expect(sorted(arrange(list.toReversed()))).toEqual(sorted(arrange(list)));
      }),
    );
  });

  it('are taken again once their tenant is gone, the smallest gap first', () => {
    const list: Tenant[] = [
      { id: 0, size: 640, first: 0, last: 1 },
      { id: 1, size: 320, first: 0, last: 9 },
      { id: 2, size: 256, first: 0, last: 1 },
      { id: 3, size: 128, first: 0, last: 9 },
      { id: 4, size: 100, first: 2, last: 3 },
    ];
    expect(arrange(list).offsets.get(4)).toBe(960);
    expect(arrange(list).size).toBe(640 + 320 + 256 + 128);
  });
});
