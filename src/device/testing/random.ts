/** What random pipelines are made from: numbers, sizes, windows of pooling, which table answers. */

import fc from 'fast-check';
import { Random } from '../../base/random.ts';
import type { Extent, Padding } from '../../program/layer.ts';
import type { LinearTable, LookupTable } from '../engines/reference/nvdla/lookup-table.ts';

/** An integer between two, both included. */
export type Next = (low: number, high: number) => number;

/** A generator of its own, so that one scenario can be built on several buses. */
export function randomInts(seed: number): Next {
  const random = new Random(seed);
  return (low, high) => random.int(low, high);
}

export const extent = (low: number, high: number) =>
  fc.record({ h: fc.integer({ min: low, max: high }), w: fc.integer({ min: low, max: high }) });

export const nvdlaPoolOptions = {
  mode: fc.constantFrom('max', 'min', 'average', 'average' as const),
  kernel: extent(1, 8),
  stride: extent(1, 3),
  pad: extent(0, 7),
  end: extent(0, 2),
  slack: fc.integer({ min: 0, max: 2 }),
};

interface WindowOptions {
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly pad: Extent;
  readonly end: Extent;
}

interface PoolWindows {
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly padding: Padding;
  readonly output: Extent;
}

/** Windows none of which lies outside the image: at the end they hang over as far as they still see a row or column. */
export function poolWindows(o: WindowOptions, height: number, width: number): PoolWindows {
  const kernel = { h: Math.min(o.kernel.h, height), w: Math.min(o.kernel.w, width) };
  const top = Math.min(o.pad.h, kernel.h - 1);
  const left = Math.min(o.pad.w, kernel.w - 1);
  const over = { h: Math.min(o.end.h, kernel.h - 1), w: Math.min(o.end.w, kernel.w - 1) };
  return {
    kernel,
    stride: o.stride,
    padding: { top, left, bottom: over.h, right: over.w },
    output: {
      h: Math.floor((height + top + over.h - kernel.h) / o.stride.h) + 1,
      w: Math.floor((width + left + over.w - kernel.w) / o.stride.w) + 1,
    },
  };
}

const choices = fc.constantFrom('le', 'lo' as const);

/** @param lines with so many entries */
export const lookupTables = (
  lines: (entries: number) => fc.Arbitrary<LinearTable & { readonly offset: number }>,
): fc.Arbitrary<LookupTable> =>
  fc.record({
    le: fc
      .tuple(lines(65), fc.constantFrom('exponential', 'linear' as const))
      .map(([line, spacing]) => ({ ...line, spacing })),
    lo: lines(257),
    underflowPriority: choices,
    overflowPriority: choices,
    hybridPriority: choices,
  });
