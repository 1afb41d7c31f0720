/** A graph made of another: a part of it, for host segments and for running one node alone; or the same with further outputs. */

import { fail } from '../base/errors.ts';
import { type Graph, readsOf, type ValueType } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';

/**
 * The named nodes, in their order, with the constants that they need. `inputs` are values that the part takes from
 * outside, `outputs` those it gives; both keep the given order, and a constant listed as an input becomes one.
 *
 * @throws Error when a node is unknown or reads a value that is neither given, constant nor computed by the part
 */
export function extractSubgraph(
  graph: Graph,
  nodeNames: Iterable<string>,
  inputs: readonly string[],
  outputs: readonly string[],
): Graph {
  const wanted = new Set(nodeNames);
  const nodes = graph.nodes.filter((node) => wanted.has(node.name));
  if (nodes.length !== wanted.size) {
    const missing = [...wanted].filter((name) => !nodes.some((node) => node.name === name));
    throw new Error(`the graph has no nodes ${missing.join(', ')}`);
  }
  const defined = new Set([...inputs, ...nodes.flatMap((node) => node.outputs)]);
  const constants = new Map<string, Tensor>();
  const require = (name: string, by: string): void => {
    const constant = graph.constants.get(name);
    if (defined.has(name)) return;
    if (constant === undefined) throw new Error(`${by} needs ${name}, which the part neither takes nor computes`);
    constants.set(name, constant);
  };
  for (const node of nodes) for (const name of readsOf(node)) require(name, node.name);
  for (const name of outputs) require(name, 'the output');
  const values = new Map<string, ValueType>();
  for (const [name, type] of graph.values) if (defined.has(name) || constants.has(name)) values.set(name, type);
  return { ...graph, inputs, outputs, nodes, constants, values };
}

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
