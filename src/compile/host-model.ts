/** The ONNX model of a host segment. */

import type { Graph, Node } from '../graph/graph.ts';

export function hostModel(
  graph: Graph,
  nodes: readonly Node[],
  inputs: readonly string[],
  outputs: readonly string[],
): Uint8Array {
  throw new Error(`${graph.name}: ${nodes.length} ${inputs.length} ${outputs.length}`);
}
