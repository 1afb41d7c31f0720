/** Folding of arithmetic, comparison, rounding and casts. */

import type { DataType } from '../../base/data-type.ts';
import { pow } from '../../base/elementary.ts';
import { clipBounds } from '../../graph/operators/point.ts';
import { flag } from '../../graph/operators/read.ts';
import { numbers, type Tensor } from '../../graph/tensor.ts';
import { doubles, type Elements, elementsOf, floatTensor, integers, isFloat, tensorOf } from './elements.ts';
import type { Evaluator } from './evaluate.ts';
import { broadcastTo } from './strided.ts';

/** An operation on integers and on floats; either may be absent, and that on integers may decline by undefined. */
export interface Operation {
  readonly integer?: (a: bigint, b: bigint) => bigint | undefined;
  readonly float?: (a: number, b: number) => number;
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
    const values = new Float64Array(a.values.length);
    for (let index = 0; index < values.length; index++)
      values[index] = operation.float(a.values[index]!, b.values[index]!);
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
  (operation: { readonly integer?: (a: bigint) => bigint; readonly float?: (a: number) => number }): Evaluator =>
  (_, [x], [output], [shape]) => {
    const elements = elementsOf(x!);
    const result = combine(operation, elements, elements);
    return asList(result && tensorOf(output!.dtype, shape!, result));
  };

const comparison =
  (test: (a: number | bigint, b: number | bigint) => boolean): Evaluator =>
  (_, [a, b], __, [shape]) => {
    if (a!.dtype !== b!.dtype) return undefined;
    const left: ArrayLike<number | bigint> = elementsOf(broadcastTo(a!, shape!)).values;
    const right: ArrayLike<number | bigint> = elementsOf(broadcastTo(b!, shape!)).values;
    const bytes = new Uint8Array(left.length);
    for (let index = 0; index < bytes.length; index++) bytes[index] = Number(test(left[index]!, right[index]!));
    return [{ dtype: 'bool', shape: shape!, bytes }];
  };

const nan = Number.NaN;
export const least = (a: number, b: number): number => (Number.isNaN(a) || Number.isNaN(b) ? nan : Math.min(a, b));
export const greatest = (a: number, b: number): number => (Number.isNaN(a) || Number.isNaN(b) ? nan : Math.max(a, b));

/** Half to even, as ONNX's Round. */
export function roundEven(value: number): number {
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
    ...(truncating && { float: (a: number, b: number) => a % b }),
  })(context, inputs, outputs, shapes);
};

/** Integers to whole powers only. */
const Pow: Evaluator = (_, [x, y], [output], [shape]) => {
  const base = elementsOf(broadcastTo(x!, shape!));
  const exponents = broadcastTo(y!, shape!);
  if (base.kind === 'integer') {
    const powers = numbers(exponents);
    if (powers.some((exponent) => !Number.isInteger(exponent) || exponent < 0 || exponent > 64)) return undefined;
    const values = base.values.map((value, index) => value ** BigInt(powers[index]!));
    return asList(tensorOf(output!.dtype, shape!, { kind: 'integer', values }));
  }
  const powers = isFloat(y!.dtype) ? doubles(exponents) : Float64Array.from(numbers(exponents));
  // What C's pow says of infinities is left to those who run it.
  const finite = (values: Float64Array): boolean => values.every(Number.isFinite);
  if (!finite(base.values) || !finite(powers)) return undefined;
  return asList(
    floatTensor(
      output!.dtype,
      shape!,
      base.values.map((value, index) => powerOf(value, powers[index]!)),
    ),
  );
};

/** A root is rounded once. */
const powerOf = (value: number, exponent: number): number => {
  if (exponent === 0.5) return Math.sqrt(value);
  return exponent === -0.5 ? 1 / Math.sqrt(value) : pow(value, exponent);
};

/** Between integers by wrapping; float to integer by truncation; nothing where C++ leaves the result open. */
const Cast: Evaluator = (_, [x], [output], [shape]) => asList(cast(x!, output!.dtype, shape!));

/** Of its second input only the type counts. */
const CastLike: Evaluator = Cast;

function cast(x: Tensor, to: DataType, shape: readonly number[]): Tensor | undefined {
  if (x.dtype === to) return { ...x, shape };
  const elements = elementsOf(x);
  if (elements.kind === 'integer') {
    if (!isFloat(to)) return tensorOf(to, shape, elements);
    const exact = elements.values.every((value) => value <= 2n ** 53n && value >= -(2n ** 53n));
    return exact ? floatTensor(to, shape, Float64Array.from(elements.values, Number)) : undefined;
  }
  if (isFloat(to)) return tensorOf(to, shape, elements);
  if (to === 'bool') {
    return tensorOf(to, shape, {
      kind: 'integer',
      values: Array.from(elements.values, (value) => (value === 0 ? 0n : 1n)),
    });
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
  const values = Float64Array.from({ length: count }, (_, index) => from + index * by);
  return asList(floatTensor(output!.dtype, shape!, values));
};

const Clip: Evaluator = (context, [x, low, high], [output], [shape]) => {
  const elements = elementsOf(x!);
  if (elements.kind === 'float') {
    const { min, max } = clipBounds(context.node, context.lookup);
    if (min === 'run-time' || max === 'run-time') return undefined;
    const values = elements.values.map((value) => least(greatest(value, min), max));
    return asList(floatTensor(output!.dtype, shape!, values));
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

export const add: Operation = { integer: (a, b) => a + b, float: (a, b) => a + b };
export const min: Operation = { integer: (a, b) => (a < b ? a : b), float: least };
export const max: Operation = { integer: (a, b) => (a > b ? a : b), float: greatest };
export const multiply: Operation = { integer: (a, b) => BigInt.asIntN(64, a * b), float: (a, b) => a * b };

/** Of floats alone; the sum is rounded to the type before it is divided. */
const Mean: Evaluator = (context, inputs, outputs, shapes) => {
  const [sum] = binary({ float: add.float! })(context, inputs, outputs, shapes) ?? [];
  if (sum === undefined || !isFloat(sum.dtype)) return undefined;
  return asList(
    floatTensor(
      sum.dtype,
      sum.shape,
      doubles(sum).map((value) => value / inputs.length),
    ),
  );
};

const bit = (value: boolean): bigint => (value ? 1n : 0n);

export const arithmeticEvaluators: Readonly<Record<string, Evaluator>> = {
  Add: binary(add),
  Sum: binary(add),
  Sub: binary({ integer: (a, b) => a - b, float: (a, b) => a - b }),
  Mul: binary(multiply),
  Div: binary({ integer: (a, b) => (b === 0n ? undefined : a / b), float: (a, b) => a / b }),
  Min: binary(min),
  Max: binary(max),
  Mean,
  Mod,
  Pow,
  And: binary({ integer: (a, b) => bit(a !== 0n && b !== 0n) }),
  Or: binary({ integer: (a, b) => bit(a !== 0n || b !== 0n) }),
  BitwiseAnd: binary({ integer: (a, b) => a & b }),
  BitwiseOr: binary({ integer: (a, b) => a | b }),
  BitwiseXor: binary({ integer: (a, b) => a ^ b }),
  BitwiseNot: unary({ integer: (a) => ~a }),
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
  CastLike,
  Range,
  Clip,
};
