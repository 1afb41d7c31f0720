/** The rules of the open NVDLA, each at its limit and one beyond. */

import type { Graph } from '../../../graph/graph.ts';
import type { Tensor } from '../../../graph/tensor.ts';
import { convolution, floats, type NodeSpec, network, single } from '../../testing/network.ts';
import { describeRules } from '../../testing/rule-case.ts';
import { openNvdlaRules } from './operators.ts';

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
const lrn = (attributes: NodeSpec['attributes']) => single('LRN', { x: image, y: image }, { size: 5, ...attributes });
const deconvolution = (kernel_shape: readonly [number, number], strides: readonly [number, number]) =>
  convolution({ op: 'ConvTranspose', kernel: kernel_shape, size: [4, 4], attributes: { strides } });
const normalized = (outputs: readonly string[], attributes: NodeSpec['attributes'] = {}) =>
  network({
    shapes: { x: image, y: image, ...(outputs.length > 1 && { mean: [8], variance: [8] }) },
    constants: { s: [8], b: [8], m: [8], v: [8] },
    nodes: [{ op: 'BatchNormalization', inputs: ['x', 's', 'b', 'm', 'v'], outputs, attributes }],
  });
const withConstant = (op: string, c: readonly number[] | Tensor, x: readonly number[] = image): Graph =>
  network({ shapes: { x, y: image }, constants: { c }, nodes: [{ op, inputs: ['x', 'c'], outputs: ['y'] }] });
const reshape = 'N×C×1×1 to N×C, or back';
const cuts = 'channels, or rows and columns';
const cut = (starts: number[], ends: number[], axes: number[], steps: number[], y: readonly number[]) =>
  network({
    shapes: { x: image, y },
    constants: { starts: { int64: starts }, ends: { int64: ends }, axes: { int64: axes }, steps: { int64: steps } },
    nodes: [{ op: 'Slice', inputs: ['x', 'starts', 'ends', 'axes', 'steps'], outputs: ['y'] }],
  });
const resized = ([h, w]: readonly [number, number], attributes: NodeSpec['attributes']) =>
  network({
    shapes: { x: image, y: [1, 8, 16 * h, 16 * w] },
    constants: { s: floats(1, 1, h, w) },
    nodes: [{ op: 'Resize', inputs: ['x', '', 's'], outputs: ['y'], ...(attributes && { attributes }) }],
  });
const biased = (b: readonly number[]) =>
  network({
    shapes: { x: [2, 8], y: [2, 4] },
    constants: { w: [8, 4], b },
    nodes: [{ op: 'Gemm', inputs: ['x', 'w', 'b'], outputs: ['y'] }],
  });
const relu = single('Relu', { x: image, y: image });

describeRules(openNvdlaRules, [
  { rule: 'nvdla/precision', target: 'nv_full', precision: 'float16', passes: [relu], fails: [] },
  { rule: 'nvdla/precision', target, precision: 'float16', passes: [], fails: [[relu, 'FP16 arithmetic', 'none']] },
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
    rule: 'nvdla/transposed-input',
    target,
    passes: [single('Gemm', { x: [1, 8], y: [1, 4] }, { transB: 1 }, { constants: { w: [4, 8] } })],
    fails: [
      [single('Gemm', { x: [8, 1], y: [1, 4] }, { transA: 1 }, { constants: { w: [8, 4] } }), 'transA 0', 'transA 1'],
    ],
  },
  {
    rule: 'nvdla/fully-connected-bias',
    target,
    passes: [biased([4]), biased([1, 4]), biased([1]), biased([1, 1])],
    fails: [
      [biased([2, 4]), 'one number, or one for each output', '2×4'],
      [biased([2, 1]), 'one number, or one for each output', '2×1'],
    ],
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
    rule: 'nvdla/lrn-size',
    target,
    passes: [3, 5, 7, 9].map((size) => single('LRN', { x: image, y: image }, { size })),
    fails: [1, 4, 11].map((size) => [single('LRN', { x: image, y: image }, { size }), '3, 5, 7 or 9', size] as const),
  },
  {
    rule: 'nvdla/lrn-base',
    target,
    passes: [lrn({ bias: 0.5, alpha: 0 })],
    fails: [
      [lrn({ bias: 0, alpha: 1 }), 'bias above 0, alpha from 0', 'bias 0 and alpha 1'],
      [lrn({ bias: 1, alpha: -1 }), 'bias above 0, alpha from 0', 'bias 1 and alpha -1'],
    ],
  },
  {
    rule: 'nvdla/deconvolution-kernel',
    target,
    passes: [deconvolution([64, 32], [2, 1])],
    fails: [
      [deconvolution([65, 1], [2, 2]), '1…64', 65],
      [deconvolution([1, 33], [1, 1]), '1…32', 33],
    ],
  },
  {
    rule: 'nvdla/deconvolution-stride',
    target,
    passes: [deconvolution([8, 8], [8, 8])],
    fails: [[deconvolution([8, 9], [8, 9]), '1…8', '8×9']],
  },
  {
    rule: 'nvdla/pooling-stride',
    target,
    passes: [
      pool('MaxPool', { strides: [8, 8] }),
      pool('AveragePool', { kernel_shape: [10, 20], strides: [10, 20] }),
      single('MaxPool', { x: image, y: [1, 8, 1, 1] }, { kernel_shape: [16, 15], strides: [16, 15] }),
    ],
    fails: [
      [pool('AveragePool', { strides: [9, 1] }), '1…8', '9×1'],
      [pool('MaxPool', { kernel_shape: [11, 8], strides: [11, 8] }), '1…8', 11],
    ],
  },
  {
    rule: 'nvdla/pooling-window',
    target,
    passes: [
      pool('MaxPool', { kernel_shape: [32, 31] }),
      pool('AveragePool', { kernel_shape: [40, 40], strides: [40, 40] }),
      single('GlobalMaxPool', { x: [1, 8, 64, 31], y: [1, 8, 1, 1] }),
    ],
    fails: [
      [pool('AveragePool', { kernel_shape: [33, 3] }), '1…32', '33×3'],
      [single('GlobalAveragePool', { x: [1, 8, 64, 37], y: [1, 8, 1, 1] }), '1…32', 37],
    ],
  },
  {
    rule: 'nvdla/pooling-width',
    target: 'nv_full',
    passes: [
      single('MaxPool', { x: [1, 8, 8, 4103], y: [1, 8, 1, 4096] }, { kernel_shape: [8, 8] }),
      single('MaxPool', { x: [1, 8, 8, 8192], y: [1, 8, 1, 4093] }, { kernel_shape: [8, 8], strides: [1, 2] }),
      // Steps by its own size, or goes through the convolution core.
      single('AveragePool', { x: [1, 8, 9, 8192], y: [1, 8, 1, 910] }, { kernel_shape: [9, 9], strides: [9, 9] }),
      single('AveragePool', { x: [1, 8, 11, 8192], y: [1, 8, 1, 8182] }, { kernel_shape: [11, 11] }),
    ],
    fails: [
      [single('MaxPool', { x: [1, 8, 8, 4104], y: [1, 8, 1, 4097] }, { kernel_shape: [8, 8] }), 'at most 4096', 4097],
      [single('MaxPool', { x: [1, 8, 9, 4097], y: [1, 8, 1, 4089] }, { kernel_shape: [9, 9] }), 'at most 4096', 4097],
    ],
  },
  {
    rule: 'nvdla/pooling-padding',
    target,
    passes: [pool('MaxPool', { kernel_shape: [8, 9], pads: [7, 8, 7, 8] })],
    fails: [[pool('MaxPool', { kernel_shape: [9, 2], pads: [8, 2, 0, 0] }), '0…1', '8×2×0×0']],
  },
  {
    rule: 'nvdla/average-beyond',
    target,
    passes: [
      pool('AveragePool', { strides: [2, 2], ceil_mode: 1 }),
      pool('AveragePool', { kernel_shape: [4, 4], strides: [2, 2], ceil_mode: 1, count_include_pad: 1 }),
    ],
    fails: [[pool('AveragePool', { strides: [2, 2], ceil_mode: 1, count_include_pad: 1 }), '0,0,0,0', '0,0,1,1']],
  },
  {
    rule: 'nvdla/constant-parameters',
    target,
    passes: [
      single('Clip', { x: image, y: image }, {}, { constants: { low: [], high: [] } }),
      single('PRelu', { x: image, y: image }, {}, { constants: { slope: [8, 1, 1] } }),
    ],
    fails: [
      [single('Clip', { x: image, low: [], y: image }), 'constant', 'run-time'],
      [single('PRelu', { x: image, slope: [8, 1, 1], y: image }), 'constant', 'run-time'],
      [
        single('BatchNormalization', { x: image, s: [8], y: image }, {}, { constants: { b: [8], m: [8], v: [8] } }),
        'constant',
        'run-time',
      ],
    ],
  },
  {
    rule: 'nvdla/training',
    target,
    passes: [normalized(['y'])],
    fails: [
      [normalized(['y', 'mean', 'variance']), 1, 3],
      [normalized(['y'], { training_mode: 1 }), 'inference', 'training'],
    ],
  },
  {
    rule: 'nvdla/operands',
    target,
    passes: [binary('Max', image)],
    fails: [
      [single('Max', { a: image, b: image, c: image, y: image }), 2, 3],
      [single('Sum', { a: image, y: image }), 2, 1],
    ],
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
    rule: 'nvdla/constant-operand',
    target,
    passes: [withConstant('Add', [8, 1, 1]), withConstant('Mul', []), withConstant('Max', [8, 1, 1])],
    fails: [
      [withConstant('Add', [16]), 'one number, or one for each channel', '16'],
      [withConstant('Mul', image), 'one number, or one for each channel', '1×8×16×16'],
      [withConstant('Add', [8, 1, 1], [1, 1, 16, 16]), 'one number, or one for each channel', '1×1×16×16 to 1×8×16×16'],
      [withConstant('Min', floats(1, 2)), 'one number', '2'],
    ],
  },
  {
    rule: 'nvdla/dimensions',
    target,
    passes: [relu, single('Relu', { x: [2, 8], y: [2, 8] })],
    fails: [
      [single('Sigmoid', { x: [1, 8, 16], y: [1, 8, 16] }), '4 or 2 dimensions', '1×8×16'],
      [single('Concat', { a: [8], b: [8], y: [16] }, { axis: -1 }), '4 or 2 dimensions', '8'],
    ],
  },
  {
    rule: 'nvdla/extent',
    target: 'nv_full',
    passes: [
      single('Relu', { x: [1, 8192, 1, 1], y: [1, 8192, 1, 1] }),
      convolution({ channels: 8, size: [4, 8192] }),
      // Nothing is moved: who reads it is judged.
      single('Flatten', { x: [1, 9000, 1, 1], y: [1, 9000] }),
    ],
    fails: [
      [convolution({ channels: 9000, size: [4, 4] }), '1…8192', 9000],
      [convolution({ channels: 8, kernels: 8193, size: [4, 4] }), '1…8192', 8193],
      [convolution({ channels: 8, size: [4, 9000] }), '1…8192', 9000],
      [convolution({ channels: 8, size: [9000, 4] }), '1…8192', 9000],
      [single('Relu', { x: [1, 9000], y: [1, 9000] }), '1…8192', 9000],
    ],
  },
  {
    rule: 'nvdla/reshape',
    target,
    passes: [single('Flatten', { x: [1, 8, 1, 1], y: [1, 8] }), single('Squeeze', { x: [1, 8, 1, 1], y: [1, 8] })],
    fails: [
      [single('Reshape', { x: image, y: [1, 16, 8, 16] }), reshape, '1×8×16×16 to 1×16×8×16'],
      [single('Flatten', { x: [1, 8, 2, 1], y: [1, 16] }), reshape, '1×8×2×1 to 1×16'],
    ],
  },
  {
    rule: 'nvdla/axis',
    target,
    passes: [split(1), split(-3), split(2), single('Concat', { a: image, b: image, y: [1, 8, 16, 32] }, { axis: -1 })],
    fails: [[single('Concat', { a: image, b: image, y: [2, 8, 16, 16] }, { axis: 0 }), '1, 2 or 3', 0]],
  },
  {
    rule: 'nvdla/concat-constant',
    target,
    passes: [single('Concat', { a: image, b: image, y: [1, 16, 16, 16] }, { axis: 1 })],
    fails: [
      [single('Concat', { a: image, y: [1, 16, 16, 16] }, { axis: 1 }, { constants: { b: image } }), 'run-time', 'b'],
    ],
  },
  {
    rule: 'nvdla/slice-bounds',
    target,
    passes: [cut([0], [4], [1], [1], [1, 4, 16, 16])],
    fails: [[single('Slice', { x: image, starts: [1], ends: [1], y: [1, 4, 16, 16] }), 'constant', 'run-time']],
  },
  {
    rule: 'nvdla/slice',
    target,
    passes: [cut([0], [4], [1], [1], [1, 4, 16, 16]), cut([1, -9], [9, -1], [2, 3], [2, 1], [1, 8, 4, 8])],
    fails: [
      [cut([0, 0], [4, 8], [1, 2], [1, 1], [1, 4, 8, 16]), cuts, '1×8×16×16 to 1×4×8×16'],
      [cut([0], [8], [1], [2], [1, 4, 16, 16]), '1, of pixels from 1', 'step 2 along axis 1'],
      [cut([-1], [-17], [3], [-1], image), '1, of pixels from 1', 'step -1 along axis 3'],
    ],
  },
  {
    rule: 'nvdla/resize',
    target,
    passes: [
      resized([8, 1], { coordinate_transformation_mode: 'asymmetric', nearest_mode: 'floor' }),
      resized([2, 3], { coordinate_transformation_mode: 'half_pixel', nearest_mode: 'round_prefer_ceil' }),
    ],
    fails: [
      [resized([9, 1], {}), '1×1 and whole numbers of 1…8', '1×1×9×1'],
      [resized([1, 0.5], {}), '1×1 and whole numbers of 1…8', '1×1×1×0.5'],
      [resized([2, 2], { mode: 'linear' }), 'nearest', 'linear'],
      [
        resized([3, 3], { coordinate_transformation_mode: 'asymmetric' }),
        'asymmetric + floor, half_pixel + round_prefer_floor',
        'asymmetric + round_prefer_floor',
      ],
    ],
  },
]);
