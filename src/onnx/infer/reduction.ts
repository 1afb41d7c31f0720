/** Operators that collapse axes, or pick along one. */

import type { Dim } from '../../graph/graph.ts';
import { type InferContext, type InferRule, type InferRules, typed } from './rule.ts';

/** The reduced axes; undefined when they are an input that is not constant. */
function reducedAxes(context: InferContext, rank: number): ReadonlySet<number> | undefined {
  const fromInput = context.has(1);
  const axes = fromInput ? context.values(1) : context.ints('axes');
  if (fromInput && axes === undefined) return undefined;
  if (axes === undefined || axes.length === 0) {
    if (context.int('noop_with_empty_axes', 0) !== 0) return new Set();
    return new Set(Array.from({ length: rank }, (_, axis) => axis));
  }
  return new Set(axes.map((axis) => context.axis(axis, rank)));
}

const reduce: InferRule = (context) => {
  const x = context.shape(0);
  const keep = context.int('keepdims', 1) !== 0;
  if (x === undefined) return [typed(context.dtype(0), undefined)];
  const axes = reducedAxes(context, x.length);
  if (axes === undefined) return [typed(context.dtype(0), keep ? context.unknownShape(x.length) : undefined)];
  return [typed(context.dtype(0), dropAxes(x, axes, keep))];
};

const dropAxes = (shape: readonly Dim[], axes: ReadonlySet<number>, keep: boolean): readonly Dim[] =>
  shape.flatMap((dim, axis) => (axes.has(axis) ? (keep ? [1] : []) : [dim]));

const argument: InferRule = (context) => {
  const x = context.shape(0);
  if (x === undefined) return [typed('int64', undefined)];
  const axis = context.axis(context.int('axis', 0), x.length);
  return [typed('int64', dropAxes(x, new Set([axis]), context.int('keepdims', 1) !== 0))];
};

const TopK: InferRule = (context) => {
  const x = context.shape(0);
  const axis = x && context.axis(context.int('axis', -1), x.length);
  const count = context.opset < 10 ? context.int('k', 1) : context.dims(1)?.[0];
  const shape = x?.map((dim, index) => (index === axis ? (count ?? context.unknown(index)) : dim));
  return [typed(context.dtype(0), shape), typed('int64', shape)];
};

export const reductionRules: InferRules = {
  ...Object.fromEntries(
    'L1 L2 LogSum LogSumExp Max Mean Min Prod Sum SumSquare'.split(' ').map((name) => [`Reduce${name}`, reduce]),
  ),
  ArgMax: argument,
  ArgMin: argument,
  TopK,
};
