/** The rules of the open NVDLA, each at its limit and one beyond. */

import type { Graph } from '../../graph/graph.ts';
import { convolution, type NodeSpec, network, single } from './network.ts';
import type { RuleCase } from './rule-case.ts';

const image = [1, 8, 16, 16] as const;
const target = 'nv_small';
const kernel = (h: number, w: number) => convolution({ kernel: [h, w], size: [40, 40] });
const conv = (attributes: Readonly<Record<string, number | readonly number[]>>) =>
  convolution({ size: [40, 40], attributes });
const pool = (op: string, attributes: NodeSpec['attributes'], rest = {}) =>
  single(op, { x: [1, 8, 40, 40], y: [1, 8, 4, 4] }, { kernel_shape: [3, 3], ...attributes }, rest);
const binary = (op: string, b: readonly number[]): Graph =>
  network({ shapes: { a: image, b, y: image }, nodes: [{ op, inputs: ['a', 'b'], outputs: ['y'] }] });
const runTime = (op: 'Conv' | 'ConvTranspose', input: 'w' | 'b') =>
  network({
    shapes: { x: image, [input]: input === 'w' ? [8, 8, 1, 1] : [8], y: image },
    constants: input === 'w' ? {} : { w: [8, 8, 1, 1] },
    nodes: [{ op, inputs: input === 'w' ? ['x', 'w'] : ['x', 'w', 'b'], outputs: ['y'] }],
  });
const divided = (by: 'constant' | 'run-time') =>
  network({
    shapes: { x: image, y: image, ...(by === 'run-time' && { d: image }) },
    ...(by === 'constant' && { constants: { d: [1] } }),
    nodes: [{ op: 'Div', inputs: ['x', 'd'], outputs: ['y'] }],
  });
const split = (axis: number) =>
  network({
    shapes: { x: image, y0: [1, 4, 16, 16], y1: [1, 4, 16, 16] },
    nodes: [{ op: 'Split', inputs: ['x'], outputs: ['y0', 'y1'], attributes: { axis } }],
  });
const slice = (y: readonly number[]) => single('Slice', { x: image, y });
const relu = single('Relu', { x: image, y: image });

export const openNvdlaCases: readonly RuleCase[] = [
  { rule: 'nvdla/precision', target: 'nv_full', precision: 'fp16', passes: [relu], fails: [] },
  { rule: 'nvdla/precision', target, precision: 'fp16', passes: [], fails: [[relu, 'FP16 arithmetic', 'none']] },
  {
    rule: 'nvdla/spatial',
    target,
    passes: [kernel(3, 3)],
    fails: [
      [single('MaxPool', { x: [1, 8, 16], y: [1, 8, 8] }, { kernel_shape: [2] }), 2, 1],
      [single('LRN', { x: [1, 8, 4, 4, 4], y: [1, 8, 4, 4, 4] }, { size: 5 }), 2, 3],
    ],
  },
  {
    rule: 'nvdla/constant-weights',
    target,
    passes: [kernel(1, 1)],
    fails: [[runTime('Conv', 'w'), 'constant', 'run-time']],
  },
  {
    rule: 'nvdla/fully-connected',
    target,
    passes: [single('Gemm', { x: [1, 8], y: [1, 4] }, {}, { constants: { w: [8, 4] } })],
    fails: [[single('Gemm', { x: [1, 8], w: [8, 4], y: [1, 4] }), 'constant', 'run-time']],
  },
  {
    rule: 'nvdla/constant-bias',
    target,
    passes: [kernel(1, 1)],
    fails: [[runTime('Conv', 'b'), 'constant', 'run-time']],
  },
  {
    rule: 'nvdla/convolution-kernel',
    target,
    passes: [kernel(32, 1), kernel(1, 32)],
    fails: [
      [kernel(33, 3), '1…32', '33×3'],
      [kernel(1, 40), '1…32', '1×40'],
    ],
  },
  {
    rule: 'nvdla/convolution-stride',
    target,
    passes: [conv({ strides: [8, 8] })],
    fails: [[conv({ strides: [1, 9] }), '1…8', '1×9']],
  },
  {
    rule: 'nvdla/convolution-dilation',
    target,
    passes: [convolution({ size: [80, 80], attributes: { dilations: [32, 32] } })],
    fails: [[convolution({ size: [80, 80], attributes: { dilations: [33, 1] } }), '1…32', '33×1']],
  },
  {
    rule: 'nvdla/convolution-padding',
    target,
    passes: [conv({ pads: [31, 31, 31, 31] })],
    fails: [[conv({ pads: [0, 0, 32, 0] }), '0…31', '0×0×32×0']],
  },
  {
    rule: 'nvdla/deconvolution',
    target: 'nv_full',
    passes: [convolution({ op: 'ConvTranspose' })],
    fails: [],
  },
  {
    rule: 'nvdla/deconvolution',
    target: 'nv_large',
    passes: [],
    fails: [[convolution({ op: 'ConvTranspose' }), 'Rubik', 'none']],
  },
  {
    rule: 'nvdla/pooling-padding',
    target,
    passes: [pool('MaxPool', { kernel_shape: [8, 8], pads: [7, 7, 7, 7] })],
    fails: [[pool('MaxPool', { kernel_shape: [9, 9], pads: [8, 0, 0, 0] }), '0…7', '8×0×0×0']],
  },
  {
    rule: 'nvdla/pooling-stride',
    target,
    passes: [pool('MaxPool', { strides: [8, 8] })],
    fails: [[pool('AveragePool', { strides: [9, 1] }), '1…8', '9×1']],
  },
  {
    rule: 'nvdla/pooling-dilation',
    target,
    passes: [pool('MaxPool', { dilations: [1, 1] })],
    fails: [[pool('MaxPool', { dilations: [2, 2] }), '1…1', '2×2']],
  },
  {
    rule: 'nvdla/pooling-indices',
    target,
    passes: [pool('MaxPool', {})],
    fails: [
      [single('MaxPool', { x: [1, 8, 40, 40], y: [1, 8, 4, 4], yi: [1, 8, 4, 4] }, { kernel_shape: [3, 3] }), 1, 2],
    ],
  },
  {
    rule: 'nvdla/exclusive-average',
    target,
    passes: [pool('AveragePool', { pads: [1, 1, 1, 1], count_include_pad: 1 }), pool('AveragePool', {})],
    fails: [[pool('AveragePool', { pads: [1, 1, 1, 1] }), 'count_include_pad 1, or no padding', 'count_include_pad 0']],
  },
  {
    rule: 'nvdla/lookup-table',
    target: 'nv_large',
    passes: [single('Sigmoid', { x: image, y: image })],
    fails: [],
  },
  {
    rule: 'nvdla/lookup-table',
    target: 'nv_medium_512',
    passes: [],
    fails: [[single('Tanh', { x: image, y: image }), 'lookup table in its single-point unit', 'none']],
  },
  {
    rule: 'nvdla/lrn-size',
    target,
    passes: [3, 5, 7, 9].map((size) => single('LRN', { x: image, y: image }, { size })),
    fails: [1, 4, 11].map((size) => [single('LRN', { x: image, y: image }, { size }), '3, 5, 7, 9', size] as const),
  },
  {
    rule: 'nvdla/divisor',
    target,
    passes: [divided('constant')],
    fails: [[divided('run-time'), 'constant', 'run-time']],
  },
  {
    rule: 'nvdla/broadcast',
    target,
    passes: [binary('Add', image), binary('Mul', [1, 8, 1, 1])],
    fails: [
      [binary('Add', [1, 1, 16, 16]), 'equal, or N×C×1×1', '1×8×16×16 and 1×1×16×16'],
      [binary('Mul', [1, 1, 1, 1]), 'equal, or N×C×1×1', '1×8×16×16 and 1×1×1×1'],
    ],
  },
  {
    rule: 'nvdla/channel-axis',
    target,
    passes: [split(1), split(-3)],
    fails: [[split(2), 1, 2]],
  },
  {
    rule: 'nvdla/slice',
    target,
    passes: [slice([1, 4, 16, 16])],
    fails: [[slice([1, 8, 8, 16]), 1, '2']],
  },
];
