/** Operators that give the same elements another shape or order. */

import type { Dim } from '../../graph/graph.ts';
import { blocksOf, flattenAxis, permutationOf, reshapeTarget, squeezeAxes } from '../../graph/operators/movement.ts';
import { axisIn, known } from '../../graph/operators/read.ts';
import { type InferContext, type InferRule, type InferRules, isNumber, product, showShape, typed } from './rule.ts';

const Reshape: InferRule = (context) => {
  const x = context.shape(0);
  const { target, allowZero } = reshapeTarget(context.node, context.lookup);
  const dtype = context.dtype(0);
  if (target === 'run-time') {
    const rank = context.shape(1)?.[0];
    return [typed(dtype, isNumber(rank) && rank <= 64 ? context.unknownShape(rank) : undefined)];
  }
  const shape = target.map((dim, axis): Dim => {
    if (dim !== 0 || allowZero) return dim;
    return x ? (x[axis] ?? context.mismatch('0 copies a dimension that the input lacks')) : context.unknown(axis);
  });
  const open = shape.indexOf(-1);
  if (shape.some((dim, axis) => isNumber(dim) && dim < (axis === open ? -1 : 0)) || open !== shape.lastIndexOf(-1)) {
    context.mismatch('the target shape is malformed', 'positive sizes and at most one -1', showShape(target));
  }
  if (open >= 0) return [typed(dtype, shape.with(open, openDimension(context, x, shape, open)))];
  const before = x && product(x);
  const after = product(shape);
  if (before !== undefined && after !== undefined && before !== after) {
    context.mismatch('the number of elements differs', showShape(x!), showShape(shape));
  }
  return [typed(dtype, shape)];
};

/** The dimension that -1 stands for: what remains once factors that both sides have, symbols included, are cancelled. */
function openDimension(context: InferContext, x: readonly Dim[] | undefined, shape: readonly Dim[], open: number): Dim {
  if (x === undefined) return context.unknown(open);
  const rest = [...x];
  const others: Dim[] = [];
  for (const [axis, dim] of shape.entries()) {
    if (axis === open) continue;
    const same = typeof dim === 'string' ? rest.indexOf(dim) : -1;
    if (same >= 0) rest.splice(same, 1);
    else others.push(dim);
  }
  const total = product(rest);
  const known = product(others);
  if (total === undefined || known === undefined) {
    const symbols = rest.filter((dim) => !isNumber(dim));
    const factor = product(rest.filter(isNumber))!;
    return symbols.length === 1 && known === factor ? symbols[0]! : context.unknown(open);
  }
  if (known === 0 || total % known !== 0) {
    context.mismatch('the number of elements does not divide', showShape(x), showShape(shape));
  }
  return total / known;
}

const Flatten: InferRule = (context) => {
  const x = context.shape(0);
  if (x === undefined) return [typed(context.dtype(0), context.unknownShape(2))];
  const split = flattenAxis(context.node, x.length);
  const side = (dims: readonly Dim[], index: number): Dim =>
    product(dims) ??
    (dims.filter((dim) => dim !== 1).length === 1 ? dims.find((dim) => dim !== 1)! : context.unknown(index));
  return [typed(context.dtype(0), [side(x.slice(0, split), 0), side(x.slice(split), 1)])];
};

const Transpose: InferRule = (context) => {
  const x = context.shape(0);
  if (x === undefined) return [context.type(0)];
  const order = permutationOf(context.node, x.length);
  return [
    typed(
      context.dtype(0),
      order.map((axis) => x[axis]!),
    ),
  ];
};

const Squeeze: InferRule = (context) => {
  const x = context.shape(0);
  const axes = squeezeAxes(context.node, context.lookup);
  if (x === undefined || axes === 'run-time') return [typed(context.dtype(0), undefined)];
  if (axes === undefined) {
    // A symbol could turn out to be 1.
    return [typed(context.dtype(0), x.every(isNumber) ? x.filter((dim) => dim !== 1) : undefined)];
  }
  const dropped = new Set(axes.map((axis) => axisIn(context.node, axis, x.length)));
  for (const axis of dropped) {
    if (isNumber(x[axis]) && x[axis] !== 1) context.mismatch(`the axis ${axis} is not 1`, 1, x[axis]);
  }
  return [
    typed(
      context.dtype(0),
      x.filter((_, axis) => !dropped.has(axis)),
    ),
  ];
};

const Unsqueeze: InferRule = (context) => {
  const x = context.shape(0);
  const axes = known(squeezeAxes(context.node, context.lookup));
  if (x === undefined || axes === undefined) return [typed(context.dtype(0), undefined)];
  const rank = x.length + axes.length;
  const added = new Set(axes.map((axis) => axisIn(context.node, axis, rank)));
  if (added.size !== axes.length) context.badAttribute('an axis is given twice', axes.join(', '));
  const rest = x[Symbol.iterator]();
  return [
    typed(
      context.dtype(0),
      Array.from({ length: rank }, (_, axis) => (added.has(axis) ? 1 : (rest.next().value as Dim))),
    ),
  ];
};

const blocks = (context: InferContext, toSpace: boolean): readonly (Dim | undefined)[] | undefined => {
  const x = context.shape(0);
  const { size: block } = blocksOf(context.node);
  if (x === undefined) return undefined;
  if (x.length !== 4) context.mismatch('the input is not N, C, H, W', 'rank 4', `rank ${x.length}`);
  const scale = (dim: Dim, axis: number, up: number, down: number): Dim => {
    if (!isNumber(dim)) return context.unknown(axis);
    if ((dim * up) % down !== 0)
      context.mismatch('the block size does not divide the input', `a multiple of ${down}`, dim);
    return (dim * up) / down;
  };
  const area = block * block;
  return toSpace
    ? [x[0], scale(x[1]!, 1, 1, area), scale(x[2]!, 2, block, 1), scale(x[3]!, 3, block, 1)]
    : [x[0], scale(x[1]!, 1, area, 1), scale(x[2]!, 2, 1, block), scale(x[3]!, 3, 1, block)];
};

const DepthToSpace: InferRule = (context) => [typed(context.dtype(0), blocks(context, true) as readonly Dim[])];
const SpaceToDepth: InferRule = (context) => [typed(context.dtype(0), blocks(context, false) as readonly Dim[])];

export const reshapingRules: InferRules = {
  Reshape,
  Flatten,
  Transpose,
  Squeeze,
  Unsqueeze,
  DepthToSpace,
  SpaceToDepth,
};
