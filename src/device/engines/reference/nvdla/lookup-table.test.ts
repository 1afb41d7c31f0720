import { describe, expect, it } from 'vitest';
import { cdpWidths, type LookupTable, lookUp, sdpWidths } from './lookup-table.ts';

const flat = { scale: 0, shift: 0 };

/** LE: 0, 100, 200, … at start + 2^k or every 4; LO: 0, −10, −20, … every 16. */
function table(overrides: Partial<Omit<LookupTable, 'le' | 'lo'>> & { le?: object; lo?: object } = {}): LookupTable {
  const { le, lo, ...rest } = overrides;
  return {
    le: {
      entries: Int16Array.from({ length: 65 }, (_, index) => index * 100),
      start: 0,
      end: 256,
      underflow: flat,
      overflow: flat,
      select: 2,
      spacing: 'linear',
      offset: 0,
      ...le,
    },
    lo: {
      entries: Int16Array.from({ length: 257 }, (_, index) => -index * 10),
      start: 0,
      end: 4096,
      underflow: flat,
      overflow: flat,
      select: 4,
      ...lo,
    },
    underflowPriority: 'le',
    overflowPriority: 'le',
    hybridPriority: 'le',
    ...rest,
  };
}

describe.each([
  ['SDP', sdpWidths],
  ['CDP', cdpWidths],
])('the lookup table of %s', (_, widths) => {
  it('interpolates between entries, rounding half away from zero', () => {
    expect(lookUp(table(), 4, widths)).toBe(100);
    expect(lookUp(table(), 5, widths)).toBe(125);
    expect(lookUp(table({ hybridPriority: 'lo' }), 24, widths)).toBe(-15);
    expect(lookUp(table({ hybridPriority: 'lo' }), 20, widths)).toBe(-13); // −12.5
  });

  it('takes the table that is hit, and a priority where both are or neither is', () => {
    expect(lookUp(table({ hybridPriority: 'lo' }), 16, widths)).toBe(-10);
    expect(lookUp(table(), 1600, widths)).toBe(-1000);
    expect(lookUp(table({ underflowPriority: 'lo', lo: { start: 50 } }), -1, widths)).toBe(0);
    expect(lookUp(table(), 5000, widths)).toBe(6400);
    expect(lookUp(table({ overflowPriority: 'lo' }), 5000, widths)).toBe(-2560);
    // LE above its range, LO below its own: a mixed miss.
    expect(lookUp(table({ lo: { start: 1000 } }), 300, widths)).toBe(6400);
    expect(lookUp(table({ lo: { start: 1000 }, hybridPriority: 'lo' }), 300, widths)).toBe(0);
  });

  it('counts its start as underflow and its last entry as overflow', () => {
    const lo = { start: 10_000 };
    const edges = { underflow: { scale: 1, shift: 0 }, overflow: { scale: 1, shift: 0 } };
    expect(lookUp(table({ le: edges, lo }), 0, widths)).toBe(0);
    expect(lookUp(table({ le: edges, lo }), 256, widths)).toBe(6400);
  });

  it('goes on beyond its ends as straight lines', () => {
    const le = { underflow: { scale: 3, shift: 1 }, overflow: { scale: 5, shift: -1 } };
    expect(lookUp(table({ le }), -5, widths)).toBe(-8); // −15/2 rounds to −8
    expect(lookUp(table({ le, lo: { start: 10_000 } }), 260, widths)).toBe(6400 + 4 * 5 * 2);
  });

  it('spaces an exponential table by powers of two', () => {
    const le = { spacing: 'exponential', offset: 2, underflow: { scale: 1, shift: 0 } };
    expect([4, 6, 8, 16, 24].map((x) => lookUp(table({ le }), x, widths))).toEqual([0, 50, 100, 200, 250]);
    // Below the first entry, LO is hit; where it is not, the line starts at start + 2^offset.
    expect(lookUp(table({ le, lo: { start: 100 } }), 1, widths)).toBe(-3);
  });

  it('has no gap below an exponential table whose offset is negative', () => {
    const le = { spacing: 'exponential', offset: -3, underflow: { scale: 1, shift: 0 } };
    expect(lookUp(table({ le, lo: { start: 100 } }), -7, widths)).toBe(-7);
    expect(lookUp(table({ le, lo: { start: 100 } }), 1, widths)).toBe(300);
  });

  it('saturates', () => {
    const le = { overflow: { scale: 32767, shift: -15 } };
    const limit = 2 ** (widths.resultBits - 1) - 1;
    expect(lookUp(table({ le, lo: { start: 2 ** 31 - 1 } }), 2 ** 30, widths)).toBe(limit);
  });
});
