/** LRN: every channel divided by a power of the squares around it. */

import type { Graph, Node } from '../../graph/graph.ts';
import { lrnOf } from '../../graph/operators/point.ts';
import { noShape, surfaceShape } from '../surface-shape.ts';
import type { Selection } from './select.ts';

export function selectNormalization(node: Node, graph: Graph): Selection {
  const [input = ''] = node.inputs;
  if (surfaceShape(graph, input) === undefined) return noShape;
  const { size, alpha, beta, bias } = lrnOf(node);
  if (!(bias > 0 && alpha >= 0)) return 'what it divides by may be zero';
  return [{ kind: 'normalize', nodes: [node], input, output: node.outputs[0]!, size, alpha, beta, bias }];
}
