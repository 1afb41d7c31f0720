/**
 * Every type and shape of a graph, and everything that can be computed without running it. Nodes are in topological
 * order, so one walk suffices: each node's types follow from its inputs' and from the constants, and a node whose
 * inputs are constant becomes a constant itself. That includes shape arithmetic, which is why both are one walk.
 */

import { fail } from '../base/errors.ts';
import { type Dim, type Graph, type Node, readsOf, type ValueType } from '../graph/graph.ts';
import { int64Tensor, type Tensor } from '../graph/tensor.ts';
import { evaluate, FoldingBudget } from './fold/evaluate.ts';
import { nonZero } from './fold/movement.ts';
import { partialValue } from './fold/partial.ts';
import { InferContext, isNumber, type OutputTypes } from './infer/rule.ts';
import { inferRules } from './infer/rules.ts';
import { bindShapes } from './shapes.ts';

const maxDimension = 2 ** 31 - 1;
const maxElements = 2 ** 40;
const maxRank = 64;

export interface ResolveOptions {
  /** Shapes of inputs, which bind their symbolic dimensions; see {@link parseShapes}. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>;
}

/**
 * Binds symbolic dimensions, infers every shape and folds constants. Folded nodes disappear, and so do constants that
 * nothing reads any more. Dimensions that remain unknown are symbols; {@link requireBoundInputs} refuses
 * those of inputs.
 *
 * @throws shape/binding, shape/mismatch, onnx/graph, onnx/dimension
 */
export function resolve(graph: Graph, options: ResolveOptions = {}): Graph {
  return withoutUnused(walk(bindShapes(graph, options.shapes ?? new Map())), graph);
}

/**
 * Only the inputs have to be bound. What a node makes of data (NonZero, a Reshape to a computed shape) or of an unknown operator may
 * stay unknown: the checker refuses the nodes that touch it, and judges the others.
 *
 * @throws shape/unresolved naming the first input whose shape is not all numbers; onnx/dimension when an output has no elements
 */
export function requireBoundInputs(graph: Graph): void {
  for (const value of graph.inputs) {
    const shape = graph.values.get(value)?.shape;
    if (shape?.every(isNumber)) continue;
    fail(
      'shape/unresolved',
      'the shape of the input is not known; bind it with --shapes',
      { value },
      { expected: 'a number for every dimension', actual: shape ? `[${shape.join(', ')}]` : 'an unknown rank' },
    );
  }
  for (const value of graph.outputs) {
    const shape = graph.values.get(value)?.shape;
    if (!shape?.includes(0)) continue;
    fail('onnx/dimension', 'an output of the graph has no elements', { value }, { actual: `[${shape.join(', ')}]` });
  }
}

function walk(graph: Graph): Graph {
  const types = new Map<string, ValueType>();
  const constants = new Map<string, Tensor>(graph.constants);
  const partial = new Map<string, readonly Dim[]>();
  for (const name of graph.inputs) {
    const type = graph.values.get(name);
    if (type) types.set(name, type);
  }
  for (const [name, { dtype, shape }] of constants) types.set(name, { dtype, shape });
  const budget = new FoldingBudget(constants.values());
  const nodes: Node[] = [];
  for (const node of graph.nodes) {
    const context = new InferContext(node, graph.opsets[node.domain] ?? 1, { types, constants, partial });
    const rule = node.domain === '' ? inferRules.get(node.op) : undefined;
    const inferred = rule?.(context) ?? [];
    const outputs = node.outputs.map((name, index) => settle(node, name, inferred[index], graph.values.get(name)));
    const folded = rule ? fold(context, outputs, budget) : undefined;
    for (const [index, name] of node.outputs.entries()) {
      if (name === '') continue;
      const tensor = folded?.[index];
      const type = tensor ? { dtype: tensor.dtype, shape: tensor.shape } : outputs[index];
      if (tensor) constants.set(name, tensor);
      if (type) types.set(name, type);
    }
    const half = folded === undefined && rule ? partialValue(context) : undefined;
    if (half !== undefined && node.outputs[0]) partial.set(node.outputs[0], half);
    if (folded === undefined) nodes.push(node);
  }
  return { ...graph, nodes, constants, values: types };
}

/** What the node computes, if that is certain without running it. */
function fold(context: InferContext, outputs: OutputTypes, budget: FoldingBudget): readonly Tensor[] | undefined {
  const { node } = context;
  if (node.op === 'NonZero') {
    const x = context.constant(0);
    const indices = x && nonZero(x, budget);
    return indices && [indices];
  }
  const result = evaluate(context, outputs, budget);
  if (result !== undefined) return result;
  const half = partialValue(context);
  const type = outputs[0];
  if (half === undefined || !half.every(isNumber) || type?.shape === undefined || node.outputs.length !== 1)
    return undefined;
  if (type.shape.length > 1 || type.dtype !== 'int64') return undefined;
  return [int64Tensor(type.shape.length === 0 ? [] : [half.length], half)];
}

/** The inferred type, completed by the declared one where inference could not tell. */
function settle(
  node: Node,
  name: string,
  inferred: ValueType | undefined,
  declared: ValueType | undefined,
): ValueType | undefined {
  const dtype = inferred?.dtype ?? declared?.dtype;
  if (dtype === undefined) return undefined;
  const own = inferred?.shape;
  const other = declared?.shape;
  if (own === undefined) return other === undefined ? { dtype } : { dtype, shape: other };
  // A symbol named after this value is one that inference made up: what the file declares is better.
  const shape = own.map((dim, axis) => {
    const hint = other?.length === own.length ? other[axis]! : dim;
    return typeof dim === 'string' && (isNumber(hint) || dim.startsWith(`${name}[`)) ? hint : dim;
  });
  const place = { node: node.name, value: name };
  if (shape.length > maxRank) {
    fail('onnx/dimension', `the output of the ${node.op} has too many dimensions`, place, { actual: shape.length });
  }
  let elements = 1;
  for (const dim of shape) {
    if (!isNumber(dim)) continue;
    elements *= dim;
    if (Number.isInteger(dim) && dim >= 0 && dim <= maxDimension && elements <= maxElements) continue;
    fail('onnx/dimension', `the output of the ${node.op} is too large`, place, {
      actual: `[${shape.join(', ')}]`,
    });
  }
  return { dtype, shape };
}

/**
 * Leaves out constants that nothing reads, and nodes that only folded nodes read: a `Shape` of which every element that
 * was asked for turned out known. A node that nothing read in the first place is the user's and stays.
 */
function withoutUnused(graph: Graph, original: Graph): Graph {
  const readBefore = new Set([...original.nodes.flatMap(readsOf), ...original.outputs]);
  const read = new Set(graph.outputs);
  const nodes = graph.nodes
    .toReversed()
    .filter((node) => {
      const kept = node.outputs.some((name) => read.has(name)) || !node.outputs.some((name) => readBefore.has(name));
      if (kept) for (const name of readsOf(node)) read.add(name);
      return kept;
    })
    .reverse();
  const constants = new Map([...graph.constants].filter(([name]) => read.has(name)));
  const computed = new Set([...graph.inputs, ...nodes.flatMap((node) => node.outputs), ...constants.keys()]);
  const values = new Map([...graph.values].filter(([name]) => computed.has(name)));
  return { ...graph, nodes, constants, values };
}
