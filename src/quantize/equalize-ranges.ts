/**
 * INT8 on the DLA wants the same dynamic range for some tensors (docs/hardware/orin.md#int8-ranges): both inputs of an
 * element-wise operation, the inputs and the output of a concatenation, and input and output of a pooling. What only
 * moves elements (reshape, transpose, slice, nearest resize …) leaves the integers as they are and so keeps the scale by
 * nature. Tensors that must agree form groups; a group gets the largest scale among its members, with which none
 * saturates that did not before.
 */

import { UnionFind } from '../base/union-find.ts';
import type { Graph, Node } from '../graph/graph.ts';
import { resizeMode } from '../graph/operators/resize.ts';
import { scaledValues } from './scaled-values.ts';

export interface RangeChange {
  readonly value: string;
  /** Absent when the value had no scale of its own. */
  readonly from?: number;
  readonly to: number;
  /** The nodes whose rules tie the value to others. */
  readonly nodes: readonly string[];
}

export interface EqualizedRanges {
  readonly scales: ReadonlyMap<string, number>;
  /** In the order of scaledValues. */
  readonly changes: readonly RangeChange[];
}

const elementwise = new Set(['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum', 'Pow', 'Equal', 'Greater', 'Less']);
const pooling = new Set(['MaxPool', 'AveragePool', 'GlobalAveragePool', 'GlobalMaxPool', 'ReduceMax']);
const moving = new Set([
  'Identity',
  'Dropout',
  'Reshape',
  'Flatten',
  'Squeeze',
  'Unsqueeze',
  'Transpose',
  'Slice',
  'Split',
  'Expand',
  'Tile',
  'Gather',
  'DepthToSpace',
  'SpaceToDepth',
]);

/** The values that a node ties together; fewer than two tie nothing. */
function tied(node: Node, isScaled: (value: string) => boolean): readonly string[] {
  if (node.domain !== '' && node.domain !== 'ai.onnx') return [];
  const inputs = node.inputs.filter(isScaled);
  const outputs = node.outputs.filter(isScaled);
  if (elementwise.has(node.op)) return inputs;
  if (node.op === 'Concat') return [...inputs, ...outputs];
  const keepsIntegers =
    pooling.has(node.op) ||
    moving.has(node.op) ||
    ((node.op === 'Resize' || node.op === 'Upsample') && resizeMode(node) === 'nearest');
  return keepsIntegers ? [...inputs.slice(0, 1), ...outputs] : [];
}

export function equalizeRanges(graph: Graph, scales: ReadonlyMap<string, number>): EqualizedRanges {
  const order = scaledValues(graph);
  const position = new Map(order.map((value, index) => [value, index]));
  const sets = new UnionFind(order.length);
  const root = (value: string): number => sets.find(position.get(value)!);
  const rules = new Map<string, string[]>();
  for (const node of graph.nodes) {
    const group = [...new Set(tied(node, (value) => position.has(value)))];
    if (group.length < 2) continue;
    for (const value of group) {
      sets.join(position.get(group[0]!)!, position.get(value)!);
      rules.set(value, [...(rules.get(value) ?? []), node.name]);
    }
  }
  const largest = new Map<number, number>();
  for (const value of order) {
    const scale = scales.get(value);
    if (scale === undefined) continue;
    const top = root(value);
    largest.set(top, Math.max(largest.get(top) ?? 0, scale));
  }
  const result = new Map(scales);
  const changes: RangeChange[] = [];
  for (const value of order) {
    const to = largest.get(root(value));
    const from = scales.get(value);
    if (to === undefined || to === from) continue;
    result.set(value, to);
    changes.push({ value, ...(from !== undefined && { from }), to, nodes: rules.get(value) ?? [] });
  }
  return { scales: result, changes };
}
