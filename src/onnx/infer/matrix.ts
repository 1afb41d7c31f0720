/** Matrix products, recurrent layers, einsum. */

import type { Dim } from '../../graph/graph.ts';
import { gemmOf } from '../../graph/operators/point.ts';
import { flag, int, string } from '../../graph/operators/read.ts';
import { type InferContext, type InferRule, type InferRules, isNumber, showShape, typed } from './rule.ts';

function matrixProduct(context: InferContext, left: number, right: number): readonly Dim[] | undefined {
  let a = context.shape(left);
  let b = context.shape(right);
  if (a === undefined || b === undefined) return undefined;
  if (a.length === 0 || b.length === 0) context.mismatch('an operand is a scalar');
  const vectorA = a.length === 1;
  const vectorB = b.length === 1;
  if (vectorA) a = [1, ...a];
  if (vectorB) b = [...b, 1];
  const inner = [a.at(-1)!, b.at(-2)!] as const;
  if (isNumber(inner[0]) && isNumber(inner[1]) && inner[0] !== inner[1]) {
    context.mismatch('the inner dimensions differ', inner[0], inner[1]);
  }
  const batch = context.broadcast([a.slice(0, -2), b.slice(0, -2)])!;
  return [...batch, ...(vectorA ? [] : [a.at(-2)!]), ...(vectorB ? [] : [b.at(-1)!])];
}

const Gemm: InferRule = (context) => {
  const a = context.shape(0);
  const b = context.shape(1);
  if (a === undefined || b === undefined) return [typed(context.dtype(0), undefined)];
  if (a.length !== 2 || b.length !== 2) {
    context.mismatch('the operands are not matrices', 'rank 2', `${showShape(a)} and ${showShape(b)}`);
  }
  const { transA, transB } = gemmOf(context.node);
  const [rows, innerA] = transA ? [a[1]!, a[0]!] : [a[0]!, a[1]!];
  const [innerB, columns] = transB ? [b[1]!, b[0]!] : [b[0]!, b[1]!];
  if (isNumber(innerA) && isNumber(innerB) && innerA !== innerB) {
    context.mismatch('the inner dimensions differ', innerA, innerB);
  }
  return [typed(context.dtype(0), [rows, columns])];
};

/** LSTM, GRU and RNN: Y [T, D, N, H] (or [N, T, D, H]), Y_h and Y_c [D, N, H]. */
const recurrent: InferRule = (context) => {
  const x = context.shape(0);
  const dtype = context.dtype(0);
  const directions = string(context.node, 'direction', 'forward') === 'bidirectional' ? 2 : 1;
  const hidden = int(context.node, 'hidden_size', 0) || context.shape(2)?.[2];
  if (isNumber(hidden) && hidden < 1) context.badAttribute('hidden_size is not positive', hidden);
  if (x === undefined || x.length !== 3 || hidden === undefined) return [typed(dtype, undefined)];
  const batchFirst = flag(context.node, 'layout');
  const [time, batch] = batchFirst ? [x[1]!, x[0]!] : [x[0]!, x[1]!];
  const state = batchFirst ? [batch, directions, hidden] : [directions, batch, hidden];
  const sequence = batchFirst ? [batch, time, directions, hidden] : [time, directions, batch, hidden];
  return [typed(dtype, sequence), typed(dtype, state), typed(dtype, state)];
};

const Einsum: InferRule = (context) => {
  const equation = string(context.node, 'equation', '').replaceAll(' ', '');
  const [left = '', right] = equation.split('->');
  const terms = left.split(',');
  const shapes = terms.map((_, index) => context.shape(index));
  const plain = /^[A-Za-z,]*(->[A-Za-z]*)?$/.test(equation);
  if (!plain || equation.length > 1000 || shapes.some((shape) => shape === undefined))
    return [typed(context.dtype(0), undefined)];
  const sizes = new Map<string, Dim>();
  for (const [index, term] of terms.entries()) {
    const shape = shapes[index]!;
    if (shape.length !== term.length) context.mismatch('a term does not fit its operand', term, showShape(shape));
    for (const [axis, letter] of [...term].entries()) {
      const known = sizes.get(letter);
      if (known === undefined || known === 1) sizes.set(letter, shape[axis]!);
    }
  }
  const once = [...new Set(terms.join(''))].filter((letter) => terms.join('').split(letter).length === 2).sort();
  const output = right ?? once.join('');
  return [
    typed(
      context.dtype(0),
      [...output].map((letter, axis) => sizes.get(letter) ?? context.unknown(axis)),
    ),
  ];
};

export const matrixRules: InferRules = {
  MatMul: (context) => [typed(context.dtype(0), matrixProduct(context, 0, 1))],
  MatMulInteger: (context) => [typed('int32', matrixProduct(context, 0, 1))],
  QLinearMatMul: (context) => [typed(context.dtype(7), matrixProduct(context, 0, 3))],
  Gemm,
  LSTM: recurrent,
  GRU: recurrent,
  RNN: recurrent,
  Einsum,
};
