/** Networks of one operator, or of the few that one launch does together: what the open NVDLA is asked to run. */

import type { Graph } from '../../src/graph/graph.ts';
import { float32Tensor, int64Tensor } from '../../src/graph/tensor.ts';
import { float, GraphBuilder, int, ints, text } from '../../src/models/graph-builder.ts';

export interface OperatorCase {
  readonly title: string;
  readonly graph: Graph;
  /** The rule that sends it to the host, on every configuration. */
  readonly rule?: string;
  /** Of the numbers that come in. */
  readonly range?: readonly [number, number];
}

const build = (make: (b: GraphBuilder) => void): Graph => {
  const b = new GraphBuilder('net', { seed: 5 });
  make(b);
  return b.build();
};

/** Channels that fill no atom of any configuration. */
const shape = [2, 13, 6, 5] as const;

type Make = (b: GraphBuilder, x: string) => string | readonly string[];

const of = (
  title: string,
  make: Make,
  rest: Omit<OperatorCase, 'title' | 'graph'> = {},
  input: readonly number[] = shape,
) => ({
  title,
  graph: build((b) => b.output(...[make(b, b.input('x', input))].flat())),
  ...rest,
});

const indices = (b: GraphBuilder, name: string, values: readonly number[]) =>
  b.constant(name, int64Tensor([values.length], values));

const vector = (b: GraphBuilder, name: string, dims: readonly number[], low: number, high: number) =>
  b.constant(
    name,
    float32Tensor(
      dims,
      Array.from({ length: dims.reduce((count, dim) => count * dim, 1) }, () => b.random.between(low, high)),
    ),
  );

interface Deconvolution {
  readonly kernel: readonly [number, number];
  readonly stride: readonly [number, number];
  readonly pads?: readonly number[];
  readonly more?: readonly [number, number];
  readonly dilation?: readonly [number, number];
  readonly groups?: number;
  readonly channels?: number;
  /** The output size, where attributes say it otherwise. */
  readonly size?: readonly [number, number];
  readonly attributes?: Parameters<GraphBuilder['node']>[3];
}

const deconvolution =
  (given: Deconvolution): Make =>
  (b, x) => {
    const [n = 1, c = 1, h = 1, w = 1] = b.shape(x);
    const { kernel, stride, pads = [0, 0, 0, 0], more = [0, 0], dilation = [1, 1], groups = 1, channels = 20 } = given;
    const weights = vector(b, 'w', [c, channels / groups, ...kernel], -1, 1);
    const bias = vector(b, 'bias', [channels], -1, 1);
    const along = (size: number, axis: 0 | 1) =>
      (size - 1) * stride[axis] + (kernel[axis] - 1) * dilation[axis] + 1 + more[axis] - pads[axis]! - pads[axis + 2]!;
    const size = given.size ?? [along(h, 0), along(w, 1)];
    return b.node(
      'ConvTranspose',
      [x, weights, bias],
      [[n, channels, ...size]],
      given.attributes ?? {
        kernel_shape: ints(kernel),
        strides: ints(stride),
        pads: ints(pads),
        dilations: ints(dilation),
        output_padding: ints(more),
        group: int(groups),
      },
    );
  };

const cut =
  (
    starts: readonly number[],
    ends: readonly number[],
    axes: readonly number[],
    steps: readonly number[],
    to: readonly number[],
  ): Make =>
  (b, x) =>
    b.node(
      'Slice',
      [x, indices(b, 'starts', starts), indices(b, 'ends', ends), indices(b, 'axes', axes), indices(b, 'steps', steps)],
      [to],
    );

const conv = (b: GraphBuilder, x: string, channels = 13) => b.conv(x, { channels, kernel: 1 });
const unary =
  (op: string): Make =>
  (b, x) =>
    b.unary(op, x);

export const operatorCases: readonly OperatorCase[] = [
  // Convolution
  of('Conv', (b, x) => b.conv(x, { channels: 21, kernel: [3, 2], stride: [2, 1], padding: [1, 0, 2, 1] })),
  of('Conv, dilated', (b, x) => b.conv(x, { channels: 9, kernel: 3, dilation: 2, padding: 2 })),
  of('Conv, grouped', (b, x) => b.conv(x, { channels: 18, kernel: 3, padding: 1, groups: 3 }), {}, [2, 12, 6, 5]),
  of('Conv, depthwise', (b, x) => b.conv(x, { channels: 77, kernel: 3, padding: 1, groups: 77 }), {}, [2, 77, 6, 5]),
  of('Conv, depthwise with two kernels', (b, x) => b.conv(x, { channels: 26, kernel: 3, groups: 13 })),
  of('Conv over an image', (b, x) => b.conv(x, { channels: 20, kernel: 7, stride: 2, padding: 3 }), {}, [2, 3, 17, 19]),
  of('Conv over an image of one channel', (b, x) => b.conv(x, { channels: 10, kernel: 5 }), {}, [2, 1, 17, 19]),
  of('Conv with a kernel of 32', (b, x) => b.conv(x, { channels: 9, kernel: [32, 1] }), {}, [1, 5, 40, 3]),
  of(
    'Conv with kernels larger than the buffer',
    (b, x) => b.conv(x, { channels: 20, kernel: 3, padding: 1 }),
    {},
    [1, 2048, 4, 3],
  ),
  of(
    'Conv with a kernel of 33',
    (b, x) => b.conv(x, { channels: 9, kernel: [33, 1] }),
    { rule: 'nvdla/convolution-kernel' },
    [1, 5, 40, 3],
  ),
  of(
    'Conv with a stride of 9',
    (b, x) => b.conv(x, { channels: 9, kernel: 1, stride: 9 }),
    { rule: 'nvdla/convolution-stride' },
    [1, 5, 40, 30],
  ),
  of('Gemm', (b, x) => b.gemm(b.flatten(x), 11)),
  of('Gemm behind an average', (b, x) => b.gemm(b.flatten(b.globalAveragePool(b.relu(conv(b, x)))), 11)),
  of('Gemm larger than the buffer', (b, x) => b.gemm(b.flatten(x), 20), {}, [1, 512, 7, 7]),
  of('ConvTranspose', deconvolution({ kernel: [2, 2], stride: [2, 2] })),
  of('ConvTranspose, ReLU', (b, x) => b.relu([deconvolution({ kernel: [2, 2], stride: [2, 2] })(b, x)].flat()[0]!)),
  of('ConvTranspose, overlapping', deconvolution({ kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1] })),
  of('ConvTranspose, padded', deconvolution({ kernel: [3, 3], stride: [2, 2], pads: [1, 1, 1, 1], more: [1, 1] })),
  of('ConvTranspose, uneven', deconvolution({ kernel: [5, 3], stride: [3, 2], pads: [2, 0, 1, 2] })),
  of('ConvTranspose, sparser than its stride', deconvolution({ kernel: [1, 2], stride: [3, 3], channels: 5 })),
  of('ConvTranspose, dilated', deconvolution({ kernel: [3, 3], stride: [2, 2], dilation: [3, 2], pads: [1, 1, 1, 1] })),
  of('ConvTranspose of stride 1', deconvolution({ kernel: [3, 3], stride: [1, 1], pads: [1, 1, 1, 1] })),
  of(
    'ConvTranspose, grouped',
    deconvolution({ kernel: [4, 4], stride: [2, 2], groups: 3, channels: 24, pads: [1, 1, 1, 1] }),
    {},
    [2, 12, 5, 4],
  ),
  of(
    'ConvTranspose, depthwise',
    deconvolution({ kernel: [4, 4], stride: [2, 2], groups: 32, channels: 32, pads: [1, 1, 1, 1] }),
    {},
    [2, 32, 5, 4],
  ),
  of(
    'ConvTranspose of an output shape',
    deconvolution({
      kernel: [3, 3],
      stride: [2, 2],
      size: [12, 10],
      attributes: { strides: ints([2, 2]), output_shape: ints([12, 10]) },
    }),
  ),
  of(
    'ConvTranspose with SAME_UPPER',
    deconvolution({
      kernel: [3, 3],
      stride: [2, 2],
      size: [12, 10],
      attributes: { strides: ints([2, 2]), auto_pad: text('SAME_UPPER') },
    }),
  ),
  of(
    'ConvTranspose with a stride of 9',
    deconvolution({ kernel: [9, 9], stride: [9, 9], channels: 2 }),
    { rule: 'nvdla/deconvolution-stride' },
    [1, 3, 4, 4],
  ),

  // Pooling and normalization
  of('MaxPool', (b, x) => b.maxPool(x, { kernel: 3, stride: 2, padding: 1 })),
  of('MaxPool, rounding up', (b, x) => b.maxPool(x, { kernel: 2, stride: 2, ceil: true })),
  of('MaxPool of 13×13', (b, x) => b.maxPool(x, { kernel: 13, stride: 1, padding: 6 }), {}, [1, 13, 14, 20]),
  of(
    'MaxPool of 9×4 in steps',
    (b, x) => b.maxPool(x, { kernel: [9, 4], stride: 2, padding: [4, 1, 3, 2] }),
    {},
    [1, 13, 23, 20],
  ),
  of(
    'MaxPool wider than the line buffer',
    (b, x) => b.maxPool(x, { kernel: 3, stride: 1, padding: 1 }),
    {},
    [1, 9, 4, 700],
  ),
  of('AveragePool', (b, x) => b.averagePool(x, { kernel: [3, 2], stride: 1 }), { range: [0, 1] }),
  of('AveragePool over padding', (b, x) => b.averagePool(x, { kernel: 3, stride: 2, padding: 1, countPadding: true }), {
    range: [0, 1],
  }),
  of(
    'AveragePool of 10×10',
    (b, x) => b.averagePool(x, { kernel: 10, stride: 3, padding: 2, countPadding: true }),
    { range: [0, 1] },
    [1, 13, 24, 23],
  ),
  of('AveragePool within the image', (b, x) => b.averagePool(x, { kernel: 3, padding: 1 }), {
    rule: 'nvdla/exclusive-average',
  }),
  of('Conv, AveragePool', (b, x) => b.averagePool(b.relu(conv(b, x)), { kernel: 2, stride: 2 })),
  of(
    'Conv, ReLU, MaxPool',
    (b, x) => b.maxPool(b.relu(b.conv(x, { channels: 21, kernel: 3, padding: 1 })), { kernel: 3, stride: 2 }),
    {},
    [2, 13, 12, 11],
  ),
  of('GlobalAveragePool', (b, x) => b.globalAveragePool(x), { range: [0, 1] }, [2, 13, 14, 28]),
  of('GlobalAveragePool of a prime', (b, x) => b.globalAveragePool(x), { range: [0, 1] }, [2, 13, 11, 13]),
  of('GlobalMaxPool', (b, x) => b.node('GlobalMaxPool', [x], [[2, 13, 1, 1]]), {}, [2, 13, 11, 13]),
  of(
    'LRN',
    (b, x) => b.unary('LRN', x, { size: int(5), alpha: float(0.5), beta: float(0.75), bias: float(1) }),
    { range: [-6, 6] },
    [2, 37, 4, 5],
  ),
  of(
    'LRN of AlexNet',
    (b, x) => b.unary('LRN', x, { size: int(5), alpha: float(1e-4), beta: float(0.75), bias: float(2) }),
    { range: [0, 300] },
    [2, 37, 4, 5],
  ),

  // Points
  of('Relu', unary('Relu')),
  of('Clip', (b, x) => b.clip(x, -0.5, 0.7)),
  of('LeakyRelu', (b, x) => b.unary('LeakyRelu', x, { alpha: float(0.1) })),
  of('PRelu', (b, x) => b.node('PRelu', [x, vector(b, 'slope', [13, 1, 1], 0.05, 0.9)], [shape])),
  of('Sigmoid', unary('Sigmoid'), { range: [-6, 6] }),
  of('Tanh', unary('Tanh'), { range: [-4, 4] }),
  of('Abs', unary('Abs')),
  of('HardSigmoid', unary('HardSigmoid'), { range: [-4, 4] }),
  of('HardSwish', unary('HardSwish'), { range: [-5, 5] }),
  of('SiLU', (b, x) => b.binary('Mul', x, b.unary('Sigmoid', x)), { range: [-5, 5] }),
  of('Conv, Sigmoid', (b, x) => b.unary('Sigmoid', conv(b, x)), { range: [-3, 3] }),
  of('Conv, HardSwish', (b, x) => b.unary('HardSwish', conv(b, x)), { range: [-3, 3] }),
  of('Conv, PRelu', (b, x) => b.node('PRelu', [conv(b, x), vector(b, 'slope', [13, 1, 1], 0.05, 0.9)], [shape])),
  of('Conv, LeakyRelu, Relu', (b, x) => b.relu(b.unary('LeakyRelu', conv(b, x), { alpha: float(-0.5) }))),
  of('BatchNormalization', (b, x) => b.batchNorm(b.maxPool(x, { kernel: 2 }))),
  of('Add, Relu, Clip of constants', (b, x) => b.clip(b.binary('Add', x, vector(b, 'c', [13, 1, 1], -1, 1)), 0, 1)),
  of('constant − x', (b, x) => b.binary('Sub', vector(b, 'c', [1], 0.3, 0.4), x)),
  of('Mul by constants', (b, x) => b.binary('Mul', x, vector(b, 'c', [1, 13, 1, 1], -2, 2))),
  of('Div by a constant', (b, x) => b.binary('Div', x, vector(b, 'c', [], 3, 4))),
  of('Max, Min of constants', (b, x) =>
    b.binary('Min', b.binary('Max', x, vector(b, 'low', [1], -0.5, -0.4)), vector(b, 'high', [], 0.4, 0.5)),
  ),
  of('Add of two', (b, x) => b.add(conv(b, x), b.maxPool(x, { kernel: 3, padding: 1, stride: 1 }))),
  of('Add, Relu', (b, x) => b.relu(b.add(conv(b, x), x))),
  of('Add, Clip', (b, x) => b.clip(b.add(conv(b, x), x), 0, 0.5)),
  of('Sub of two', (b, x) => b.binary('Sub', x, conv(b, x))),
  of('Sub of two that stand alone', (b, x) =>
    b.binary('Sub', b.maxPool(x, { kernel: 2 }), b.averagePool(x, { kernel: 2 })),
  ),
  of('Mul of two', (b, x) => b.binary('Mul', conv(b, x), b.maxPool(x, { kernel: 3, padding: 1, stride: 1 }))),
  of('Max of two', (b, x) => b.binary('Max', conv(b, x), x)),
  of('Min of two', (b, x) => b.binary('Min', x, conv(b, x))),
  of('Sum of three', (b, x) => b.node('Sum', [x, conv(b, x), b.relu(x)], [shape])),
  of('Max of three', (b, x) => b.node('Max', [x, conv(b, x), b.relu(x)], [shape]), { rule: 'nvdla/operands' }),
  of('Div of two', (b, x) => b.binary('Div', x, b.binary('Add', b.relu(x), vector(b, 'c', [], 1, 2))), {
    rule: 'nvdla/divisor',
  }),
  of('a gate for each channel', (b, x) =>
    b.binary('Mul', x, b.unary('Sigmoid', conv(b, b.globalAveragePool(b.relu(x))))),
  ),
  of('Add of one for each channel', (b, x) => b.binary('Add', b.globalAveragePool(b.relu(x)), conv(b, x))),
  of('Add of one for each pixel', (b, x) => b.binary('Add', x, conv(b, x, 1)), { rule: 'nvdla/broadcast' }),

  // Moves
  of('Concat inside atoms', (b, x) => b.concat([x, conv(b, x, 5), b.relu(x)])),
  of('Concat of whole atoms', (b, x) => b.concat([conv(b, x, 64), conv(b, x, 32)])),
  of('Concat of inputs', (b, x) => b.concat([x, x]), {}, [2, 32, 6, 5]),
  of('Concat along rows', (b, x) => b.node('Concat', [x, conv(b, x), b.relu(x)], [[2, 13, 18, 5]], { axis: int(2) })),
  of('Concat along columns', (b, x) => b.node('Concat', [conv(b, x), x], [[2, 13, 6, 10]], { axis: int(-1) })),
  of('Concat of batches', (b, x) => b.node('Concat', [conv(b, x), x], [[4, 13, 6, 5]], { axis: int(0) }), {
    rule: 'nvdla/axis',
  }),
  of('Split inside atoms', (b, x) => b.split(conv(b, x, 21), [4, 9, 8])),
  of('Split of whole atoms', (b, x) =>
    b.split(conv(b, x, 128), [32, 96]).map((part) => b.conv(part, { channels: 7, kernel: 1 })),
  ),
  of('Split along columns', (b, x) =>
    b.node(
      'Split',
      [x, indices(b, 'parts', [2, 3])],
      [
        [2, 13, 6, 2],
        [2, 13, 6, 3],
      ],
      { axis: int(3) },
    ),
  ),
  of('Slice of channels', (b, x) => cut([3], [11], [1], [1], [2, 8, 6, 5])(b, conv(b, x))),
  of('Slice of pixels', cut([1, -4], [6, 4], [2, 3], [1, 1], [2, 13, 5, 3])),
  of('Slice in steps', cut([1, 0], [6, 5], [2, 3], [2, 3], [2, 13, 3, 2])),
  of('Slice of channels and pixels', cut([0, 1], [8, 6], [1, 2], [1, 1], [2, 8, 5, 5]), { rule: 'nvdla/slice' }),
  of('Resize', (b, x) => b.resize(x, [2, 3])),
  of('Resize of rows', (b, x) => b.resize(conv(b, x, 40), [2, 1])),
  of('Resize, linear', (b, x) => b.resize(x, [2, 2], 'linear'), { rule: 'nvdla/resize' }),
  of('Flatten of one pixel', (b, x) => b.relu(b.flatten(b.maxPool(x, { kernel: [6, 5] })))),
  of('Reshape', (b, x) => b.relu(b.reshape(conv(b, x), [2, 13, 5, 6])), { rule: 'nvdla/reshape' }),
  of('Identity, Dropout', (b, x) => b.unary('Dropout', b.unary('Identity', b.relu(x)))),
  of('Softmax', (b, x) => b.unary('Softmax', conv(b, x), { axis: int(1) }), { rule: 'nvdla/unit' }),
];
