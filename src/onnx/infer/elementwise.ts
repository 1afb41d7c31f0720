/** Operators whose outputs have the shape of an input, or that of all inputs broadcast. */

import type { Node } from '../../graph/graph.ts';
import { batchNormalizationOf, clipBounds, hardSigmoidOf, leakySlope, lrnOf } from '../../graph/operators/point.ts';
import { axisOf, int, type Lookup } from '../../graph/operators/read.ts';
import { softmaxAxes } from '../../graph/operators/reduction.ts';
import { dataTypeOf } from '../data-type.ts';
import { type InferContext, type InferRule, type InferRules, typed } from './rule.ts';

const sameAsInput: InferRule = (context) => [context.type(0)];

/** The shape does not depend on the attributes, but who reads them later may trust them. */
const validated =
  (read: (node: Node, lookup: Lookup) => unknown): InferRule =>
  (context) => {
    read(context.node, context.lookup);
    return [context.type(0)];
  };

const softmax: InferRule = (context) => {
  const x = context.shape(0);
  if (x !== undefined && x.length > 0) softmaxAxes(context.node, context.lookup, x.length);
  return [context.type(0)];
};

const predicate: InferRule = (context) => [typed('bool', context.shape(0))];

const broadcastOf = (context: InferContext) =>
  context.broadcast(context.node.inputs.map((_, index) => context.shape(index)));

const broadcasting: InferRule = (context) => [typed(context.dtype(0), broadcastOf(context))];

const comparison: InferRule = (context) => [typed('bool', broadcastOf(context))];

const Where: InferRule = (context) => [typed(context.dtype(1), broadcastOf(context))];

const PRelu: InferRule = (context) => {
  const x = context.shape(0);
  const slope = context.shape(1);
  if (x && slope) {
    const result = context.broadcast([x, slope]);
    if (result && result.length > x.length) context.mismatch('the slope has a higher rank than the input');
  }
  return [context.type(0)];
};

const Cast: InferRule = (context) => [typed(context.dataType('to', 0), context.shape(0))];

const CastLike: InferRule = (context) => [typed(context.dtype(1), context.shape(0))];

const Dropout: InferRule = (context) => [
  context.type(0),
  // Before opset 10 the mask had the type of the input.
  typed(context.opset < 10 ? context.dtype(0) : 'bool', context.shape(0)),
];

const BatchNormalization: InferRule = (context) => {
  batchNormalizationOf(context.node, context.lookup);
  const x = context.shape(0);
  const channels = x?.[1];
  for (let index = 1; index < 5; index++) {
    const dim = context.shape(index)?.[0];
    if (typeof channels === 'number' && typeof dim === 'number' && dim !== channels) {
      context.mismatch('a parameter does not fit the channels of the input', channels, dim);
    }
  }
  return [context.type(0), ...[3, 4, 3, 4].map((index) => context.type(index))];
};

const LayerNormalization: InferRule = (context) => {
  const x = context.shape(0);
  const stash = dataTypeOf(int(context.node, 'stash_type', 1));
  const axis = x && axisOf(context.node, x.length, -1);
  const statistics = x?.map((dim, index) => (index >= axis! ? 1 : dim));
  return [context.type(0), typed(stash, statistics), typed(stash, statistics)];
};

const QuantizeLinear: InferRule = (context) => {
  const stated = int(context.node, 'output_dtype', 0);
  const dtype = context.has(2) ? context.dtype(2) : stated === 0 ? 'uint8' : dataTypeOf(stated);
  return [typed(dtype, context.shape(0))];
};

/** Opset 23 lets the node state the type. */
const DequantizeLinear: InferRule = (context) => {
  const stated = int(context.node, 'output_dtype', 0);
  const natural = context.opset >= 19 ? context.dtype(1) : 'float32';
  return [typed(stated === 0 ? natural : dataTypeOf(stated), context.shape(0))];
};

const DynamicQuantizeLinear: InferRule = (context) => [
  typed('uint8', context.shape(0)),
  typed('float32', []),
  typed('uint8', []),
];

const randomLike: InferRule = (context) => {
  const dtype = int(context.node, 'dtype', 0);
  return [typed(dtype === 0 ? context.dtype(0) : context.dataType('dtype', 0), context.shape(0))];
};

const table = (operators: string, rule: InferRule): InferRules =>
  Object.fromEntries(
    operators
      .trim()
      .split(/\s+/)
      .map((operator) => [operator, rule]),
  );

export const elementwiseRules: InferRules = {
  ...table(
    `Abs Acos Acosh Asin Asinh Atan Atanh Ceil Celu Cos Cosh CumSum Elu Erf Exp Floor Gelu GroupNormalization
    HardSwish Identity InstanceNormalization Log LpNormalization
    MeanVarianceNormalization Mish Neg Not Reciprocal Relu ReverseSequence Round Scatter ScatterElements ScatterND Selu Shrink Sigmoid
    Sign Sin Sinh Softplus Softsign Sqrt Swish Tan Tanh ThresholdedRelu Trilu`,
    sameAsInput,
  ),
  ...table(
    'Add And BitShift BitwiseAnd BitwiseOr BitwiseXor Div Max Mean Min Mod Mul Or Pow Sub Sum Xor',
    broadcasting,
  ),
  ...table('Equal Greater GreaterOrEqual Less LessOrEqual', comparison),
  ...table('Hardmax LogSoftmax Softmax', softmax),
  ...table('IsInf IsNaN', predicate),
  ...table('RandomNormalLike RandomUniformLike', randomLike),
  BitwiseNot: sameAsInput,
  Clip: validated(clipBounds),
  HardSigmoid: validated(hardSigmoidOf),
  LRN: validated(lrnOf),
  LeakyRelu: validated(leakySlope),
  Where,
  PRelu,
  Cast,
  CastLike,
  Dropout,
  BatchNormalization,
  LayerNormalization,
  QuantizeLinear,
  DequantizeLinear,
  DynamicQuantizeLinear,
};
