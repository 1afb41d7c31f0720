/** What the convolution core of the open NVDLA takes; a deconvolution becomes a convolution for each place in a block of output pixels. */

import { gemmOf } from '../../../graph/operators/point.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import { always, constantInput, outside, type Rule, rule, span, times } from '../../rule.ts';
import { base, perChannel, refused, registers, windowOver } from './base.ts';

const { kernel, stride, dilation, padding } = nvdlaLimits.convolution;

export const openNvdlaConvolutionRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'nvdla/constant-weights',
    operators: ['Conv', 'ConvTranspose'],
    doc: 'Weights are constants: they are packed for the convolution core.',
    limits: always('constant', 'nvdla/doc, format of weights'),
    test: constantInput(1, 'weight'),
  }),
  rule({
    ...base,
    id: 'nvdla/fully-connected',
    operators: ['Gemm'],
    doc: 'A fully connected layer has constant weights: it becomes a convolution.',
    limits: always('constant', 'nvdla/doc, format of weights'),
    test: (node, context) => constantInput(1, 'weight')(node, context) ?? constantInput(2, 'bias')(node, context),
  }),
  rule({
    ...base,
    id: 'nvdla/transposed-input',
    operators: ['Gemm'],
    doc: 'A fully connected layer takes its input as it is: the convolution core transposes nothing.',
    limits: always('transA 0', 'nvdla/doc, format of feature data'),
    test: (node, _, limit) =>
      gemmOf(node).transA ? { message: 'transA 1', values: { limit, value: 'transA 1' } } : undefined,
  }),
  rule({
    ...base,
    id: 'nvdla/fully-connected-bias',
    operators: ['Gemm'],
    doc: 'The bias of a fully connected layer is one number, or one for each output: it is a table of the single-point unit.',
    limits: always('one number, or one for each output', 'nvdla/doc, format of bias data'),
    test: (node, context, limit) => {
      const [bias, output] = [context.shape(node.inputs[2]), context.shape(node.outputs[0])];
      if (bias === undefined || output === undefined || perChannel(bias, output)) return undefined;
      return refused(times(bias), limit, 'bias');
    },
  }),
  rule({
    ...base,
    id: 'nvdla/constant-bias',
    operators: ['Conv', 'ConvTranspose'],
    doc: 'A bias is a constant: it is a table of the single-point unit.',
    limits: always('constant', 'nvdla/doc, format of bias data'),
    test: constantInput(2, 'bias'),
  }),
  rule({
    ...base,
    id: 'nvdla/convolution-kernel',
    operators: ['Conv'],
    doc: (range) => `Each kernel dimension lies in ${span(range)}.`,
    limits: always(kernel, registers),
    test: (node, context, range) => outside('kernel', windowOver(node, context)?.kernel, range),
  }),
  rule({
    ...base,
    id: 'nvdla/convolution-stride',
    operators: ['Conv'],
    doc: (range) => `Each stride of a convolution lies in ${span(range)}.`,
    limits: always(stride, registers),
    test: (node, context, range) => outside('stride', windowOver(node, context)?.strides, range),
  }),
  rule({
    ...base,
    id: 'nvdla/convolution-dilation',
    operators: ['Conv'],
    doc: (range) => `Each dilation of a convolution lies in ${span(range)}.`,
    limits: always(dilation, registers),
    test: (node, context, range) => outside('dilation', windowOver(node, context)?.dilations, range),
  }),
  rule({
    ...base,
    id: 'nvdla/convolution-padding',
    operators: ['Conv'],
    doc: (range) => `Each padding of a convolution lies in ${span(range)}.`,
    limits: always(padding, registers),
    test: (node, context, range) => outside('padding', windowOver(node, context)?.pads, range),
  }),
  rule({
    ...base,
    id: 'nvdla/deconvolution-kernel',
    operators: ['ConvTranspose'],
    doc: (most) =>
      `Each kernel dimension of a deconvolution is at most ${most} times its stride: so many meet one output pixel.`,
    limits: always(kernel[1], registers),
    test: (node, context, most) => {
      const window = windowOver(node, context);
      const longest = window?.kernel.map((_, axis) => most * (window.strides[axis] ?? 1)) ?? [];
      const wrong = longest.findIndex((length, axis) => window!.kernel[axis]! > length);
      return wrong < 0 ? undefined : outside('kernel', [window!.kernel[wrong]!], [1, longest[wrong]!]);
    },
  }),
  rule({
    ...base,
    id: 'nvdla/deconvolution-stride',
    operators: ['ConvTranspose'],
    doc: (range) =>
      `Each stride of a deconvolution lies in ${span(range)}: every place in a block of output pixels takes launches of its own.`,
    limits: always([1, 8], 'our choice: no document limits it', 'inferred'),
    test: (node, context, range) => outside('stride', windowOver(node, context)?.strides, range),
  }),
];
