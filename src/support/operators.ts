/**
 * NVIDIA's operator matrix: how each ONNX operator reaches the DLA, through TensorRT and in the DLA's own software.
 * Restated from the operators README of NVIDIA/Deep-Learning-Accelerator-SW @ ea61780.
 *
 * - `native`: the operator becomes a DLA layer, within the layer rules named.
 * - `reconstruction`: it can be written with other operators that are native.
 * - `rfe`: not offered; the README asks for a request for enhancement.
 * - `build-time`: it is folded before anything runs.
 *
 * Many operators are native in the DLA's software and yet not reachable from TensorRT; the checker says which, because
 * it is the first thing people ask.
 */

import { atLeast } from '../targets/releases.ts';
import type { Release } from '../targets/target.ts';
import type { Version } from './rule.ts';

export type Reach = 'native' | 'reconstruction' | 'rfe' | 'build-time';

export interface Support {
  readonly how: Reach;
  /** The first version (of TensorRT, or of the DLA software) of which this is true. */
  readonly since?: Version;
}

export interface Operator {
  readonly op: string;
  readonly tensorrt: Support;
  readonly dla: Support;
  /** The layers whose rules govern it. */
  readonly layers: readonly string[];
  /** The published reconstruction recipe in the same repository, `operators/op_reconstruction`. */
  readonly recipe?: string;
  /** Where our list departs from the matrix, why. */
  readonly remark?: string;
}

/** How an operator reaches the DLA through the TensorRT of a release. Operators that are not listed: `rfe`. */
export function reach(op: string, release: Release): Reach {
  const support = operator(op)?.tensorrt;
  if (support === undefined) return 'rfe';
  return support.since === undefined || atLeast(release.tensorrt, support.since) ? support.how : 'rfe';
}

export const operator = (op: string): Operator | undefined => byName.get(op);

const entry = (
  op: string,
  tensorrt: Support | Reach,
  dla: Support | Reach,
  layers: readonly string[] = [],
  recipe?: string,
  remark?: string,
): Operator => ({
  op,
  tensorrt: typeof tensorrt === 'string' ? { how: tensorrt } : tensorrt,
  dla: typeof dla === 'string' ? { how: dla } : dla,
  layers,
  ...(recipe !== undefined && { recipe }),
  ...(remark !== undefined && { remark }),
});

export const operators: readonly Operator[] = [
  entry('Abs', 'native', 'native', ['Unary']),
  entry('Acos', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Acosh', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Add', 'native', 'native', ['ElementWise', 'Scale']),
  entry('And', 'reconstruction', 'reconstruction', [], 'And'),
  entry('Asin', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Asinh', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Atan', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Atanh', { how: 'native', since: [8, 6, 12] }, { how: 'native', since: [3, 14, 0] }, ['Unary']),
  entry('AveragePool', 'native', 'native', ['Pooling']),
  entry('BatchNormalization', 'native', 'native', ['Scale']),
  entry('Ceil', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Celu', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Clip', 'native', 'native', ['Activation']),
  entry('Concat', 'native', 'native', ['Concatenation']),
  entry('Constant', 'native', 'rfe'),
  entry('ConstantOfShape', 'build-time', 'build-time'),
  entry('Conv', 'native', 'native', ['Convolution and Fully Connected']),
  entry('ConvTranspose', 'native', 'native', ['Deconvolution']),
  entry('Cos', { how: 'native', since: [8, 6, 12] }, { how: 'native', since: [3, 14, 0] }, ['Unary']),
  entry('Cosh', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('CumSum', 'reconstruction', 'reconstruction'),
  entry('DepthToSpace', 'reconstruction', { how: 'native', since: [3, 14, 0] }, [], 'DepthToSpace'),
  entry('DequantizeLinear', 'reconstruction', 'reconstruction'),
  entry('Div', { how: 'native', since: [8, 6, 12] }, { how: 'native', since: [3, 14, 0] }, ['ElementWise']),
  entry('Elu', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Equal', 'native', 'native', ['Comparison operations']),
  entry('Erf', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Exp', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Expand', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Flatten', 'rfe', 'rfe'),
  entry('Floor', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Gather', 'reconstruction', 'reconstruction', [], 'Gather'),
  entry('GatherElements', 'reconstruction', 'reconstruction', [], 'Gather'),
  entry('GatherND', 'reconstruction', 'reconstruction', [], 'Gather'),
  entry('Gemm', 'native', 'rfe', ['Convolution and Fully Connected']),
  entry('GlobalAveragePool', 'rfe', 'native'),
  entry('GlobalLpPool', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('GlobalMaxPool', { how: 'native', since: [8, 6, 12] }, 'native', ['Reduce']),
  entry('Greater', { how: 'native', since: [8, 6, 12] }, { how: 'native', since: [3, 14, 0] }, [
    'Comparison operations',
  ]),
  entry('GreaterOrEqual', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('GroupNormalization', 'rfe', { how: 'reconstruction', since: [3, 14, 0] }),
  entry('GRU', 'reconstruction', 'reconstruction', [], 'GRU'),
  entry('HardSigmoid', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('HardSwish', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Identity', 'reconstruction', { how: 'native', since: [3, 14, 0] }),
  entry('InstanceNormalization', 'rfe', { how: 'reconstruction', since: [3, 14, 0] }),
  entry('LayerNormalization', 'rfe', { how: 'reconstruction', since: [3, 14, 0] }),
  entry('LeakyRelu', 'native', 'native', ['Activation']),
  entry('Less', { how: 'native', since: [8, 6, 12] }, { how: 'native', since: [3, 14, 0] }, ['Comparison operations']),
  entry('LessOrEqual', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Log', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('LogSoftmax', 'rfe', { how: 'reconstruction', since: [3, 14, 0] }),
  entry('LpNormalization', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('LpPool', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('LRN', 'native', 'native', ['LRN']),
  entry('LSTM', 'reconstruction', 'reconstruction', [], 'GRU'),
  entry('MatMul', 'native', 'rfe', ['Convolution and Fully Connected']),
  entry('Max', 'native', 'native', ['ElementWise']),
  entry('MaxPool', 'native', 'native', ['Pooling']),
  entry('Mean', 'rfe', { how: 'native', since: [3, 14, 0] }),
  // The header lists MIN among the element-wise operations; the README says rfe.
  entry('Min', 'native', 'native', ['ElementWise'], undefined, 'the README says rfe, the TensorRT header lists MIN'),
  entry('Mish', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Mod', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('MeanVarianceNormalization', 'rfe', { how: 'reconstruction', since: [3, 14, 0] }),
  entry('Mul', 'native', 'native', ['ElementWise', 'Scale']),
  entry('Neg', 'reconstruction', 'reconstruction', [], 'Neg'),
  entry('Not', 'reconstruction', 'reconstruction', [], 'Not'),
  entry('Or', 'reconstruction', 'reconstruction', [], 'Or'),
  entry('Pad', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('PRelu', 'native', 'native', ['Parametric ReLU']),
  entry('QuantizeLinear', 'reconstruction', 'reconstruction'),
  entry('Reciprocal', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('ReduceMean', 'rfe', 'native'),
  entry('ReduceMin', 'rfe', 'native'),
  entry('ReduceLogSum', 'rfe', { how: 'reconstruction', since: [3, 14, 0] }),
  entry('ReduceLogSumExp', 'rfe', { how: 'reconstruction', since: [3, 14, 0] }),
  entry('ReduceL1', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('ReduceL2', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('ReduceSum', 'reconstruction', { how: 'native', since: [3, 14, 0] }),
  entry('ReduceSumSquare', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Relu', 'native', 'native', ['Activation']),
  entry('Reshape', 'native', 'native', ['Shuffle']),
  entry('Resize', 'native', 'native', ['Resize']),
  entry('RNN', 'reconstruction', 'reconstruction', [], 'GRU'),
  entry('Round', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Scatter', 'reconstruction', 'reconstruction', [], 'ScatterElements'),
  entry('ScatterElements', 'reconstruction', 'reconstruction', [], 'ScatterElements'),
  entry('Selu', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Shape', 'build-time', 'build-time'),
  entry('Shrink', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Sigmoid', 'native', 'native', ['Activation']),
  entry('Sign', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Sin', { how: 'native', since: [8, 6, 12] }, { how: 'native', since: [3, 14, 0] }, ['Unary']),
  entry('Sinh', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Slice', 'native', 'native', ['Slice']),
  entry('Softmax', 'native', 'native', ['SoftMax']),
  entry('Softplus', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Softsign', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('SpaceToDepth', 'reconstruction', { how: 'native', since: [3, 14, 0] }, [], 'SpaceToDepth'),
  entry('Split', 'native', 'native', ['Slice']),
  entry('Sqrt', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Squeeze', 'rfe', 'rfe'),
  entry('Sub', 'native', 'native', ['ElementWise']),
  entry('Sum', 'native', 'native', ['ElementWise']),
  entry('Tan', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Tanh', 'native', 'native', ['Activation']),
  entry('ThresholdedRelu', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Transpose', 'native', 'native', ['Shuffle']),
  entry('Tile', 'rfe', { how: 'native', since: [3, 14, 0] }),
  entry('Unsqueeze', 'rfe', 'rfe'),
  entry('Upsample', 'native', 'native', ['Resize']),
  entry('Where', 'reconstruction', 'reconstruction', [], 'Where'),
  entry('Xor', 'reconstruction', 'reconstruction', [], 'Xor'),
  // Not in the README.
  entry('Cast', 'native', 'native', ['Comparison operations'], undefined, 'not in the README; only after a comparison'),
  entry('Dropout', 'build-time', 'build-time', [], undefined, 'not in the README; vanishes at inference'),
  entry(
    'ReduceMax',
    { how: 'native', since: [8, 6, 12] },
    'native',
    ['Reduce'],
    undefined,
    'not in the README; the layer that GlobalMaxPool becomes',
  ),
];

const byName: ReadonlyMap<string, Operator> = new Map(operators.map((item) => [item.op, item]));
