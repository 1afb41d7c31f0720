/** Operators whose output size is made of values, not of a shape. */

import type { Dim } from '../../graph/graph.ts';
import { shapeSlice } from '../../graph/operators/movement.ts';
import { axisOf, inputNumbers, int, ints, optionalInt, tensor } from '../../graph/operators/read.ts';
import { numbers } from '../../graph/tensor.ts';
import { type InferRule, type InferRules, typed } from './rule.ts';

const Shape: InferRule = (context) => {
  const rank = context.shape(0)?.length;
  if (rank === undefined) return [typed('int64', undefined)];
  const { start, end } = shapeSlice(context.node, rank);
  return [typed('int64', [Math.max(0, end - start)])];
};

const Size: InferRule = () => [typed('int64', [])];

const ConstantOfShape: InferRule = (context) => {
  const dtype = tensor(context.node, 'value')?.dtype ?? 'float32';
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
  const count = Math.ceil((limit - start) / delta);
  if (!Number.isFinite(count))
    context.mismatch('the range has no end', 'finite bounds, delta other than 0', `${bounds}`);
  return [typed(context.dtype(0), [Math.max(0, count)])];
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
  const axis = axisOf(context.node, rank, -1);
  // Alone among sizes, the depth may be a float; it is truncated.
  const depth = inputNumbers(context.node, context.lookup, 1);
  const size: Dim = (depth === 'run-time' ? context.dims(1)?.[0] : depth?.[0]) ?? context.unknown(axis);
  if (typeof size === 'number' && !(size >= 1 && size < 2 ** 31))
    context.mismatch('the depth is no size', 'at least 1', size);
  return [typed(context.dtype(2), indices.toSpliced(axis, 0, typeof size === 'number' ? Math.trunc(size) : size))];
};

const EyeLike: InferRule = (context) => {
  const dtype = int(context.node, 'dtype', 0);
  return [typed(dtype === 0 ? context.dtype(0) : context.dataType('dtype', 0), context.shape(0))];
};

const random: InferRule = (context) => {
  const shape = ints(context.node, 'shape');
  if (shape?.some((size) => size < 0)) context.badAttribute('a size is negative', shape.join(', '));
  return [typed(context.dataType('dtype', 1), shape)];
};

const Compress: InferRule = (context) => {
  const x = context.shape(0);
  const axis = optionalInt(context.node, 'axis');
  if (axis === undefined || x === undefined)
    return [typed(context.dtype(0), axis === undefined ? context.unknownShape(1) : undefined)];
  const at = axisOf(context.node, x.length, 0);
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
