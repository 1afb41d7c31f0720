/**
 * A network whose tensors have the names of the nodes that make them, as trtexec's layer information and the argument of
 * --layerPrecisions name layers: what NVIDIA's translator does with --rename_node_outputs. A second output of a node has `_1` behind the
 * name. Inputs, constants and what a nested graph reads keep theirs.
 */

import { type Graph, type Node, readsOf } from '../../graph/graph.ts';

export function nameAfterNodes(graph: Graph): Graph {
  const nested = new Set(graph.nodes.flatMap((node) => readsOf(node).filter((value) => !node.inputs.includes(value))));
  const names = new Map<string, string>();
  const taken = new Set([...graph.inputs, ...graph.constants.keys(), ...nested]);
  for (const { name, outputs } of graph.nodes) {
    for (const [index, value] of outputs.entries()) {
      if (value === '' || nested.has(value)) continue;
      const wanted = index === 0 ? name : `${name}_${index}`;
      let free = wanted;
      for (let number = 2; taken.has(free); number++) free = `${wanted}:${number}`;
      taken.add(free);
      names.set(value, free);
    }
  }
  const renamed = (value: string): string => names.get(value) ?? value;
  const all = (values: readonly string[]): readonly string[] => values.map(renamed);
  const kept = <T>(map: ReadonlyMap<string, T>) => new Map([...map].map(([value, it]) => [renamed(value), it]));
  return {
    ...graph,
    nodes: graph.nodes.map((node): Node => ({ ...node, inputs: all(node.inputs), outputs: all(node.outputs) })),
    outputs: all(graph.outputs),
    values: kept(graph.values),
    ...(graph.scales && { scales: kept(graph.scales) }),
  };
}
