/**
 * The network that goes to the board: the prepared one without the reshapes at its outputs that move no data ([N, C, 1, 1] to
 * [N, C]). TensorRT would run them on the GPU; without them the output keeps its name and has four dimensions, as the benchmark
 * networks' have (docs/hardware/estimate-model.md#networks).
 */

import { consumers, type Graph, producers } from '../../../graph/graph.ts';
import { movesNothing } from '../../select/select.ts';

export function boardGraph(graph: Graph): Graph {
  const made = producers(graph);
  const readers = consumers(graph);
  const gone = new Set<string>();
  const renamed = new Map<string, string>();
  const bound = new Set([...graph.inputs, ...graph.outputs]);
  const values = new Map(graph.values);
  for (const output of graph.outputs) {
    const node = made.get(output);
    if (node === undefined || readers.has(output) || !movesNothing(node, graph)) continue;
    const source = node.inputs[0]!;
    const type = graph.values.get(source);
    if (bound.has(source) || renamed.has(source) || !made.has(source) || type === undefined) continue;
    gone.add(node.name);
    renamed.set(source, output);
    values.set(output, type);
    values.delete(source);
  }
  if (gone.size === 0) return graph;
  const rename = (value: string) => renamed.get(value) ?? value;
  return {
    ...graph,
    values,
    nodes: graph.nodes
      .filter(({ name }) => !gone.has(name))
      .map((node) => ({ ...node, inputs: node.inputs.map(rename), outputs: node.outputs.map(rename) })),
  };
}
