/**
 * Folds an inference BatchNormalization into the convolution or Gemm before it: y = a·(conv(x)) + b for each channel with
 * a = γ / √(σ² + ε), b = β − a·μ. Computed in float64 and rounded once.
 */

import type { Node } from '../../graph/graph.ts';
import { batchNormalizationOf, gemmOf } from '../../graph/operators/point.ts';
import { float32Tensor, float32Values, type Tensor } from '../../graph/tensor.ts';
import { multipliedScales } from '../../graph/weight-scales.ts';
import type { Edit, Pass, View } from '../pass.ts';
import { allFinite, convWeights, floatConstant, isOp, scaleOutputs } from '../pattern.ts';

export const foldBatchNorm: Pass = {
  name: 'fold-batch-norm',
  doc: 'Folds BatchNormalization into the weights and bias of the Conv, ConvTranspose or Gemm before it.',
  since: 'A Scale layer of its own is one launch more, and an int8 tensor more to lose precision in.',
  kind: 'normalize',
  match(node, view) {
    const affine = batchNormAffine(node, view);
    const data = node.inputs[0]!;
    const producer = view.producer(data);
    if (!affine || view.soleReader(data) !== node) return undefined;
    if (isOp(producer, 'Gemm')) return foldIntoGemm(producer, node, affine, view);
    if (!isOp(producer, 'Conv', 'ConvTranspose')) return undefined;
    const conv = convWeights(view, producer);
    if (!conv || conv.outputs !== affine.scale.length) return undefined;
    const { scale, shift } = affine;
    const weights = scaleOutputs(producer, conv.weights, (channel) => scale[channel]!);
    const bias = new Float32Array(shift.map((value, channel) => value + scale[channel]! * (conv.bias?.[channel] ?? 0)));
    return replaceWeights(producer, node, weights, bias, view);
  },
};

/** a and b of a BatchNormalization at inference, in float64. */
export function batchNormAffine(
  node: Node,
  view: View,
): { readonly scale: Float64Array; readonly shift: Float64Array } | undefined {
  if (!isOp(node, 'BatchNormalization')) return undefined;
  const { training, perChannel, epsilon } = batchNormalizationOf(node, view);
  if (training || !perChannel) return undefined;
  if (node.outputs.slice(1).some((output) => output !== '' && view.isUsed(output))) return undefined;
  const [gamma, beta, mean, variance] = node.inputs.slice(1, 5).map((input) => floatConstant(view, input));
  if (!gamma || !beta || !mean || !variance) return undefined;
  const [g, b, m, v] = [gamma, beta, mean, variance].map(float32Values) as [
    Float32Array,
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  const scale = new Float64Array(g).map((value, channel) => value / Math.sqrt(v[channel]! + epsilon));
  const shift = new Float64Array(b).map((value, channel) => value - scale[channel]! * m[channel]!);
  return allFinite(scale) && allFinite(shift) ? { scale, shift } : undefined;
}

/** The convolution with other weights and bias; it makes what `last` made. */
export function replaceWeights(
  conv: Node,
  last: Node,
  weights: Tensor,
  bias: Float32Array,
  view: View,
  attributes: Node['attributes'] = conv.attributes,
): Edit {
  const weightsName = view.fresh(conv.inputs[1]!, 'folded');
  const biasName = view.fresh(conv.inputs[2] || `${conv.name}:bias`, 'folded');
  return {
    remove: [conv, last],
    insert: [
      {
        name: conv.name,
        op: conv.op,
        inputs: [conv.inputs[0]!, weightsName, biasName],
        outputs: [last.outputs[0]!],
        attributes,
      },
    ],
    constants: [
      [weightsName, weights],
      [biasName, float32Tensor([bias.length], bias)],
    ],
  };
}

function foldIntoGemm(
  gemm: Node,
  node: Node,
  { scale, shift }: { readonly scale: Float64Array; readonly shift: Float64Array },
  view: View,
): Edit | undefined {
  const weights = floatConstant(view, gemm.inputs[1]);
  const biasName = gemm.inputs[2];
  const bias = floatConstant(view, biasName);
  const channels = scale.length;
  if (weights?.shape.length !== 2 || (biasName && !bias)) return undefined;
  const { transB, beta } = gemmOf(gemm);
  if (weights.shape[transB ? 0 : 1] !== channels) return undefined;
  const biasShape = bias?.shape ?? [];
  const alongChannels = biasShape.at(-1) === channels && biasShape.slice(0, -1).every((dim) => dim === 1);
  if (bias && !alongChannels && bias.bytes.length !== 4) return undefined;
  const source = float32Values(weights);
  const columns = weights.shape[1]!;
  const scaled = source.map((value, index) => value * scale[transB ? Math.floor(index / columns) : index % columns]!);
  const old = bias ? float32Values(bias) : new Float32Array(1);
  const shifted = Float32Array.from(
    shift,
    (value, channel) => value + scale[channel]! * beta * old[old.length === 1 ? 0 : channel]!,
  );
  const { beta: _, ...attributes } = gemm.attributes;
  const product = float32Tensor(weights.shape, scaled);
  const scales =
    weights.scales && multipliedScales(weights.scales, weights.shape, transB ? 0 : 1, (channel) => scale[channel]!);
  return replaceWeights(gemm, node, scales ? { ...product, scales } : product, shifted, view, attributes);
}
