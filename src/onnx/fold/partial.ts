/**
 * Half-known integers. `Shape` of [N, 64, 7, 7] is a list of which three elements are known; what exporters do with
 * such lists (pick, join, multiply) is followed element by element, so that a shape that does not really depend on N
 * still resolves. Only scalars and lists of integers, as shapes are.
 */

import type { Dim } from '../../graph/graph.ts';
import { cutRange, shapeSlice, sliceCuts } from '../../graph/operators/movement.ts';
import { inputInts, int, known } from '../../graph/operators/read.ts';
import { dataTypeOf } from '../data-type.ts';
import { type InferContext, isNumber } from '../infer/rule.ts';

const maxLength = 1024;

/** The elements of the first output, where the node is one that is followed. */
export function partialValue(context: InferContext): readonly Dim[] | undefined {
  const follow = followers.get(context.node.op);
  const result = follow?.(context);
  return result !== undefined && result.length <= maxLength ? result : undefined;
}

type Follower = (context: InferContext) => readonly Dim[] | undefined;

const isList = (context: InferContext, index: number): boolean => (context.shape(index)?.length ?? 2) <= 1;
const isInteger = (context: InferContext, index: number): boolean =>
  context.dtype(index) === 'int64' || context.dtype(index) === 'int32';
/** The elements of an input of integers; undefined for any other. */
const dimsOf = (context: InferContext, index: number): readonly Dim[] | undefined =>
  isInteger(context, index) ? context.dims(index) : undefined;

const same: Follower = (context) => (isList(context, 0) ? dimsOf(context, 0) : undefined);

const Cast: Follower = (context) => {
  const to = dataTypeOf(int(context.node, 'to', 0));
  return isInteger(context, 0) && (to === 'int64' || to === 'int32') ? same(context) : undefined;
};

const Shape: Follower = (context) => {
  const shape = context.shape(0);
  if (shape === undefined) return undefined;
  const { start, end } = shapeSlice(context.node, shape.length);
  return shape.slice(start, end);
};

const Size: Follower = (context) => {
  const shape = context.shape(0);
  return shape?.every(isNumber) ? [shape.reduce((product, dim) => product * dim, 1)] : undefined;
};

const Gather: Follower = (context) => {
  const list = dimsOf(context, 0);
  const indices = known(inputInts(context.node, context.lookup, 1));
  if (list === undefined || indices === undefined || context.shape(0)?.length !== 1 || !isList(context, 1))
    return undefined;
  const picked = indices.map((index) => list[index < 0 ? index + list.length : index]);
  return picked.every((dim) => dim !== undefined) ? picked : context.mismatch('an index is out of range', list.length);
};

const Slice: Follower = (context) => {
  const list = dimsOf(context, 0);
  if (list === undefined || context.shape(0)?.length !== 1) return undefined;
  const cuts = sliceCuts(context.node, context.lookup, 1);
  if (cuts === 'run-time' || cuts.length !== 1) return undefined;
  const { first, count } = cutRange(list.length, cuts[0]!);
  return Array.from({ length: count }, (_, index) => list[first + index * cuts[0]!.step]!);
};

const Concat: Follower = (context) => {
  const parts = context.node.inputs.map((_, index) => (isList(context, index) ? dimsOf(context, index) : undefined));
  return parts.every((part) => part !== undefined) ? parts.flat() : undefined;
};

const arithmetic =
  (operation: (a: number, b: number) => number | undefined, neutral?: number): Follower =>
  (context) => {
    const [a, b] = [dimsOf(context, 0), dimsOf(context, 1)];
    if (a === undefined || b === undefined || !isList(context, 0) || !isList(context, 1)) return undefined;
    if (a.length !== b.length && a.length !== 1 && b.length !== 1) return undefined;
    return Array.from({ length: Math.max(a.length, b.length) }, (_, index): Dim => {
      const [left, right] = [a.length === 1 ? a[0]! : a[index]!, b.length === 1 ? b[0]! : b[index]!];
      if (right === neutral && neutral !== undefined) return left;
      const result = isNumber(left) && isNumber(right) ? operation(left, right) : undefined;
      return result !== undefined && Number.isSafeInteger(result) ? result : `${context.node.outputs[0]}(${index})`;
    });
  };

const followers: ReadonlyMap<string, Follower> = new Map<string, Follower>([
  ['Shape', Shape],
  ['Size', Size],
  ['Gather', Gather],
  ['Slice', Slice],
  ['Concat', Concat],
  ['Cast', Cast],
  ['Identity', same],
  ['Squeeze', same],
  ['Unsqueeze', (context) => (context.shape(0)?.length === 0 ? dimsOf(context, 0) : undefined)],
  ['Reshape', (context) => (isList(context, 0) && dimsOf(context, 1)?.length === 1 ? dimsOf(context, 0) : undefined)],
  ['Add', arithmetic((a, b) => a + b, 0)],
  ['Sub', arithmetic((a, b) => a - b, 0)],
  ['Mul', arithmetic((a, b) => a * b, 1)],
  ['Div', arithmetic((a, b) => (b === 0 ? undefined : Math.trunc(a / b)), 1)],
]);
