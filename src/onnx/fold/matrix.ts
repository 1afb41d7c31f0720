/** Folding of matrix products. Sums are doubles and rounded once, in the order of the inner axis. */

import { broadcastSizes } from '../../graph/operators/broadcast.ts';
import { gemmOf } from '../../graph/operators/point.ts';
import type { Tensor } from '../../graph/tensor.ts';
import { doubles, floatTensor, isFloat } from './elements.ts';
import type { Evaluator } from './evaluate.ts';
import { broadcastStrides, broadcastTo, eachPosition, strided, stridesOf } from './strided.ts';

/** Multiplications of a product whose result has so many elements. */
export const productWork = (a: Tensor, elements: number): number => elements * (a.shape.at(-1) ?? 1);

/** result[M, N] += a[M, K] · b[K, N], each a run of the arrays. */
function multiply(
  [a, b, result]: readonly [Float64Array, Float64Array, Float64Array],
  [m, k, n]: readonly [number, number, number],
  [atA, atB, atResult]: readonly [number, number, number],
): void {
  for (let row = 0; row < m; row++) {
    const to = atResult + row * n;
    for (let inner = 0; inner < k; inner++) {
      const factor = a[atA + row * k + inner]!;
      const from = atB + inner * n;
      for (let column = 0; column < n; column++)
        result[to + column] = result[to + column]! + factor * b[from + column]!;
    }
  }
}

const MatMul: Evaluator = (_, [left, right], [output], [shape]) => {
  if (!isFloat(left!.dtype) || left!.dtype !== right!.dtype) return undefined;
  const a = left!.shape.length === 1 ? [1, ...left!.shape] : left!.shape;
  const b = right!.shape.length === 1 ? [...right!.shape, 1] : right!.shape;
  const [m, k, n] = [a.at(-2)!, a.at(-1)!, b.at(-1)!];
  const [batchA, batchB] = [a.slice(0, -2), b.slice(0, -2)];
  const batch = broadcastSizes([batchA, batchB]);
  if (batch === undefined) return undefined;
  const values = [doubles(left!), doubles(right!), new Float64Array(shape!.reduce((p, dim) => p * dim, 1))] as const;
  const fromB: number[] = [];
  eachPosition(batch, broadcastStrides(batchB, batch), (_element, position) => fromB.push(position));
  eachPosition(batch, broadcastStrides(batchA, batch), (element, position) => {
    multiply(values, [m, k, n], [position * m * k, fromB[element]! * k * n, element * m * n]);
  });
  const result = floatTensor(output!.dtype, shape!, values[2]);
  return result && [result];
};

const transposed = (tensor: Tensor): Tensor =>
  strided(tensor, tensor.shape.toReversed(), stridesOf(tensor.shape).toReversed());

const Gemm: Evaluator = (context, [left, right, addend], [output], [shape]) => {
  if (!isFloat(left!.dtype) || left!.dtype !== right!.dtype) return undefined;
  const { alpha, beta, transA, transB } = gemmOf(context.node);
  const [a, b] = [transA ? transposed(left!) : left!, transB ? transposed(right!) : right!];
  const [m, k, n] = [a.shape[0]!, a.shape[1]!, b.shape[1]!];
  const values = new Float64Array(m * n);
  multiply([doubles(a), doubles(b), values], [m, k, n], [0, 0, 0]);
  const shift = addend && doubles(broadcastTo(addend, shape!));
  const result = floatTensor(
    output!.dtype,
    shape!,
    values.map((value, at) => alpha * value + (shift ? beta * shift[at]! : 0)),
  );
  return result && [result];
};

export const matrixEvaluators: Readonly<Record<string, Evaluator>> = { MatMul, Gemm };
