/** What PDP and CDP of the open NVDLA take. */

import { lrnOf } from '../../../graph/operators/point.ts';
import { countsPadding, type Window } from '../../../graph/operators/window.ts';
import { lineBufferColumns, nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import { always, either, outside, type Rule, rule, span } from '../../rule.ts';
import { excludesPadding, givesIndices, isProductOfWindows } from '../pooling.ts';
import { base, refused, registers, windowOver } from './base.ts';

const pools = ['MaxPool', 'AveragePool'];

export const openNvdlaPoolingRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'nvdla/pooling-stride',
    operators: pools,
    doc: (range) =>
      `Each stride of a pooling window lies in ${span(range)}, unless it steps by its own size, a product of numbers up to 8, or gives one result.`,
    limits: always(nvdlaLimits.pooling.stride, 'nvdla/sw firmware, pdp.c'),
    test: (node, context, range) => {
      const size = context.shape(node.inputs[0])?.slice(2) ?? [];
      const found = windowOver(node, context);
      if (!found) return undefined;
      const { kernel, strides, reachedPads: pads } = found;
      // No second window begins within reach.
      const isSingle = (axis: number) => {
        const rest = size[axis]! + pads[axis]! + pads[axis + 2]! - kernel[axis]!;
        return rest < range[1] && rest < strides[axis]!;
      };
      return outside(
        'stride',
        strides.filter((_, axis) => !isTiled(found, axis) && !isSingle(axis)),
        range,
      );
    },
  }),
  rule({
    ...base,
    id: 'nvdla/pooling-window',
    operators: [...pools, 'GlobalAveragePool', 'GlobalMaxPool'],
    doc: ([, most]) =>
      `A pooling window is at most ${most}×${most}, unless it steps by its own size, a product of numbers up to 8: maxima pass through several windows of up to 8×8, averages through the convolution core.`,
    limits: always([1, 32], 'nvdla/hw spec/manual, PDP and CSC; larger ones are our choice'),
    test: (node, context, range) => {
      const input = context.shape(node.inputs[0])?.slice(2);
      const whole = input && {
        kernel: input,
        strides: input,
        dilations: [1, 1],
        pads: [0, 0, 0, 0],
        reachedPads: [0, 0, 0, 0],
      };
      const found = pools.includes(node.op) ? windowOver(node, context) : whole;
      return outside(
        'window',
        found?.kernel.filter((_, axis) => !isTiled(found, axis)),
        range,
      );
    },
  }),
  rule({
    ...base,
    id: 'nvdla/pooling-padding',
    operators: pools,
    doc: 'Padding of a pooling window is smaller than the window, counting the rows that ceil_mode adds.',
    limits: always('window − 1', 'nvdla/doc, PDP: a window holds a pixel'),
    test: (node, context) => {
      const { kernel = [], reachedPads: pads = [] } = windowOver(node, context) ?? {};
      const wrong = pads.findIndex((pad, index) => pad < 0 || pad >= kernel[index % kernel.length]!);
      return wrong < 0 ? undefined : outside('padding', pads, [0, kernel[wrong % kernel.length]! - 1]);
    },
  }),
  rule({
    ...base,
    id: 'nvdla/pooling-dilation',
    operators: pools,
    doc: 'A pooling window is not dilated.',
    limits: always([1, 1], registers),
    test: (node, context, range) => outside('dilation', windowOver(node, context)?.dilations, range),
  }),
  rule({
    ...base,
    id: 'nvdla/pooling-width',
    operators: pools,
    doc: ([, most]) =>
      `PDP works through a wide map in stripes of what its line buffer holds, at most ${most} of them.`,
    limits: always(nvdlaLimits.pooling.stripes, registers),
    test: (node, context, [, stripes]) => {
      const width = context.shape(node.inputs[0])?.[3] ?? 0;
      const found = windowOver(node, context);
      if (!found || isTiled(found, 1)) return undefined;
      const [, largest] = nvdlaLimits.pooling.window;
      const [rows, columns] = found.kernel as [number, number];
      if (node.op === 'AveragePool' && Math.max(rows, columns) > largest) return undefined;
      const [rowStride, columnStride] = found.strides as [number, number];
      // A larger maximum is a chain, whose first windows have a stride of 1.
      const held = lineBufferColumns(
        Math.min(rows, largest),
        rows > largest ? 1 : rowStride,
        context.precision === 'int8' ? 1 : 2,
        context.target.memoryAtom,
      );
      const padded = width + found.reachedPads[1]! + found.reachedPads[3]!;
      const made = columns > largest ? padded : Math.floor((padded - columns) / columnStride) + 1;
      const most = stripes * held;
      return made <= most ? undefined : refused(made, `at most ${most}`, 'columns of the result');
    },
  }),
  rule({
    ...base,
    id: 'nvdla/pooling-indices',
    operators: ['MaxPool'],
    doc: 'MaxPool gives the maxima, not their indices.',
    limits: always(1, registers),
    test: givesIndices,
  }),
  rule({
    ...base,
    id: 'nvdla/exclusive-average',
    operators: ['AveragePool'],
    doc: 'Average pooling divides by the whole window, padding included (count_include_pad = 1).',
    limits: always('count_include_pad 1, or no padding', 'nvdla/doc, PDP: reciprocal of the kernel size'),
    test: (node, context, limit) => excludesPadding(node, windowOver(node, context), limit),
  }),
  rule({
    ...base,
    id: 'nvdla/average-beyond',
    operators: ['AveragePool'],
    doc: 'With count_include_pad, windows of an average end with the padding: ONNX does not count what ceil_mode adds beyond.',
    limits: always('no more than declared', 'nvdla/doc, PDP: reciprocal of the kernel size'),
    test: (node, context) => {
      const { pads = [], reachedPads = [] } = windowOver(node, context) ?? {};
      const declared = pads.join();
      const reached = reachedPads.join();
      return !countsPadding(node) || declared === reached ? undefined : refused(reached, declared, 'padding');
    },
  }),
  rule({
    ...base,
    id: 'nvdla/lrn-size',
    operators: ['LRN'],
    doc: (sizes) => `Local response normalization sums ${either(sizes)} channels.`,
    limits: always(nvdlaLimits.normalization.sizes, registers),
    test: (node, _, sizes) => {
      const { size } = lrnOf(node);
      return sizes.some((allowed) => allowed === size) ? undefined : refused(size, either(sizes), 'size');
    },
  }),
  rule({
    ...base,
    id: 'nvdla/lrn-base',
    operators: ['LRN'],
    doc: 'What local response normalization divides by has a bias above 0 and an alpha of at least 0: a table holds its reciprocal.',
    limits: always('bias above 0, alpha from 0', 'nvdla/doc, CDP: lookup table'),
    test: (node, _, limit) => {
      const { bias, alpha } = lrnOf(node);
      return bias > 0 && alpha >= 0 ? undefined : refused(`bias ${bias} and alpha ${alpha}`, limit);
    },
  }),
];

/** Whether windows lie side by side along an axis, and smaller ones multiply to them. */
const isTiled = ({ kernel, strides, reachedPads: pads }: Window, axis: number): boolean =>
  kernel[axis] === strides[axis] &&
  pads[axis] === 0 &&
  pads[axis + kernel.length] === 0 &&
  isProductOfWindows(kernel[axis]!);
