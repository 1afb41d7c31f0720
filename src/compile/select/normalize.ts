/** Operators that divide numbers by what their neighbours are: LRN across channels, Softmax along an axis. */

import type { Graph, Node } from '../../graph/graph.ts';
import { lrnOf } from '../../graph/operators/point.ts';
import { lookupOf } from '../../graph/operators/read.ts';
import { softmaxAxes } from '../../graph/operators/reduction.ts';
import { noShape, surfaceShape } from '../operation.ts';
import type { Selection } from './select.ts';

/** LRN: every channel divided by a power of the squares around it. */
export function selectNormalization(node: Node, graph: Graph): Selection {
  const [input = ''] = node.inputs;
  if (surfaceShape(graph, input) === undefined) return noShape;
  const { size, alpha, beta, bias } = lrnOf(node);
  if (!(bias > 0 && alpha >= 0)) return 'what it divides by may be zero';
  return [{ kind: 'normalize', nodes: [node], input, output: node.outputs[0]!, size, alpha, beta, bias }];
}

export function selectSoftmax(node: Node, graph: Graph): Selection {
  const [input = ''] = node.inputs;
  const shape = graph.values.get(input)?.shape;
  const surface = surfaceShape(graph, input);
  if (shape === undefined || surface === undefined) return noShape;
  const { first, behind } = softmaxAxes(node, lookupOf(graph), shape.length);
  const long = surface.flatMap((dim, axis) => (axis >= first && axis < behind && dim > 1 ? [axis] : []));
  if (long.length > 1) return 'it goes over several axes at once';
  const axis = ([undefined, 'c', 'h', 'w'] as const)[long[0] ?? first];
  if (axis === undefined) return 'it does not go along channels, rows or columns';
  return [{ kind: 'softmax', nodes: [node], input, output: node.outputs[0]!, axis }];
}
