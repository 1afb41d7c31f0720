/** Folds Mul and Add with a per-channel constant into the weights and bias of the convolution before it. */

import { float32Values } from '../../graph/tensor.ts';
import type { Pass } from '../pass.ts';
import { allFinite, channelOperation, convWeights, isOp, perChannel, sameShape, scaleOutputs } from '../pattern.ts';
import { replaceWeights } from './fold-batch-norm.ts';

export const foldScale: Pass = {
  name: 'fold-scale',
  doc: 'Folds Mul and Add with a constant for each channel into the Conv or ConvTranspose before it.',
  since:
    'The weights of a convolution have a scale for each channel anyway; a Scale layer of its own is one launch more.',
  kind: 'normalize',
  match(node, view) {
    const operation = channelOperation(view, node);
    if (!operation || view.soleReader(operation.data) !== node) return undefined;
    const conv = view.producer(operation.data);
    if (!isOp(conv, 'Conv', 'ConvTranspose')) return undefined;
    const found = convWeights(view, conv);
    if (!found || !sameShape(view.shape(operation.data), view.shape(node.outputs[0]!))) return undefined;
    const { values, op } = operation;
    const factor = (channel: number) => (op === 'Mul' ? perChannel(values, channel) : 1);
    const term = (channel: number) => (op === 'Add' ? perChannel(values, channel) : 0);
    const weights = op === 'Mul' ? scaleOutputs(conv, found.weights, factor) : found.weights;
    const bias = Float32Array.from(
      { length: found.outputs },
      (_, channel) => (found.bias?.[channel] ?? 0) * factor(channel) + term(channel),
    );
    if (!allFinite(bias) || !allFinite(float32Values(weights))) return undefined;
    return replaceWeights(conv, node, weights, bias, view);
  },
};
