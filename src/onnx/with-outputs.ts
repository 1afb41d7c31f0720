import { fail } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';

/**
 * The graph with further values among its outputs, after those it has: for dumps of intermediate tensors.
 *
 * @throws onnx/graph when the graph has no value of a name
 */
export function withOutputs(graph: Graph, names: Iterable<string>): Graph {
  const defined = new Set([
    ...graph.inputs,
    ...graph.constants.keys(),
    ...graph.nodes.flatMap((node) => node.outputs.filter((name) => name !== '')),
  ]);
  const outputs = new Set(graph.outputs);
  for (const name of names) {
    if (!defined.has(name)) fail('onnx/graph', 'the graph has no value of that name', { value: name });
    outputs.add(name);
  }
  return { ...graph, outputs: [...outputs] };
}
