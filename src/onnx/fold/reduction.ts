/** Folding of what collapses axes or runs along one: sums, means, extrema, cumulative sums. */

import { exp } from '../../base/elementary.ts';
import { axisIn, flag, int } from '../../graph/operators/read.ts';
import { argumentOf, reductionOf } from '../../graph/operators/reduction.ts';
import { elementCount, int64Tensor, numbers, type Tensor } from '../../graph/tensor.ts';
import { add, greatest, least, max, min, multiply } from './arithmetic.ts';
import { doubles, elementsOf, floatTensor, integers, isFloat, tensorOf } from './elements.ts';
import type { Evaluator } from './evaluate.ts';
import { ln } from './functions.ts';
import { eachPosition, stridesOf } from './strided.ts';

interface Reduce {
  /** What an element adds to the sum of those before it. The sum of floats is one of doubles. */
  readonly float: (sum: number, value: number) => number;
  readonly start: number;
  /** From the sum of so many elements to the result. */
  readonly end?: (sum: number, count: number) => number;
  readonly integer?: (a: bigint, b: bigint) => bigint | undefined;
  /** Of no integers at all. */
  readonly empty?: bigint;
  /** Whether a single element is its own result. */
  readonly keepsOne?: true;
}

/** The strides with which the elements of an input reach those of its reduction. */
function resultStrides(shape: readonly number[], axes: ReadonlySet<number>): number[] {
  const kept = stridesOf(shape.map((dim, axis) => (axes.has(axis) ? 1 : dim)));
  return kept.map((stride, axis) => (axes.has(axis) ? 0 : stride));
}

const reduce =
  (operation: Reduce): Evaluator =>
  (context, [x], [output], [shape]) => {
    const { axes } = reductionOf(context.node, context.lookup, x!.shape.length);
    if (axes === 'run-time') return undefined;
    if (axes.length === 0) return operation.keepsOne ? [{ ...x!, shape: shape! }] : undefined;
    const strides = resultStrides(x!.shape, new Set(axes));
    const count = elementCount(shape!);
    if (!isFloat(x!.dtype)) return reduceIntegers(operation, x!, strides, count, shape!);
    const size = count === 0 ? 0 : elementCount(x!.shape) / count;
    if (size === 0) return undefined;
    const values = doubles(x!);
    const sums = new Float64Array(count).fill(operation.start);
    eachPosition(x!.shape, strides, (element, position) => {
      sums[position] = operation.float(sums[position]!, values[element]!);
    });
    const { end } = operation;
    const result = floatTensor(output!.dtype, shape!, end ? sums.map((sum) => end(sum, size)) : sums);
    return result && [result];
  };

function reduceIntegers(
  { integer, empty }: Reduce,
  x: Tensor,
  strides: readonly number[],
  count: number,
  shape: readonly number[],
): readonly Tensor[] | undefined {
  if (integer === undefined) return undefined;
  const values = integers(x);
  const sums = Array<bigint | undefined>(count).fill(undefined);
  let declined = false;
  eachPosition(x.shape, strides, (element, position) => {
    const before = sums[position];
    const next = before === undefined ? values[element]! : integer(before, values[element]!);
    if (next === undefined) declined = true;
    sums[position] = next;
  });
  const whole = sums.map((sum) => sum ?? empty);
  if (declined || whole.includes(undefined)) return undefined;
  const result = tensorOf(x.dtype, shape, { kind: 'integer', values: whole as bigint[] });
  return result && [result];
}

/** ln Σ eˣ, relative to the largest. */
const ReduceLogSumExp: Evaluator = (context, inputs, outputs, shapes) => {
  const [x] = inputs;
  const [largest] = ReduceMax(context, inputs, outputs, shapes) ?? [];
  const { axes } = reductionOf(context.node, context.lookup, x!.shape.length);
  if (largest === undefined || axes === 'run-time' || axes.length === 0 || !isFloat(x!.dtype)) return undefined;
  const [values, peaks] = [doubles(x!), doubles(largest)];
  const sums = new Float64Array(peaks.length);
  eachPosition(x!.shape, resultStrides(x!.shape, new Set(axes)), (element, position) => {
    sums[position] = sums[position]! + exp(values[element]! - peaks[position]!);
  });
  // Of nothing but −∞, or with ∞, the difference above is NaN and the peak is the result.
  const result = floatTensor(
    outputs[0]!.dtype,
    shapes[0]!,
    sums.map((sum, at) => (Math.abs(peaks[at]!) === Number.POSITIVE_INFINITY ? peaks[at]! : peaks[at]! + ln(sum))),
  );
  return result && [result];
};

const ReduceMax = reduce({
  float: greatest,
  start: Number.NEGATIVE_INFINITY,
  integer: max.integer!,
  keepsOne: true,
});

const argument =
  (better: (a: number | bigint, b: number | bigint) => boolean): Evaluator =>
  (context, [x], _, [shape]) => {
    const { axis } = argumentOf(context.node, x!.shape.length);
    const last = flag(context.node, 'select_last_index');
    const values: ArrayLike<number | bigint> = elementsOf(x!).values;
    const length = x!.shape[axis] ?? 1;
    const inner = elementCount(x!.shape.slice(axis + 1));
    const count = elementCount(shape!);
    if (length === 0) return undefined;
    const found = Array.from({ length: count }, (_, at) => {
      const first = Math.floor(at / inner) * length * inner + (at % inner);
      let best = 0;
      for (let index = 1; index < length; index++) {
        const [value, before] = [values[first + index * inner]!, values[first + best * inner]!];
        if (better(value, before) || (last && value === before)) best = index;
      }
      return best;
    });
    return [int64Tensor(shape!, found)];
  };

const CumSum: Evaluator = (context, [x, axisInput], [output], [shape]) => {
  const axis = axisIn(context.node, numbers(axisInput!)[0] ?? 0, x!.shape.length);
  const [exclusive, reverse] = [int(context.node, 'exclusive', 0) === 1, int(context.node, 'reverse', 0) === 1];
  if (!isFloat(x!.dtype)) return undefined;
  const values = doubles(x!);
  const sums = new Float64Array(values.length);
  const length = shape![axis]!;
  const inner = elementCount(shape!.slice(axis + 1));
  const lines = length === 0 ? 0 : values.length / length;
  for (let line = 0; line < lines; line++) {
    const first = Math.floor(line / inner) * length * inner + (line % inner);
    let sum = 0;
    for (let step = 0; step < length; step++) {
      const at = first + (reverse ? length - 1 - step : step) * inner;
      const next = sum + values[at]!;
      sums[at] = exclusive ? sum : next;
      sum = next;
    }
  }
  const result = floatTensor(output!.dtype, shape!, sums);
  return result && [result];
};

const plus = (sum: number, value: number): number => sum + value;
const squares = (sum: number, value: number): number => sum + value * value;
const sizes = (sum: number, value: number): number => sum + Math.abs(value);

export const reductionEvaluators: Readonly<Record<string, Evaluator>> = {
  ReduceSum: reduce({ float: plus, start: 0, integer: add.integer!, empty: 0n, keepsOne: true }),
  ReduceMean: reduce({ float: plus, start: 0, end: (sum, count) => sum / count, keepsOne: true }),
  ReduceProd: reduce({ float: (a, b) => a * b, start: 1, integer: multiply.integer!, empty: 1n, keepsOne: true }),
  ReduceMin: reduce({ float: least, start: Number.POSITIVE_INFINITY, integer: min.integer!, keepsOne: true }),
  ReduceMax,
  ReduceL1: reduce({ float: sizes, start: 0 }),
  ReduceL2: reduce({ float: squares, start: 0, end: Math.sqrt }),
  ReduceSumSquare: reduce({ float: squares, start: 0 }),
  ReduceLogSum: reduce({ float: plus, start: 0, end: ln }),
  ReduceLogSumExp,
  ArgMax: argument((a, b) => a > b),
  ArgMin: argument((a, b) => a < b),
  CumSum,
};
