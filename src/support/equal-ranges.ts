/**
 * INT8 on the DLA wants the same dynamic range for some tensors (docs/hardware/orin.md#int8-ranges): both inputs of an
 * element-wise operation, the inputs and the output of a concatenation, and input and output of a pooling. What only
 * moves elements (reshape, transpose, slice, nearest resize …) leaves the integers as they are and so keeps the scale by
 * nature. Tensors that must agree form groups.
 */

import { UnionFind } from '../base/union-find.ts';
import type { Graph, Node } from '../graph/graph.ts';
import { resizeMode } from '../graph/operators/resize.ts';

/** Whether a value is one that the DLA computes with. */
export const isFloat = (graph: Graph, value: string): boolean => {
  const dtype = graph.values.get(value)?.dtype;
  return dtype === 'float32' || dtype === 'float16';
};

/**
 * The tensors that have a scale in INT8: the float inputs of the network and everything that nodes compute in floating point, in
 * the order in which they come into being.
 */
export function scaledValues(graph: Graph): readonly string[] {
  const computed = graph.nodes.flatMap((node) => node.outputs.filter((output) => output !== ''));
  return [...graph.inputs, ...computed].filter((value) => isFloat(graph, value));
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

interface Tie {
  readonly values: readonly string[];
  /** `rule`: the DLA asks for one range; `nature`: the node leaves the integers as they are. */
  readonly by: 'rule' | 'nature';
}

/** The values that a node ties together, where there are two. */
function tieOf(node: Node, hasRange: (value: string) => boolean): Tie | undefined {
  if (node.domain !== '' && node.domain !== 'ai.onnx') return undefined;
  const inputs = node.inputs.filter(hasRange);
  const outputs = node.outputs.filter(hasRange);
  const through = [...inputs.slice(0, 1), ...outputs];
  const tie = (values: readonly string[], by: Tie['by']): Tie | undefined => {
    const different = [...new Set(values)];
    return different.length < 2 ? undefined : { values: different, by };
  };
  if (elementwise.has(node.op)) return tie(inputs, 'rule');
  if (node.op === 'Concat') return tie([...inputs, ...outputs], 'rule');
  if (pooling.has(node.op)) return tie(through, 'rule');
  return movesElements(node) ? tie(through, 'nature') : undefined;
}

/** Whether a node of ONNX only moves, picks or repeats elements of its first input. */
export const movesElements = (node: Node): boolean =>
  moving.has(node.op) || ((node.op === 'Resize' || node.op === 'Upsample') && resizeMode(node) === 'nearest');

export interface RangeGroup {
  /** In the order that was given, each with the nodes that tie it to others. */
  readonly values: readonly { readonly value: string; readonly nodes: readonly string[] }[];
  /** By a rule, if only one of the nodes is; otherwise nothing but moves ties them. */
  readonly by: Tie['by'];
}

/**
 * The groups of two values or more.
 * @param values those that have a range
 * @param nodes that are looked at; all of the graph's otherwise
 */
export function equalRangeGroups(
  { nodes: all }: Pick<Graph, 'nodes'>,
  values: readonly string[],
  nodes: readonly Node[] = all,
): readonly RangeGroup[] {
  const positions = new Map(values.map((value, position) => [value, position]));
  const sets = new UnionFind(values.length);
  const ties = nodes.flatMap((node) => {
    const tie = tieOf(node, (value) => positions.has(value));
    return tie ? [{ ...tie, node: node.name }] : [];
  });
  const tiedBy = new Map<string, string[]>();
  for (const { values: tied, node } of ties) {
    for (const value of tied) {
      sets.join(positions.get(tied[0]!)!, positions.get(value)!);
      const names = tiedBy.get(value);
      if (names) names.push(node);
      else tiedBy.set(value, [node]);
    }
  }
  const rootOf = (value: string): number => sets.find(positions.get(value)!);
  const byRule = new Set(ties.filter(({ by }) => by === 'rule').map(({ values: [first] }) => rootOf(first!)));
  const groups = new Map<number, RangeGroup['values'][number][]>();
  for (const value of values) {
    const own = tiedBy.get(value);
    if (!own) continue;
    const group = groups.get(rootOf(value));
    if (group) group.push({ value, nodes: own });
    else groups.set(rootOf(value), [{ value, nodes: own }]);
  }
  return [...groups].map(([root, group]) => ({ values: group, by: byRule.has(root) ? 'rule' : 'nature' }));
}
