/**
 * Tensors that must have one range (support/equal-ranges.ts) get the largest scale among them, with which none saturates that did
 * not before.
 */

import type { Graph } from '../graph/graph.ts';
import { equalRangeGroups, scaledValues } from '../support/equal-ranges.ts';

export interface RangeChange {
  readonly value: string;
  /** Absent when the value had no scale of its own. */
  readonly from?: number;
  readonly to: number;
  /** The nodes whose rules tie the value to others. */
  readonly nodes: readonly string[];
}

export interface EqualizedRanges {
  readonly scales: ReadonlyMap<string, number>;
  /** In the order of scaledValues. */
  readonly changes: readonly RangeChange[];
}

/** @param keptWithout values that stay without a scale where they have none of their own, and tie nothing then */
export function equalizeRanges(
  graph: Graph,
  scales: ReadonlyMap<string, number>,
  keptWithout: ReadonlySet<string> = new Set(),
): EqualizedRanges {
  const order = scaledValues(graph).filter((value) => scales.has(value) || !keptWithout.has(value));
  const result = new Map(scales);
  const changed = new Map<string, RangeChange>();
  for (const { values } of equalRangeGroups(graph, order)) {
    const known = values.flatMap(({ value }) => scales.get(value) ?? []);
    if (known.length === 0) continue;
    const to = known.reduce((most, scale) => Math.max(most, scale), 0);
    for (const { value, nodes } of values) {
      const from = scales.get(value);
      if (to === from) continue;
      result.set(value, to);
      changed.set(value, { value, ...(from !== undefined && { from }), to, nodes });
    }
  }
  return { scales: result, changes: order.flatMap((value) => changed.get(value) ?? []) };
}
