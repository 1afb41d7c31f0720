/** Multiply-accumulates of the operators that have weights: the size of a network as the DLA's peak rate counts it. */

import type { Graph, Node } from '../graph/graph.ts';
import { staticShape } from '../graph/graph.ts';
import { gemmOf } from '../graph/operators/point.ts';
import { integerOperator } from '../graph/operators/quantization.ts';
import { elementCount } from '../graph/tensor.ts';

/** Multiply-accumulates of one run; 0 for operators without any, and while a shape is not known. */
export function macs(node: Node, graph: Graph): number {
  const integers = integerOperator(node);
  const [first, second] = integers?.operands(node).map(({ value }) => value) ?? [0, 1];
  const [input, weights, output] = [node.inputs[first ?? 0], node.inputs[second ?? 1], node.outputs[0]].map((name) =>
    name ? staticShape(graph, name) : undefined,
  );
  if (!input || !weights || !output || (node.domain !== '' && !integers)) return 0;
  switch (integers?.op ?? node.op) {
    case 'Conv':
    case 'ConvInteger':
      // Weights are K × C/groups × kernel: each output element takes one kernel.
      return elementCount(output) * elementCount(weights.slice(1));
    case 'ConvTranspose':
      // Weights are C × K/groups × kernel: each input element is spread over one kernel.
      return elementCount(input) * elementCount(weights.slice(1));
    case 'Gemm': {
      const depth = input[gemmOf(node).transA ? 0 : 1] ?? 1;
      return elementCount(output) * depth;
    }
    case 'MatMul':
    case 'MatMulInteger':
      return elementCount(output) * (input.at(-1) ?? 1);
    default:
      return 0;
  }
}
