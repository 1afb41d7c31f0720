/** LRN: every channel divided by a power of the squares around it. */

import { floatAttribute, type Graph, intAttribute, type Node } from '../../graph/graph.ts';
import { surfaceShape } from '../window.ts';
import type { Selection } from './select.ts';

export function selectNormalization(node: Node, graph: Graph): Selection {
  const [input = ''] = node.inputs;
  if (surfaceShape(graph, input) === undefined) return 'its input or output does not have four static dimensions';
  const [alpha, beta, bias] = [
    floatAttribute(node, 'alpha', 0.0001),
    floatAttribute(node, 'beta', 0.75),
    floatAttribute(node, 'bias', 1),
  ];
  if (!(bias > 0 && alpha >= 0)) return 'what it divides by may be zero';
  const size = intAttribute(node, 'size', 0);
  return [{ kind: 'normalize', nodes: [node], input, output: node.outputs[0]!, size, alpha, beta, bias }];
}
