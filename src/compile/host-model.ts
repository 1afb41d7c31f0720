/** The ONNX model of a host segment: its nodes, the constants they read, and the values that cross its borders. */

import type { Graph, Node } from '../graph/graph.ts';
import { extractSubgraph } from '../onnx/subgraph.ts';
import { writeModel } from '../onnx/write.ts';

/** @throws onnx/dtype, onnx/too-large */
export function hostModel(
  graph: Graph,
  nodes: readonly Node[],
  inputs: readonly string[],
  outputs: readonly string[],
): Uint8Array {
  return writeModel(
    extractSubgraph(
      graph,
      nodes.map(({ name }) => name),
      inputs,
      outputs,
    ),
  );
}
