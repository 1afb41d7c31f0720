/**
 * The ranges that trtexec sets for `--int8` without `--calib` (docs/hardware/dla-software.md#dummy-ranges). Layer by
 * layer, and only where none is set yet: an input ±2 (±4 into a concatenation), then an output ±4 (±2 out of a pooling).
 * Values computed with them mean nothing; the times do.
 */

import type { Graph } from '../graph/graph.ts';
import { scaledValues } from '../support/equal-ranges.ts';
import { scaleOfRange } from './scales.ts';

const inputRange = 2;
const outputRange = 4;
const pooling = new Set(['MaxPool', 'AveragePool']);

/** value → scale, for every value of scaledValues that a node reads or makes. */
export function dummyRanges(graph: Graph): ReadonlyMap<string, number> {
  const scaled = new Set(scaledValues(graph));
  const scales = new Map<string, number>();
  const set = (value: string, range: number) => {
    if (scaled.has(value) && !scales.has(value)) scales.set(value, scaleOfRange(range));
  };
  for (const node of graph.nodes) {
    for (const input of node.inputs) set(input, node.op === 'Concat' ? outputRange : inputRange);
    for (const output of node.outputs) set(output, pooling.has(node.op) ? inputRange : outputRange);
  }
  return scales;
}
