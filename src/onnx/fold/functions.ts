/**
 * Folding of functions of one float: exponentials, angles, activations. They are computed in doubles by functions that give the
 * same bits on every engine and rounded once, so that they agree with a runtime's to the last bit or two of its type.
 */

import { atan, cos, erf, exp, expm1, log, log1p, sigmoid, sin, tanh } from '../../base/elementary.ts';
import type { Node } from '../../graph/graph.ts';
import { hardSigmoidOf, leakySlope } from '../../graph/operators/point.ts';
import { choice, float, int } from '../../graph/operators/read.ts';
import { greatest, least } from './arithmetic.ts';
import { doubles, floatTensor, isFloat } from './elements.ts';
import type { Evaluator } from './evaluate.ts';
import { broadcastTo } from './strided.ts';

/** A function by the attributes of its node; undefined where they ask for what is not computed. */
type FunctionOf = (node: Node) => ((x: number) => number) | undefined;

const elementwise =
  (functionOf: FunctionOf): Evaluator =>
  (context, [x], [output], [shape]) => {
    const f = functionOf(context.node);
    if (f === undefined || !isFloat(x!.dtype)) return undefined;
    const result = floatTensor(output!.dtype, shape!, doubles(x!).map(f));
    return result && [result];
  };

/** ln x over all doubles. */
export function ln(x: number): number {
  if (x > 0) return x === Number.POSITIVE_INFINITY ? x : log(x);
  return x === 0 ? Number.NEGATIVE_INFINITY : Number.NaN;
}

/** ln(1 + eˣ) without overflow. */
const softplus = (x: number): number => (x > 0 ? x + log1p(exp(-x)) : x <= 0 ? log1p(exp(x)) : Number.NaN);

/** A series where the difference of exponentials would cancel. */
function sinh(x: number): number {
  if (Math.abs(x) > 0.25) return (exp(x) - exp(-x)) / 2;
  const y = x * x;
  return x * (1 + (y / 6) * (1 + (y / 20) * (1 + (y / 42) * (1 + (y / 72) * (1 + y / 110)))));
}

const atanh = (x: number): number =>
  Math.abs(x) < 1 ? (log1p(x) - log1p(-x)) / 2 : Math.abs(x) === 1 ? x * Number.POSITIVE_INFINITY : Number.NaN;

function asinh(x: number): number {
  if (Math.abs(x) < 0.5) return atanh(x / Math.sqrt(1 + x * x));
  const size = Math.abs(x);
  return Math.sign(x) * (size > 2 ** 500 ? ln(size) + Math.LN2 : ln(size + Math.sqrt(size * size + 1)));
}

const acosh = (x: number): number =>
  x >= 1 ? (x > 2 ** 500 ? ln(x) + Math.LN2 : log1p(x - 1 + Math.sqrt((x - 1) * (x + 1)))) : Number.NaN;

const asin = (x: number): number =>
  Math.abs(x) <= 1 ? (Math.abs(x) === 1 ? (x * Math.PI) / 2 : atan(x / Math.sqrt((1 - x) * (1 + x)))) : Number.NaN;

const acos = (x: number): number => (Math.abs(x) <= 1 ? 2 * atan(Math.sqrt((1 - x) / (1 + x))) : Number.NaN);

const gelu = (x: number): number => 0.5 * x * (1 + erf(x * Math.SQRT1_2));

/** Gelu's approximation, 0.5 x (1 + tanh(√(2/π) (x + 0.044715 x³))). */
const geluTanh = (x: number): number => 0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)));

/** alpha · (eˣ − 1) below 0. */
const elu = (x: number, alpha: number): number => (x < 0 ? alpha * expm1(x) : x);

const always = (f: (x: number) => number): Evaluator => elementwise(() => f);

const PRelu: Evaluator = (_, [x, slope], [output], [shape]) => {
  if (!isFloat(x!.dtype) || slope!.dtype !== x!.dtype) return undefined;
  const slopes = doubles(broadcastTo(slope!, shape!));
  const result = floatTensor(
    output!.dtype,
    shape!,
    doubles(x!).map((value, index) => (value < 0 ? value * slopes[index]! : value)),
  );
  return result && [result];
};

const test =
  (testOf: (node: Node) => (x: number) => boolean): Evaluator =>
  (context, [x], _, [shape]) => {
    if (!isFloat(x!.dtype)) return undefined;
    const holds = testOf(context.node);
    return [{ dtype: 'bool', shape: shape!, bytes: Uint8Array.from(doubles(x!), (value) => Number(holds(value))) }];
  };

/** Angles of which sin and cos know nothing are left alone. */
const angle =
  (f: (x: number) => number): Evaluator =>
  (context, inputs, outputs, shapes) =>
    isFloat(inputs[0]!.dtype) && doubles(inputs[0]!).every((x) => Math.abs(x) <= 2 ** 20)
      ? always(f)(context, inputs, outputs, shapes)
      : undefined;

export const functionEvaluators: Readonly<Record<string, Evaluator>> = {
  Exp: always(exp),
  Log: always(ln),
  Tanh: always(tanh),
  Sigmoid: always(sigmoid),
  Erf: always(erf),
  Sin: angle(sin),
  Cos: angle(cos),
  Tan: angle((x) => sin(x) / cos(x)),
  Asin: always(asin),
  Acos: always(acos),
  Atan: always(atan),
  Sinh: always(sinh),
  Cosh: always((x) => (exp(x) + exp(-x)) / 2),
  Asinh: always(asinh),
  Acosh: always(acosh),
  Atanh: always(atanh),
  Softplus: always(softplus),
  Softsign: always((x) => x / (1 + Math.abs(x))),
  Mish: always((x) => x * tanh(softplus(x))),
  Elu: elementwise((node) => {
    const alpha = float(node, 'alpha', 1);
    return (x) => elu(x, alpha);
  }),
  Celu: elementwise((node) => {
    const alpha = float(node, 'alpha', 1);
    return (x) => (x < 0 ? alpha * expm1(x / alpha) : x);
  }),
  Selu: elementwise((node) => {
    const alpha = float(node, 'alpha', 1.6732632423543772);
    const gamma = float(node, 'gamma', 1.0507009873554805);
    return (x) => gamma * elu(x, alpha);
  }),
  LeakyRelu: elementwise((node) => {
    const slope = leakySlope(node);
    return (x) => (x < 0 ? x * slope : x);
  }),
  ThresholdedRelu: elementwise((node) => {
    const threshold = float(node, 'alpha', 1);
    return (x) => (x > threshold ? x : 0);
  }),
  HardSigmoid: elementwise((node) => {
    const { alpha, beta } = hardSigmoidOf(node);
    return (x) => greatest(0, least(1, alpha * x + beta));
  }),
  HardSwish: always((x) => x * greatest(0, least(1, x / 6 + 0.5))),
  Swish: elementwise((node) => {
    const alpha = float(node, 'alpha', 1);
    return (x) => x * sigmoid(alpha * x);
  }),
  Gelu: elementwise((node) => (choice(node, 'approximate', ['none', 'tanh'], 'none') === 'tanh' ? geluTanh : gelu)),
  Shrink: elementwise((node) => {
    const [lambda, bias] = [float(node, 'lambd', 0.5), float(node, 'bias', 0)];
    return (x) => (x < -lambda ? x + bias : x > lambda ? x - bias : 0);
  }),
  PRelu,
  IsNaN: test(() => Number.isNaN),
  IsInf: test((node) => {
    const [negative, positive] = [int(node, 'detect_negative', 1), int(node, 'detect_positive', 1)];
    return (x) =>
      (x === Number.POSITIVE_INFINITY && positive !== 0) || (x === Number.NEGATIVE_INFINITY && negative !== 0);
  }),
};
