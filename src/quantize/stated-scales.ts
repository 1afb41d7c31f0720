/**
 * Calibration of a network that states scales itself (Q/DQ). They were trained with the weights, so that no range that is measured takes
 * their place: not on their own tensor, and not through the rule that tensors around a node have one range. The others are measured.
 */

import type { Graph } from '../graph/graph.ts';
import { equalRangeGroups, scaledValues } from '../support/equal-ranges.ts';
import type { Release } from '../targets/target.ts';
import type { Calibration } from './calibrate.ts';
import { fusesUnscaled, markFusable, withoutMarks } from './coverage.ts';

/** What a network states beside what was measured. */
export interface StatedScales {
  /** How many tensors have the scale that the network states. */
  readonly kept: number;
  /** Measured tensors that share the range of a stated one, and reach beyond it: they saturate. */
  readonly beyond: readonly string[];
}

/** The tensors of a network whose scales it does not state. */
export const unstatedValues = (graph: Graph): readonly string[] =>
  scaledValues(graph).filter((value) => !graph.scales?.has(value));

/**
 * The scales that the network states, and for its other tensors those that were measured: the stated one where the DLA wants one range
 * for both, none (the mark of coverage.ts) where the release adds a result within the launch that makes it. Of a network that states
 * none, the calibration as it is.
 */
export function withStatedScales(graph: Graph, calibration: Calibration, release: Release): Calibration {
  const { scales: stated } = graph;
  if (stated === undefined) return calibration;
  const known = fusesUnscaled(release) ? markFusable(graph, stated) : stated;
  const scales = new Map(
    scaledValues(graph).flatMap((value) => {
      const scale = known.get(value) ?? calibration.scales.get(value);
      return scale === undefined ? [] : [[value, scale] as const];
    }),
  );
  const beyond: string[] = [];
  for (const { values } of equalRangeGroups(graph, [...withoutMarks(graph, scales).scales.keys()])) {
    const shared = Math.max(...values.map(({ value }) => stated.get(value) ?? 0));
    if (shared === 0) continue;
    for (const { value } of values) {
      if (stated.has(value)) continue;
      if (calibration.scales.get(value)! > shared) beyond.push(value);
      scales.set(value, shared);
    }
  }
  const kept = scaledValues(graph).filter((value) => stated.has(value)).length;
  return { ...calibration, scales, stated: { kept, beyond } };
}
