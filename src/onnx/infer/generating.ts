/** Operators whose output size is made of values, not of a shape. */

import type { Dim } from '../../graph/graph.ts';
import { numbers } from '../../graph/tensor.ts';
import { type InferContext, type InferRule, type InferRules, typed } from './rule.ts';

const Shape: InferRule = (context) => {
  const rank = context.shape(0)?.length;
  if (rank === undefined) return [typed('int64', undefined)];
  const { start, end } = shapeSlice(context, rank);
  return [typed('int64', [Math.max(0, end - start)])];
};

/** The part of the shape that `start` and `end` (opset 15) ask for. */
export function shapeSlice(context: InferContext, rank: number): { start: number; end: number } {
  const clamp = (index: number): number => Math.min(rank, Math.max(0, index < 0 ? index + rank : index));
  return { start: clamp(context.int('start', 0)), end: clamp(context.int('end', rank)) };
}

const Size: InferRule = () => [typed('int64', [])];

const ConstantOfShape: InferRule = (context) => {
  const attribute = context.node.attributes.value;
  const dtype = attribute?.kind === 'tensor' ? attribute.value.dtype : 'float32';
  const target = context.dims(0);
  const rank = context.shape(0)?.[0];
  if (target?.some((dim) => typeof dim === 'number' && dim < 0))
    context.mismatch('a size is negative', '0 or more', target.join(', '));
  const known = target ?? (typeof rank === 'number' && rank <= 64 ? context.unknownShape(rank) : undefined);
  return [typed(dtype, known)];
};

const Range: InferRule = (context) => {
  const bounds = [0, 1, 2].map((index) => {
    const tensor = context.constant(index);
    return tensor && tensor.dtype !== 'string' && tensor.bytes.length <= 8 ? numbers(tensor)[0] : undefined;
  });
  const [start, limit, delta] = bounds;
  if (start === undefined || limit === undefined || delta === undefined)
    return [typed(context.dtype(0), context.unknownShape(1))];
  if (delta === 0) context.mismatch('delta is 0');
  return [typed(context.dtype(0), [Math.max(0, Math.ceil((limit - start) / delta))])];
};

const NonZero: InferRule = (context) => {
  const rank = context.shape(0)?.length;
  return [typed('int64', [rank ?? context.unknown(0), context.unknown(1)])];
};

const NonMaxSuppression: InferRule = (context) => [typed('int64', [context.unknown(0), 3])];

const OneHot: InferRule = (context) => {
  const indices = context.shape(0);
  if (indices === undefined) return [typed(context.dtype(2), undefined)];
  const rank = indices.length + 1;
  const axis = context.axis(context.int('axis', -1), rank);
  const depth: Dim = context.dims(1)?.[0] ?? context.unknown(axis);
  return [typed(context.dtype(2), indices.toSpliced(axis, 0, depth))];
};

const EyeLike: InferRule = (context) => {
  const dtype = context.int('dtype', 0);
  return [typed(dtype === 0 ? context.dtype(0) : context.dataType('dtype', 0), context.shape(0))];
};

const random: InferRule = (context) => [typed(context.dataType('dtype', 1), context.ints('shape'))];

const Compress: InferRule = (context) => {
  const x = context.shape(0);
  const axis = context.node.attributes.axis;
  if (axis === undefined || x === undefined)
    return [typed(context.dtype(0), axis === undefined ? context.unknownShape(1) : undefined)];
  const at = context.axis(context.int('axis', 0), x.length);
  return [typed(context.dtype(0), x.with(at, context.unknown(at)))];
};

export const generatingRules: InferRules = {
  Shape,
  Size,
  ConstantOfShape,
  Range,
  NonZero,
  NonMaxSuppression,
  OneHot,
  EyeLike,
  RandomNormal: random,
  RandomUniform: random,
  Compress,
};
