/** Shapes of convolutions. */

import type { DataType } from '../../base/data-type.ts';
import type { Dim } from '../../graph/graph.ts';
import { deconvolutionForm, deconvolvedLength } from '../../graph/operators/deconvolution.ts';
import { groupsOf, slidingLength, weightsInput, windowForm } from '../../graph/operators/window.ts';
import { type InferContext, type InferRule, type InferRules, isNumber, mapDim, typed } from './rule.ts';

/** Input and weights, where both shapes are known, and the number of groups. @throws shape/mismatch */
function operands(context: InferContext, channelAxis: 0 | 1) {
  const x = context.shape(0);
  const w = context.shape(weightsInput(context.node)!);
  const group = groupsOf(context.node);
  if (x === undefined || w === undefined) return undefined;
  if (x.length < 3 || w.length !== x.length) {
    context.mismatch('input and weights differ in rank', `weights of rank ${x.length}`, `rank ${w.length}`);
  }
  const channels = mapDim(w[channelAxis]!, (size) => (channelAxis === 1 ? size * group : size), context.unknown(1));
  if (isNumber(x[1]) && isNumber(channels) && x[1] !== channels) {
    context.mismatch('the channels of input and weights differ', channels, x[1]);
  }
  if (isNumber(w[0]) && w[0] % group !== 0) {
    const what = channelAxis === 1 ? 'output' : 'input';
    context.mismatch(`the ${what} channels do not divide into the groups`, `a multiple of ${group}`, w[0]);
  }
  return { x, w, group };
}

const convolution =
  (dtypeOf: (context: InferContext) => DataType | undefined): InferRule =>
  (context) => {
    const { x, w } = operands(context, 1) ?? {};
    if (x === undefined || w === undefined) return [typed(dtypeOf(context), undefined)];
    const form = windowForm(context.node, context.lookup)!;
    checkBias(context, w[0]!);
    const spatial = x.slice(2).map((dim, axis) => windowCount(context, axis, slidingLength(form, axis, dim)));
    return [typed(dtypeOf(context), [x[0]!, w[0]!, ...spatial])];
  };

/** A length along a spatial axis as a dimension. @throws shape/mismatch */
export function windowCount(context: InferContext, axis: number, length: Dim | undefined): Dim {
  if (isNumber(length) && length < 1) {
    const dim = context.shape(0)![axis + 2]!;
    context.mismatch('no window fits the padded input', 'an output of at least 1', `${length} from ${dim}`);
  }
  return length ?? context.unknown(axis + 2);
}

function checkBias(context: InferContext, channels: Dim): void {
  const index = context.node.op === 'QLinearConv' ? 8 : 2;
  if (context.node.op === 'ConvInteger') return;
  const bias = context.shape(index);
  if (bias === undefined) return;
  const wrong = bias.length !== 1 || (isNumber(bias[0]) && isNumber(channels) && bias[0] !== channels);
  if (wrong) context.mismatch('the bias does not fit the output channels', `[${channels}]`, `[${bias.join(', ')}]`);
}

const ConvTranspose: InferRule = (context) => {
  const { x, w, group } = operands(context, 0) ?? {};
  if (x === undefined || w === undefined) return [typed(context.dtype(0), undefined)];
  const form = deconvolutionForm(context.node, context.lookup)!;
  const channels = mapDim(w[1]!, (size) => size * group!, context.unknown(1));
  checkBias(context, channels);
  const spatial = x.slice(2).map((dim, axis) => windowCount(context, axis, deconvolvedLength(form, axis, dim)));
  return [typed(context.dtype(0), [x[0]!, channels, ...spatial])];
};

export const convolutionRules: InferRules = {
  Conv: convolution((context) => context.dtype(0)),
  ConvInteger: convolution(() => 'int32'),
  QLinearConv: convolution((context) => context.dtype(7)),
  ConvTranspose,
};
