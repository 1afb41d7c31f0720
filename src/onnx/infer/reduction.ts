/** Operators that collapse axes, or pick along one. */

import type { Dim } from '../../graph/graph.ts';
import { argumentOf, reductionOf, topKOf } from '../../graph/operators/reduction.ts';
import { type InferRule, type InferRules, typed } from './rule.ts';

const reduce: InferRule = (context) => {
  const x = context.shape(0);
  if (x === undefined) return [typed(context.dtype(0), undefined)];
  const { axes, keepDims } = reductionOf(context.node, context.lookup, x.length);
  if (axes === 'run-time') return [typed(context.dtype(0), keepDims ? context.unknownShape(x.length) : undefined)];
  return [typed(context.dtype(0), dropAxes(x, new Set(axes), keepDims))];
};

const dropAxes = (shape: readonly Dim[], axes: ReadonlySet<number>, keep: boolean): readonly Dim[] =>
  shape.flatMap((dim, axis) => (axes.has(axis) ? (keep ? [1] : []) : [dim]));

const argument: InferRule = (context) => {
  const x = context.shape(0);
  if (x === undefined) return [typed('int64', undefined)];
  const { axis, keepDims } = argumentOf(context.node, x.length);
  return [typed('int64', dropAxes(x, new Set([axis]), keepDims))];
};

const TopK: InferRule = (context) => {
  const x = context.shape(0);
  const { axis, count } = x ? topKOf(context.node, context.lookup, x.length) : {};
  const shape = x?.map((dim, index) => (index !== axis ? dim : count === 'run-time' ? context.unknown(index) : count!));
  if (shape?.some((dim) => typeof dim === 'number' && dim < 0))
    context.mismatch('k is negative', '0 or more', `${count}`);
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
