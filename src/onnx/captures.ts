/**
 * What a node reads. Besides its inputs, the subgraphs of If, Loop and Scan read values of the graphs around them by
 * name; a pass that removes or cuts nodes has to count those as uses.
 */

import type { Graph, Node } from '../graph/graph.ts';

/** The values a node reads: its inputs and what its subgraphs capture. Without '' and without repetition. */
export function readsOf(node: Node): readonly string[] {
  const names = new Set(node.inputs.filter((name) => name !== ''));
  for (const attribute of Object.values(node.attributes)) {
    if (attribute.kind === 'graph') for (const name of capturesOf(attribute.value)) names.add(name);
  }
  return [...names];
}

/** The values a subgraph takes from outside, in the order in which it reads them. */
export function capturesOf(graph: Graph): readonly string[] {
  const defined = new Set([...graph.inputs, ...graph.constants.keys(), ...graph.nodes.flatMap((node) => node.outputs)]);
  const read = [...graph.nodes.flatMap(readsOf), ...graph.outputs];
  return [...new Set(read)].filter((name) => !defined.has(name));
}
