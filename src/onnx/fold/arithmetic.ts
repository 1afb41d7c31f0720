/** Folding of arithmetic, comparison, rounding, casts and reductions of integers. */

import type { DataType } from '../../base/data-type.ts';
import { clipBounds } from '../../graph/operators/point.ts';
import { flag } from '../../graph/operators/read.ts';
import { reductionOf } from '../../graph/operators/reduction.ts';
import { elementCount, numbers, type Tensor } from '../../graph/tensor.ts';
import { type Elements, elementsOf, integers, isFloat, tensorOf } from './elements.ts';
import type { Evaluator } from './evaluate.ts';
import { broadcastTo, positions, stridesOf } from './strided.ts';

/** An operation on integers and on floats; either may be absent, and either may decline by undefined. */
interface Operation {
  readonly integer?: (a: bigint, b: bigint) => bigint | undefined;
  readonly float?: (a: number, b: number) => number | undefined;
}

/** Applies an operation element by element; undefined as soon as it declines once. */
function combine(operation: Operation, a: Elements, b: Elements): Elements | undefined {
  if (a.kind === 'integer' && b.kind === 'integer' && operation.integer) {
    const values: bigint[] = [];
    for (const [index, value] of a.values.entries()) {
      const result = operation.integer(value, b.values[index]!);
      if (result === undefined) return undefined;
      values.push(result);
    }
    return { kind: 'integer', values };
  }
  if (a.kind === 'float' && b.kind === 'float' && operation.float) {
    const values: number[] = [];
    for (const [index, value] of a.values.entries()) {
      const result = operation.float(value, b.values[index]!);
      if (result === undefined) return undefined;
      values.push(result);
    }
    return { kind: 'float', values };
  }
  return undefined;
}

const asList = (tensor: Tensor | undefined): readonly Tensor[] | undefined => tensor && [tensor];

/** Two or more operands, broadcast; each step is rounded to the type. */
const binary =
  (operation: Operation): Evaluator =>
  (_, inputs, [output], [shape]) => {
    let result = broadcastTo(inputs[0]!, shape!);
    for (const input of inputs.slice(1)) {
      if (input!.dtype !== result.dtype) return undefined;
      const elements = combine(operation, elementsOf(result), elementsOf(broadcastTo(input!, shape!)));
      const next = elements && tensorOf(output!.dtype, shape!, elements);
      if (next === undefined) return undefined;
      result = next;
    }
    return [result];
  };

const unary =
  (operation: {
    readonly integer?: (a: bigint) => bigint | undefined;
    readonly float?: (a: number) => number | undefined;
  }): Evaluator =>
  (_, [x], [output], [shape]) => {
    const elements = elementsOf(x!);
    const result = combine(operation, elements, elements);
    return asList(result && tensorOf(output!.dtype, shape!, result));
  };

const comparison =
  (test: (a: number | bigint, b: number | bigint) => boolean): Evaluator =>
  (_, [a, b], __, [shape]) => {
    if (a!.dtype !== b!.dtype) return undefined;
    const left: readonly (number | bigint)[] = elementsOf(broadcastTo(a!, shape!)).values;
    const right: readonly (number | bigint)[] = elementsOf(broadcastTo(b!, shape!)).values;
    const results = left.map((value, index) => Number(test(value, right[index]!)));
    return [{ dtype: 'bool', shape: shape!, bytes: Uint8Array.from(results) }];
  };

const nan = Number.NaN;
const least = (a: number, b: number): number => (Number.isNaN(a) || Number.isNaN(b) ? nan : Math.min(a, b));
const greatest = (a: number, b: number): number => (Number.isNaN(a) || Number.isNaN(b) ? nan : Math.max(a, b));

/** Half to even, as ONNX's Round. */
function roundEven(value: number): number {
  const floor = Math.floor(value);
  const rest = value - floor;
  if (rest !== 0.5)
    return rest < 0.5 ? (floor === 0 && Object.is(Math.sign(value), -0) ? -0 : floor) : signed(floor + 1, value);
  return signed(floor % 2 === 0 ? floor : floor + 1, value);
}

const signed = (result: number, value: number): number => (result === 0 && value < 0 ? -0 : result);

const Mod: Evaluator = (context, inputs, outputs, shapes) => {
  const truncating = flag(context.node, 'fmod');
  return binary({
    integer: (a, b) => {
      if (b === 0n) return undefined;
      const rest = a % b;
      return truncating || rest === 0n || rest < 0n === b < 0n ? rest : rest + b;
    },
    float: (a, b) => (truncating ? a % b : undefined),
  })(context, inputs, outputs, shapes);
};

/** Only exponents whose result is a product or a root: Math.pow differs between engines. */
const Pow: Evaluator = (_, [x, y], [output], [shape]) => {
  const base = elementsOf(broadcastTo(x!, shape!));
  const exponents = numbers(broadcastTo(y!, shape!));
  if (base.kind === 'integer') {
    if (exponents.some((exponent) => !Number.isInteger(exponent) || exponent < 0 || exponent > 64)) return undefined;
    const values = base.values.map((value, index) => value ** BigInt(exponents[index]!));
    return asList(tensorOf(output!.dtype, shape!, { kind: 'integer', values }));
  }
  const powers: Readonly<Record<string, (value: number) => number>> = {
    '0': () => 1,
    '1': (value) => value,
    '2': (value) => value * value,
    '-1': (value) => 1 / value,
  };
  const values: number[] = [];
  for (const [index, value] of base.values.entries()) {
    const power = powers[String(exponents[index])];
    if (power === undefined) return undefined;
    values.push(power(value));
  }
  return asList(tensorOf(output!.dtype, shape!, { kind: 'float', values }));
};

/** Between integers by wrapping; float to integer by truncation; nothing where C++ leaves the result open. */
const Cast: Evaluator = (_, [x], [output], [shape]) => asList(cast(x!, output!.dtype, shape!));

function cast(x: Tensor, to: DataType, shape: readonly number[]): Tensor | undefined {
  if (x.dtype === to) return { ...x, shape };
  const elements = elementsOf(x);
  if (elements.kind === 'integer') {
    if (!isFloat(to)) return tensorOf(to, shape, elements);
    const exact = elements.values.every((value) => value <= 2n ** 53n && value >= -(2n ** 53n));
    return exact ? tensorOf(to, shape, { kind: 'float', values: elements.values.map(Number) }) : undefined;
  }
  if (isFloat(to)) return tensorOf(to, shape, elements);
  if (to === 'bool') {
    return tensorOf(to, shape, { kind: 'integer', values: elements.values.map((value) => (value === 0 ? 0n : 1n)) });
  }
  const range = integerRange[to];
  if (range === undefined) return undefined;
  const values: bigint[] = [];
  for (const value of elements.values) {
    const whole = Math.trunc(value);
    if (!(whole >= range[0] && whole <= range[1])) return undefined;
    values.push(BigInt(whole));
  }
  return tensorOf(to, shape, { kind: 'integer', values });
}

/** In doubles: the upper ends of the 64-bit types are the largest doubles below 2⁶³ and 2⁶⁴. */
const integerRange: Partial<Record<DataType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
  int32: [-(2 ** 31), 2 ** 31 - 1],
  uint32: [0, 2 ** 32 - 1],
  int64: [-(2 ** 63), 2 ** 63 - 1024],
  uint64: [0, 2 ** 64 - 2048],
};

const Range: Evaluator = (_, [start, , delta], [output], [shape]) => {
  const first = elementsOf(start!);
  const step = elementsOf(delta!);
  const count = shape![0]!;
  if (first.kind === 'integer' && step.kind === 'integer') {
    const values = Array.from({ length: count }, (_, index) => first.values[0]! + BigInt(index) * step.values[0]!);
    return asList(tensorOf(output!.dtype, shape!, { kind: 'integer', values }));
  }
  // Runtimes accumulate float ranges in different orders; whole numbers are the same in every one.
  const [from, by] = [Number(first.values[0]), Number(step.values[0])];
  if (!Number.isInteger(from) || !Number.isInteger(by) || Math.abs(from + by * count) > 2 ** 24) return undefined;
  const values = Array.from({ length: count }, (_, index) => from + index * by);
  return asList(tensorOf(output!.dtype, shape!, { kind: 'float', values }));
};

/** Reductions whose result does not depend on the order: integers, and extrema of floats. */
const reduce =
  (operation: Operation, start: bigint | undefined): Evaluator =>
  (context, [x], [output], [shape]) => {
    const reduction = reductionOf(context.node, context.lookup, x!.shape.length);
    if (reduction.axes === 'run-time') return undefined;
    if (reduction.axes.length === 0) return [{ ...x!, shape: shape! }];
    const axes = new Set(reduction.axes);
    const kept = stridesOf(x!.shape.map((dim, axis) => (axes.has(axis) ? 1 : dim))).map((stride, axis) =>
      axes.has(axis) ? 0 : stride,
    );
    const elements = elementsOf(x!);
    const results = new Map<number, Elements>();
    let index = 0;
    for (const position of positions(x!.shape, kept)) {
      const value = elements.values[index++]!;
      const own: Elements =
        typeof value === 'bigint' ? { kind: 'integer', values: [value] } : { kind: 'float', values: [value] };
      const before = results.get(position);
      const next = before === undefined ? own : combine(operation, before, own);
      if (next === undefined) return undefined;
      results.set(position, next);
    }
    const count = elementCount(shape!);
    if (elements.kind === 'integer') {
      if (results.size !== count && start === undefined) return undefined;
      const values = Array.from({ length: count }, (_, at) => (results.get(at)?.values[0] as bigint) ?? start!);
      return asList(tensorOf(output!.dtype, shape!, { kind: 'integer', values }));
    }
    if (results.size !== count) return undefined;
    const values = Array.from({ length: count }, (_, at) => results.get(at)!.values[0] as number);
    return asList(tensorOf(output!.dtype, shape!, { kind: 'float', values }));
  };

const Clip: Evaluator = (context, [x, low, high], [output], [shape]) => {
  const elements = elementsOf(x!);
  if (elements.kind === 'float') {
    const { min, max } = clipBounds(context.node, context.lookup);
    if (min === 'run-time' || max === 'run-time') return undefined;
    const values = elements.values.map((value) => least(greatest(value, min), max));
    return asList(tensorOf(output!.dtype, shape!, { kind: 'float', values }));
  }
  if ([low, high].some((bound) => bound && isFloat(bound.dtype))) return undefined;
  const min = low && integers(low)[0];
  const max = high && integers(high)[0];
  const values = elements.values.map((value) => {
    const raised = min !== undefined && value < min ? min : value;
    return max !== undefined && raised > max ? max : raised;
  });
  return asList(tensorOf(output!.dtype, shape!, { kind: 'integer', values }));
};

const add: Operation = { integer: (a, b) => a + b, float: (a, b) => a + b };
const min: Operation = { integer: (a, b) => (a < b ? a : b), float: least };
const max: Operation = { integer: (a, b) => (a > b ? a : b), float: greatest };
const multiply: Operation = { integer: (a, b) => BigInt.asIntN(64, a * b), float: (a, b) => a * b };
const bit = (value: boolean): bigint => (value ? 1n : 0n);

export const arithmeticEvaluators: Readonly<Record<string, Evaluator>> = {
  Add: binary(add),
  Sum: binary(add),
  Sub: binary({ integer: (a, b) => a - b, float: (a, b) => a - b }),
  Mul: binary(multiply),
  Div: binary({ integer: (a, b) => (b === 0n ? undefined : a / b), float: (a, b) => a / b }),
  Min: binary(min),
  Max: binary(max),
  Mod,
  Pow,
  And: binary({ integer: (a, b) => bit(a !== 0n && b !== 0n) }),
  Or: binary({ integer: (a, b) => bit(a !== 0n || b !== 0n) }),
  Xor: binary({ integer: (a, b) => bit((a !== 0n) !== (b !== 0n)) }),
  Not: unary({ integer: (a) => bit(a === 0n) }),
  Neg: unary({ integer: (a) => -a, float: (a) => -a }),
  Abs: unary({ integer: (a) => (a < 0n ? -a : a), float: Math.abs }),
  Sign: unary({ integer: (a) => (a > 0n ? 1n : a < 0n ? -1n : 0n), float: Math.sign }),
  Floor: unary({ float: Math.floor }),
  Ceil: unary({ float: Math.ceil }),
  Round: unary({ float: roundEven }),
  Sqrt: unary({ float: Math.sqrt }),
  Reciprocal: unary({ float: (a) => 1 / a }),
  Relu: unary({ integer: (a) => (a > 0n ? a : 0n), float: (a) => greatest(a, 0) }),
  Equal: comparison((a, b) => a === b),
  Less: comparison((a, b) => a < b),
  LessOrEqual: comparison((a, b) => a <= b),
  Greater: comparison((a, b) => a > b),
  GreaterOrEqual: comparison((a, b) => a >= b),
  Cast,
  Range,
  Clip,
  ReduceProd: reduce({ integer: multiply.integer! }, 1n),
  ReduceSum: reduce({ integer: add.integer! }, 0n),
  ReduceMin: reduce(min, undefined),
  ReduceMax: reduce(max, undefined),
};
