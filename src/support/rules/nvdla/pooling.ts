/** What PDP and CDP of the open NVDLA take. */

import { floatAttribute, intAttribute } from '../../../graph/graph.ts';
import { outside, type Rule } from '../../rule.ts';
import { type Window, windowOf } from '../../window.ts';
import { excludesPadding, givesIndices } from '../pooling.ts';
import { base, refused, window } from './base.ts';

const pools = ['MaxPool', 'AveragePool'];

export const openNvdlaPoolingRules: readonly Rule[] = [
  {
    ...base,
    id: 'nvdla/pooling-stride',
    operators: pools,
    source: 'nvdla/sw firmware, pdp.c',
    doc: 'Each stride of a pooling window lies in 1…8, unless it steps by its own size, a product of numbers up to 8, or gives one result.',
    test: (node, context) => {
      const size = context.shape(node.inputs[0])?.slice(2) ?? [];
      return window('attribute', (found) => {
        const { kernel, strides, pads } = found;
        // No second window begins within reach.
        const isSingle = (axis: number) => {
          const rest = size[axis]! + pads[axis]! + pads[axis + 2]! - kernel[axis]!;
          return rest < 8 && rest < strides[axis]!;
        };
        return outside(
          'stride',
          strides.filter((_, axis) => !isTiled(found, axis) && !isSingle(axis)),
          1,
          8,
        );
      })(node, context);
    },
  },
  {
    ...base,
    id: 'nvdla/pooling-window',
    operators: [...pools, 'GlobalAveragePool', 'GlobalMaxPool'],
    doc: 'A pooling window is at most 32×32, unless it steps by its own size, a product of numbers up to 8: maxima pass through several windows of up to 8×8, averages through the convolution core.',
    source: 'nvdla/hw spec/manual, PDP and CSC; larger ones are our choice',
    test: (node, context) => {
      const input = context.shape(node.inputs[0])?.slice(2);
      const whole = input && { kernel: input, strides: input, dilations: [1, 1], pads: [0, 0, 0, 0] };
      const test = (found: Window) =>
        outside(
          'window',
          found.kernel.filter((_, axis) => !isTiled(found, axis)),
          1,
          32,
        );
      if (!pools.includes(node.op)) return whole && test(whole);
      return window('attribute', test)(node, context);
    },
  },
  {
    ...base,
    id: 'nvdla/pooling-padding',
    operators: pools,
    doc: 'Padding of a pooling window is smaller than the window, counting the rows that ceil_mode adds.',
    source: 'nvdla/doc, PDP: a window holds a pixel',
    test: window('attribute', ({ kernel, pads }) => {
      const wrong = pads.findIndex((pad, index) => pad < 0 || pad >= kernel[index % kernel.length]!);
      return wrong < 0 ? undefined : outside('padding', pads, 0, kernel[wrong % kernel.length]! - 1);
    }),
  },
  {
    ...base,
    id: 'nvdla/pooling-dilation',
    operators: pools,
    doc: 'A pooling window is not dilated.',
    test: window('attribute', ({ dilations }) => outside('dilation', dilations, 1, 1)),
  },
  {
    ...base,
    id: 'nvdla/pooling-indices',
    operators: ['MaxPool'],
    doc: 'MaxPool gives the maxima, not their indices.',
    test: givesIndices,
  },
  {
    ...base,
    id: 'nvdla/exclusive-average',
    operators: ['AveragePool'],
    doc: 'Average pooling divides by the whole window, padding included (count_include_pad = 1).',
    source: 'nvdla/doc, PDP: reciprocal of the kernel size',
    test: window('attribute', excludesPadding),
  },
  {
    ...base,
    id: 'nvdla/average-beyond',
    operators: ['AveragePool'],
    doc: 'With count_include_pad, windows of an average end with the padding: ONNX does not count what ceil_mode adds beyond.',
    source: 'nvdla/doc, PDP: reciprocal of the kernel size',
    test: (node, context) => {
      if (intAttribute(node, 'count_include_pad', 0) === 0 || intAttribute(node, 'ceil_mode', 0) === 0)
        return undefined;
      const input = context.shape(node.inputs[0])?.slice(2);
      if (input?.length !== 2) return undefined;
      const { ceil_mode: _, ...attributes } = node.attributes;
      const [declared, reached] = [{ ...node, attributes }, node].map((of) => windowOf(of, input).pads.join());
      return declared === reached ? undefined : refused(reached!, declared!, 'padding');
    },
  },
  {
    ...base,
    id: 'nvdla/lrn-size',
    operators: ['LRN'],
    doc: 'Local response normalization sums 3, 5, 7 or 9 channels.',
    test: (node) => {
      const size = intAttribute(node, 'size', 0);
      return [3, 5, 7, 9].includes(size) ? undefined : refused(size, '3, 5, 7 or 9', 'size');
    },
  },
  {
    ...base,
    id: 'nvdla/lrn-base',
    operators: ['LRN'],
    doc: 'What local response normalization divides by has a bias above 0 and an alpha of at least 0: a table holds its reciprocal.',
    source: 'nvdla/doc, CDP: lookup table',
    test: (node) => {
      const [bias, alpha] = [floatAttribute(node, 'bias', 1), floatAttribute(node, 'alpha', 0.0001)];
      if (bias > 0 && alpha >= 0) return undefined;
      return refused(`bias ${bias} and alpha ${alpha}`, 'bias above 0, alpha from 0');
    },
  },
];

/** Whether windows lie side by side along an axis, and smaller ones multiply to them. */
function isTiled({ kernel, strides, pads }: Window, axis: number): boolean {
  const size = kernel[axis]!;
  if (size !== strides[axis] || pads[axis] !== 0 || pads[axis + kernel.length] !== 0) return false;
  let rest = size;
  for (const factor of [2, 3, 5, 7]) while (rest % factor === 0) rest /= factor;
  return rest === 1;
}
