/**
 * Scales that can be bounded rather than told: what NVIDIA's translator offers by flags, for tensors between quantized ones that a tool
 * left out. Each takes a tensor's range from above, so that nothing saturates that did not before; none touches a network output.
 */

import type { Graph, Node } from '../graph/graph.ts';

export interface InferredScales {
  /** An average has the scale of what it averages. */
  readonly averagePools?: boolean;
  /** A product has at most the product of the ranges; a Sigmoid at most 1. */
  readonly products?: boolean;
  /** Further operators whose result has the scale of their first input. */
  readonly operators?: ReadonlySet<string>;
}

const averages = new Set(['AveragePool', 'GlobalAveragePool', 'ReduceMean']);

/** The scales and those that follow, forwards in one sweep. */
export function inferScales(
  graph: Graph,
  scales: ReadonlyMap<string, number>,
  { averagePools, products, operators = new Set() }: InferredScales,
): ReadonlyMap<string, number> {
  const found = new Map(scales);
  const outputs = new Set(graph.outputs);
  const scaleOf = (node: Node): number | undefined => {
    const [a, b] = node.inputs.map((value) => found.get(value));
    if ((averagePools && averages.has(node.op)) || operators.has(node.op)) return a;
    if (products && node.op === 'Sigmoid') return Math.fround(1 / 127);
    if (products && node.op === 'Mul' && a !== undefined && b !== undefined) return Math.fround(a * b * 127);
    return undefined;
  };
  for (const node of graph.nodes) {
    const [output = ''] = node.outputs;
    const scale = found.has(output) || outputs.has(output) || node.domain !== '' ? undefined : scaleOf(node);
    if (scale !== undefined) found.set(output, scale);
  }
  return found;
}
