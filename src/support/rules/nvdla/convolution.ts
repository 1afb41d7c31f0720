/** What the convolution core of the open NVDLA takes; deconvolutions are convolutions of what meets the same weights. */

import { constantInput, outside, type Rule } from '../../rule.ts';
import { base, window } from './base.ts';

export const openNvdlaConvolutionRules: readonly Rule[] = [
  {
    ...base,
    id: 'nvdla/constant-weights',
    operators: ['Conv', 'ConvTranspose'],
    doc: 'Weights are constants: they are packed for the convolution core.',
    source: 'nvdla/doc, format of weights',
    test: constantInput(1, 'weight'),
  },
  {
    ...base,
    id: 'nvdla/fully-connected',
    operators: ['Gemm'],
    doc: 'A fully connected layer has constant weights: it becomes a convolution.',
    source: 'nvdla/doc, format of weights',
    test: (node, context) => constantInput(1, 'weight')(node, context) ?? constantInput(2, 'bias')(node, context),
  },
  {
    ...base,
    id: 'nvdla/constant-bias',
    operators: ['Conv', 'ConvTranspose'],
    doc: 'A bias is a constant: it is a table of the single-point unit.',
    source: 'nvdla/doc, format of bias data',
    test: constantInput(2, 'bias'),
  },
  {
    ...base,
    id: 'nvdla/convolution-kernel',
    operators: ['Conv'],
    doc: 'Each kernel dimension lies in 1…32.',
    test: window('weights', ({ kernel }) => outside('kernel', kernel, 1, 32)),
  },
  {
    ...base,
    id: 'nvdla/convolution-stride',
    operators: ['Conv'],
    doc: 'Each stride of a convolution lies in 1…8.',
    test: window('weights', ({ strides }) => outside('stride', strides, 1, 8)),
  },
  {
    ...base,
    id: 'nvdla/convolution-dilation',
    operators: ['Conv'],
    doc: 'Each dilation of a convolution lies in 1…32.',
    test: window('weights', ({ dilations }) => outside('dilation', dilations, 1, 32)),
  },
  {
    ...base,
    id: 'nvdla/convolution-padding',
    operators: ['Conv'],
    doc: 'Each padding of a convolution lies in 0…31.',
    test: window('weights', ({ pads }) => outside('padding', pads, 0, 31)),
  },
  {
    ...base,
    id: 'nvdla/deconvolution-kernel',
    operators: ['ConvTranspose'],
    doc: 'Each kernel dimension of a deconvolution is at most 32 times its stride: so many meet one output pixel.',
    test: window('weights', ({ kernel, strides }) => {
      const most = kernel.map((_, axis) => 32 * (strides[axis] ?? 1));
      const wrong = kernel.findIndex((size, axis) => size > most[axis]!);
      return wrong < 0 ? undefined : outside('kernel', [kernel[wrong]!], 1, most[wrong]!);
    }),
  },
  {
    ...base,
    id: 'nvdla/deconvolution-stride',
    operators: ['ConvTranspose'],
    doc: 'Each stride of a deconvolution lies in 1…8: every place in a block of output pixels takes launches of its own.',
    source: 'our choice: no document limits it',
    test: window('weights', ({ strides }) => outside('stride', strides, 1, 8)),
  },
];
