/**
 * Convolution and fully connected layers. The limits are those of TensorRT's layer table. The convolution buffer test
 * is TensorRT's own, published in the guide as pseudo-code for a buffer of 16 banks × 256 entries × 128 bytes: the
 * kernel that is worked on and the input rows it slides over must fit at once. TensorRT runs it itself since 8.6.0
 * (FAQ); before that the same networks fail later, in the DLA compiler. It is necessary, not sufficient: a convolution
 * at exactly 16 banks has been refused (NVIDIA/TensorRT#3499).
 */

import type { Precision } from '../../base/data-type.ts';
import type { Node } from '../../graph/graph.ts';
import { gemmOf } from '../../graph/operators/point.ts';
import { groupsOf, type Window } from '../../graph/operators/window.ts';
import {
  always,
  constantInput,
  outside,
  type Rule,
  type RuleContext,
  rule,
  sources,
  span,
  spatialDimensions,
  times,
} from '../rule.ts';

const stated = { severity: 'refuse', operators: ['Conv'] } as const;

interface Convolution extends Window {
  readonly input: readonly number[];
  readonly weights: readonly number[];
}

/** The geometry of a 2-D convolution whose shapes are known. */
function convolutionOf(node: Node, context: RuleContext): Convolution | undefined {
  const input = context.shape(node.inputs[0]);
  const weights = context.shape(node.inputs[1]);
  if (input?.length !== 4 || weights?.length !== 4) return undefined;
  const window = context.window(node);
  return window && { input, weights, ...window };
}

/** Banks of the convolution buffer that the guide's test asks for. */
export interface CbufNeed {
  readonly weightBanks: number;
  readonly dataBanks: number;
}

/** The guide's pseudo-code. `channels` are all input channels, also of a grouped convolution. */
export function cbufNeed(
  {
    channels,
    width,
    kernel,
    dilation,
  }: { channels: number; width: number; kernel: readonly number[]; dilation: number },
  precision: Precision,
): CbufNeed {
  const elementBytes = precision === 'int8' ? 1 : 2;
  const [height = 1, across = 1] = kernel;
  const kernelBytes = Math.ceil((channels * height * across * elementBytes) / 128) * 128;
  const entriesPerSlice = Math.ceil((Math.ceil((channels * elementBytes) / 32) * width) / 4);
  const dilatedHeight = (height - 1) * dilation + 1;
  return {
    weightBanks: Math.ceil(kernelBytes / 32768),
    dataBanks: Math.ceil((entriesPerSlice * dilatedHeight) / 256),
  };
}

/** The finding of a convolution to whose need of banks `wrong` has an objection, which ends the message. */
function banksOf(node: Node, context: RuleContext, limit: number, wrong: (banks: number) => string | undefined) {
  const convolution = convolutionOf(node, context);
  if (!convolution) return undefined;
  const { input, kernel, dilations } = convolution;
  const shape = { channels: input[1]!, width: input[3]!, kernel, dilation: dilations[0] ?? 1 };
  const { weightBanks, dataBanks } = cbufNeed(shape, context.precision);
  const value = weightBanks + dataBanks;
  const found = wrong(value);
  if (found === undefined) return undefined;
  const { channels, width, dilation } = shape;
  return {
    message: `${weightBanks} for one kernel + ${dataBanks} for the input rows = ${value} banks, ${found}`,
    values: { limit, value, weightBanks, dataBanks, channels, width, kernel: times(kernel), dilation },
    fix: { advice: cbufAdvice(weightBanks, dataBanks) },
  };
}

const cbufAdvice = (weightBanks: number, dataBanks: number): string =>
  dataBanks >= weightBanks
    ? 'Narrow the input rows: a smaller input width, fewer input channels, or tiles of the image.'
    : 'Make one kernel smaller: split the input channels over several convolutions and add their results.';

export const convolutionRules: readonly Rule[] = [
  rule({
    ...stated,
    id: 'convolution/spatial',
    doc: 'A convolution has two spatial dimensions (a 4-D input).',
    limits: always(2, sources.guide),
    test: (node, context, limit) => {
      const finding = spatialDimensions(node, context, limit);
      return (
        finding && {
          ...finding,
          fix: {
            advice:
              finding.values.value === 1
                ? 'Give the tensor a height of 1 (N×C×1×W) and use a 1×k kernel.'
                : 'Split the depth into 2-D convolutions, or leave the 3-D part to the GPU.',
          },
        }
      );
    },
  }),
  rule({
    ...stated,
    id: 'convolution/constant-weights',
    doc: 'The weights of a convolution are constants.',
    limits: always('constant', `${sources.guide}; ${sources.matrix}`),
    test: constantInput(1, 'weight'),
  }),
  rule({
    ...stated,
    id: 'convolution/constant-bias',
    doc: 'The bias of a convolution is a constant.',
    limits: always('constant', sources.reading, 'inferred'),
    test: constantInput(2, 'bias'),
  }),
  rule({
    ...stated,
    id: 'convolution/kernel',
    doc: (range) => `Each kernel dimension lies in ${span(range)}.`,
    limits: always([1, 32], sources.guide),
    test: (node, context, range) =>
      outside('kernel', convolutionOf(node, context)?.kernel, range, {
        advice: `Split the kernel into several of at most ${range[1]} and add their results.`,
      }),
  }),
  rule({
    ...stated,
    id: 'convolution/stride',
    doc: (range) => `Each stride lies in ${span(range)}.`,
    limits: always([1, 8], sources.guide),
    test: (node, context, range) =>
      outside('stride', convolutionOf(node, context)?.strides, range, {
        advice: 'Use a smaller stride and subsample in a second step (pooling, stride 1…16).',
      }),
  }),
  rule({
    ...stated,
    id: 'convolution/padding',
    doc: (range) => `Each padding lies in ${span(range)}.`,
    limits: always([0, 31], sources.guide),
    test: (node, context, range) => outside('padding', convolutionOf(node, context)?.pads, range),
  }),
  rule({
    ...stated,
    id: 'convolution/padding-kernel',
    doc: 'Each padding is smaller than the kernel in its dimension (not counting dilation).',
    limits: always('kernel − 1', sources.guide),
    test: (node, context) => {
      const { pads, kernel } = convolutionOf(node, context) ?? { pads: [], kernel: [] };
      const axis = kernel.findIndex((size, at) => (pads[at] ?? 0) >= size || (pads[at + kernel.length] ?? 0) >= size);
      if (axis === -1) return undefined;
      const value = Math.max(pads[axis] ?? 0, pads[axis + kernel.length] ?? 0);
      const limit = kernel[axis]! - 1;
      return {
        message: `padding ${value} along axis ${axis + 2} with a kernel of ${kernel[axis]}, allowed 0…${limit}`,
        values: { limit, value, kernel: kernel[axis]!, axis: axis + 2 },
        fix: { advice: 'Zero-fill the kernel up to the padding plus one, or pad the tensor before the convolution.' },
      };
    },
  }),
  rule({
    ...stated,
    id: 'convolution/dilation',
    doc: (range) => `Each dilation lies in ${span(range)}.`,
    limits: always([1, 32], sources.guide),
    test: (node, context, range) => outside('dilation', convolutionOf(node, context)?.dilations, range),
  }),
  rule({
    ...stated,
    id: 'convolution/outputs',
    doc: (range) => `A convolution has ${span(range)} output maps.`,
    limits: always([1, 8192], sources.guide),
    test: (node, context, range) =>
      outside('output maps', convolutionOf(node, context)?.weights.slice(0, 1), range, {
        advice: 'Split the output maps over several convolutions.',
      }),
  }),
  rule({
    ...stated,
    id: 'convolution/groups',
    doc: (range) => `A convolution has ${span(range)} groups (1…4 where its input is a dla_hwc4 network input).`,
    limits: always([1, 8192], sources.guide),
    test: (node, _, range) => outside('groups', [groupsOf(node)], range),
  }),
  rule({
    ...stated,
    id: 'convolution/cbuf',
    doc: ({ banks, tested }) =>
      tested
        ? `One kernel and the input rows under it fit the ${banks} banks of the convolution buffer.`
        : `One kernel and the input rows under it should fit the ${banks} banks of the convolution buffer; this TensorRT does not test it, and the DLA compiler may refuse the whole segment.`,
    limits: [
      {
        until: [8, 6, 0],
        value: { banks: 16, tested: false },
        source: `${sources.guide} (pseudo-code); ${sources.faq}`,
        evidence: 'documented',
        severity: 'warn',
      },
      {
        since: [8, 6, 0],
        value: { banks: 16, tested: true },
        source: `${sources.guide} (pseudo-code); run by TensorRT since 8.6.0: ${sources.faq}`,
        evidence: 'documented',
      },
    ],
    test: (node, context, { banks }) =>
      banksOf(node, context, banks, (need) => (need > banks ? `allowed ${banks}` : undefined)),
  }),
  rule({
    ...stated,
    id: 'convolution/cbuf-risky',
    doc: (banks) =>
      `A convolution that needs exactly ${banks} banks of the convolution buffer passes the published test and has still been refused.`,
    limits: always(16, 'NVIDIA/TensorRT#3499', 'log'),
    severity: 'warn',
    test: (node, context, banks) =>
      banksOf(node, context, banks, (need) => (need === banks ? `the very limit of ${banks}` : undefined)),
  }),
];

const connected = ['Gemm', 'MatMul'];
const asConvolution = (node: Node): string =>
  `Rewrite ${node.op} as a 1×1 convolution on an N×C×1×1 tensor; that also drops the Flatten in front of it.`;

export const fullyConnectedRules: readonly Rule[] = [
  rule({
    ...stated,
    id: 'fully-connected/layer',
    operators: connected,
    doc: 'Since TensorRT 10 there is no fully connected layer: Gemm and MatMul are matrix products, which the DLA does not have.',
    limits: [{ since: [10, 0, 0], value: 'a convolution', source: sources.header, evidence: 'header' }],
    test: (node, _context, limit) => ({
      message: `${node.op} is a matrix product, allowed ${limit}`,
      values: { limit, value: 'matrix product' },
      fix: { advice: asConvolution(node) },
    }),
  }),
  rule({
    ...stated,
    id: 'fully-connected/constant-weights',
    operators: connected,
    doc: 'The second operand of Gemm and MatMul is a constant, so that it becomes a fully connected layer.',
    limits: always('constant', sources.matrix),
    test: (node, context, limit) => {
      const value = node.inputs[1];
      if (!value || context.constant(value)) return undefined;
      return {
        message: `second operand ${value} is computed at run time`,
        values: { limit, value: 'run-time', input: value },
        fix: {
          advice:
            'Keep products of two run-time tensors (attention) on the GPU, grouped together so that they split once.',
        },
      };
    },
  }),
  rule({
    ...stated,
    id: 'fully-connected/constant-bias',
    operators: ['Gemm'],
    doc: 'The third operand of Gemm is a constant.',
    limits: always('constant', sources.reading, 'inferred'),
    test: constantInput(2, 'bias'),
  }),
  rule({
    ...stated,
    id: 'fully-connected/gemm-form',
    operators: ['Gemm'],
    doc: (form) => `Gemm has ${form}, so that it becomes a fully connected layer.`,
    limits: always('alpha 1, beta 1, transA 0', sources.reading, 'inferred'),
    test: (node, _, limit) => {
      const { alpha, beta, transA } = gemmOf(node);
      const value = `alpha ${alpha}, beta ${node.inputs[2] ? beta : 1}, transA ${Number(transA)}`;
      return value === limit
        ? undefined
        : {
            message: value,
            values: { limit, value },
            fix: { advice: 'Fold alpha and beta into the weights and the bias.' },
          };
    },
  }),
  rule({
    ...stated,
    id: 'fully-connected/vectors',
    operators: connected,
    doc: 'A fully connected layer multiplies one vector per batch item: the dimensions between batch and channels are 1.',
    limits: always('N×C by C×K', sources.reading, 'inferred'),
    test: (node, context, limit) => {
      const input = context.shape(node.inputs[0]);
      const weights = context.shape(node.inputs[1]);
      // Products of two run-time tensors are refused as such.
      if (!input || !weights || !context.constant(node.inputs[1])) return undefined;
      if (weights.length === 2 && input.slice(1, -1).every((dim) => dim === 1) && input.length >= 2) return undefined;
      return {
        message: `${times(input)} by ${times(weights)}, allowed ${limit}`,
        values: { limit, value: `${times(input)} by ${times(weights)}` },
        fix: { advice: 'Rewrite the product as a 1×1 convolution on an N×C×1×T tensor.' },
      };
    },
  }),
  rule({
    ...stated,
    id: 'fully-connected/outputs',
    operators: connected,
    doc: (range) => `A fully connected layer has ${span(range)} output maps.`,
    limits: always([1, 8192], sources.guide),
    test: (node, context, range) =>
      outside('output maps', context.shape(node.outputs[0])?.slice(-1), range, {
        advice: 'Split the outputs over several layers.',
      }),
  }),
  rule({
    ...stated,
    id: 'fully-connected/shuffle',
    operators: connected,
    doc: 'A fully connected layer on a tensor of fewer than four dimensions gets a shuffle layer in front and behind, which the DLA cannot run.',
    limits: always(4, `${sources.log}: "At least one shuffle layer will be inserted which cannot run on DLA"`, 'log'),
    severity: 'warn',
    test: (node, context, limit) => {
      const input = context.shape(node.inputs[0]);
      if (!input || input.length >= limit) return undefined;
      return {
        message: `${input.length}-D input, a shuffle runs on the GPU`,
        values: { limit, value: input.length },
        fix: { advice: asConvolution(node) },
      };
    },
  }),
];
