/** Shapes of convolutions. */

import type { DataType } from '../../base/data-type.ts';
import type { Dim } from '../../graph/graph.ts';
import { type InferContext, type InferRule, type InferRules, isNumber, mapDim, typed } from './rule.ts';
import { slidingOutput, windowOf } from './window.ts';

const convolution =
  (weightInput: number, dtypeOf: (context: InferContext) => DataType | undefined): InferRule =>
  (context) => {
    const x = context.shape(0);
    const w = context.shape(weightInput);
    if (x === undefined || w === undefined) return [typed(dtypeOf(context), undefined)];
    if (x.length < 3 || w.length !== x.length) {
      context.mismatch('input and weights differ in rank', `weights of rank ${x.length}`, `rank ${w.length}`);
    }
    const group = context.int('group', 1);
    if (!Number.isInteger(group) || group < 1) context.badAttribute('group is not positive', group);
    if (isNumber(x[1]) && isNumber(w[1]) && x[1] !== w[1] * group) {
      context.mismatch('the channels of input and weights differ', w[1] * group, x[1]);
    }
    if (isNumber(w[0]) && w[0] % group !== 0) {
      context.mismatch('the output channels do not divide into the groups', `a multiple of ${group}`, w[0]);
    }
    const spatial = x.slice(2);
    const kernel = context.ints('kernel_shape') ?? w.slice(2);
    const fits = kernel.every((size, axis) => !isNumber(w[axis + 2]) || size === w[axis + 2]);
    if (!fits) context.mismatch('kernel_shape differs from the weights', w.slice(2).join('x'), kernel.join('x'));
    checkBias(context, weightInput, w[0]!);
    return [
      typed(dtypeOf(context), [
        x[0]!,
        w[0]!,
        ...slidingOutput(context, spatial, windowOf(context, spatial.length, kernel)),
      ]),
    ];
  };

function checkBias(context: InferContext, weightInput: number, channels: Dim): void {
  const index = weightInput === 1 ? 2 : 8;
  if (context.node.op === 'ConvInteger') return;
  const bias = context.shape(index);
  if (bias === undefined) return;
  const wrong = bias.length !== 1 || (isNumber(bias[0]) && isNumber(channels) && bias[0] !== channels);
  if (wrong) context.mismatch('the bias does not fit the output channels', `[${channels}]`, `[${bias.join(', ')}]`);
}

const ConvTranspose: InferRule = (context) => {
  const x = context.shape(0);
  const w = context.shape(1);
  if (x === undefined || w === undefined) return [typed(context.dtype(0), undefined)];
  if (x.length < 3 || w.length !== x.length) {
    context.mismatch('input and weights differ in rank', `weights of rank ${x.length}`, `rank ${w.length}`);
  }
  if (isNumber(x[1]) && isNumber(w[0]) && x[1] !== w[0]) {
    context.mismatch('the channels of input and weights differ', w[0], x[1]);
  }
  const group = context.int('group', 1);
  const rank = x.length - 2;
  const window = windowOf(context, rank, context.ints('kernel_shape') ?? w.slice(2));
  const outputPadding = context.ints('output_padding') ?? Array<number>(rank).fill(0);
  const outputShape = context.ints('output_shape');
  const channels = mapDim(w[1]!, (size) => size * group, context.unknown(1));
  checkBias(context, 1, channels);
  const spatial = x.slice(2).map((dim, axis): Dim => {
    // Some exporters list every axis, others the spatial ones only.
    if (outputShape) return outputShape.at(axis - rank) ?? context.unknown(axis + 2);
    const kernel = window.kernel[axis]!;
    const stride = window.strides[axis]!;
    if (typeof dim === 'string' || typeof kernel === 'string') return context.unknown(axis + 2);
    // Where the kernel is smaller than the stride, onnxruntime does not stretch the output to the size of SAME.
    if (window.autoPad === 'SAME_UPPER' || window.autoPad === 'SAME_LOWER') {
      return Math.min(
        dim * stride,
        stride * (dim - 1) + (outputPadding[axis] ?? 0) + (kernel - 1) * window.dilations[axis]! + 1,
      );
    }
    const pads = window.autoPad === 'VALID' ? 0 : window.pads[axis]! + window.pads[axis + rank]!;
    const size = stride * (dim - 1) + (outputPadding[axis] ?? 0) + (kernel - 1) * window.dilations[axis]! + 1 - pads;
    if (size < 1) context.mismatch('the output would be empty', 'at least 1', size);
    return size;
  });
  return [typed(context.dtype(0), [x[0]!, channels, ...spatial])];
};

export const convolutionRules: InferRules = {
  Conv: convolution(1, (context) => context.dtype(0)),
  ConvInteger: convolution(1, () => 'int32'),
  QLinearConv: convolution(3, (context) => context.dtype(7)),
  ConvTranspose,
};
