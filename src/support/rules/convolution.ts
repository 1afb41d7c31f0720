/**
 * Convolution and fully connected layers. The limits are those of TensorRT's layer table. The convolution buffer test
 * is TensorRT's own, published in the guide as pseudo-code for a buffer of 16 banks × 256 entries × 128 bytes: the
 * kernel that is worked on and the input rows it slides over must fit at once. TensorRT runs it itself since 8.6.0
 * (FAQ); before that the same networks fail later, in the DLA compiler. It is necessary, not sufficient: a convolution
 * at exactly 16 banks has been refused (NVIDIA/TensorRT#3499).
 */

import type { Node } from '../../graph/graph.ts';
import { floatAttribute, intAttribute } from '../../graph/graph.ts';
import type { Finding, Precision, Rule, RuleContext } from '../rule.ts';
import { constantInput, outside, sources, times, twoSpatialDimensions } from '../rule.ts';
import { type Window, windowOf } from '../window.ts';

const conv = ['Conv'];
const stated = { confidence: 'stated', severity: 'refuse', operators: conv, source: sources.guide } as const;

interface Convolution extends Window {
  readonly input: readonly number[];
  readonly weights: readonly number[];
}

/** The geometry of a 2-D convolution whose shapes are known. */
function convolutionOf(node: Node, context: RuleContext): Convolution | undefined {
  const input = context.shape(node.inputs[0]);
  const weights = context.shape(node.inputs[1]);
  if (input?.length !== 4 || weights?.length !== 4) return undefined;
  return { input, weights, ...windowOf(node, input.slice(2), weights.slice(2)) };
}

const geometry =
  (test: (convolution: Convolution, node: Node) => Finding | undefined): Rule['test'] =>
  (node, context) => {
    const convolution = convolutionOf(node, context);
    return convolution && test(convolution, node);
  };

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

const BANKS = 16;

const cbuf =
  (wrong: (banks: number) => boolean, limit: string): Rule['test'] =>
  (node, context) => {
    const convolution = convolutionOf(node, context);
    if (!convolution) return undefined;
    const { input, kernel, dilations } = convolution;
    const shape = { channels: input[1]!, width: input[3]!, kernel, dilation: dilations[0] ?? 1 };
    const { weightBanks, dataBanks } = cbufNeed(shape, context.precision);
    const value = weightBanks + dataBanks;
    if (!wrong(value)) return undefined;
    return {
      message: `${weightBanks} for one kernel + ${dataBanks} for the input rows = ${value} banks, ${limit}`,
      values: {
        limit: BANKS,
        value,
        weightBanks,
        dataBanks,
        channels: shape.channels,
        width: shape.width,
        kernel: times(kernel),
        dilation: shape.dilation,
      },
      fix: { advice: cbufAdvice(weightBanks, dataBanks) },
    };
  };

const cbufAdvice = (weightBanks: number, dataBanks: number): string =>
  dataBanks >= weightBanks
    ? 'Narrow the input rows: a smaller input width, fewer input channels, or tiles of the image.'
    : 'Make one kernel smaller: split the input channels over several convolutions and add their results.';

export const convolutionRules: readonly Rule[] = [
  {
    ...stated,
    id: 'convolution/spatial',
    doc: 'A convolution has two spatial dimensions (a 4-D input).',
    test: (node, context) => {
      const finding = twoSpatialDimensions(node, context);
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
  },
  {
    ...stated,
    id: 'convolution/constant-weights',
    doc: 'The weights of a convolution are constants.',
    source: `${sources.guide}; ${sources.matrix}`,
    test: constantInput(1, 'weight'),
  },
  {
    ...stated,
    id: 'convolution/constant-bias',
    doc: 'The bias of a convolution is a constant.',
    confidence: 'unverified',
    source: sources.reading,
    test: constantInput(2, 'bias'),
  },
  {
    ...stated,
    id: 'convolution/kernel',
    doc: 'Each kernel dimension lies in 1…32.',
    test: geometry(({ kernel }) =>
      outside('kernel', kernel, 1, 32, {
        advice: 'Split the kernel into several of at most 32 and add their results.',
      }),
    ),
  },
  {
    ...stated,
    id: 'convolution/stride',
    doc: 'Each stride lies in 1…8.',
    test: geometry(({ strides }) =>
      outside('stride', strides, 1, 8, {
        advice: 'Use a smaller stride and subsample in a second step (pooling, stride 1…16).',
      }),
    ),
  },
  {
    ...stated,
    id: 'convolution/padding',
    doc: 'Each padding lies in 0…31.',
    test: geometry(({ pads }) => outside('padding', pads, 0, 31)),
  },
  {
    ...stated,
    id: 'convolution/padding-kernel',
    doc: 'Each padding is smaller than the kernel in its dimension (not counting dilation).',
    test: geometry(({ pads, kernel }) => {
      const axis = kernel.findIndex((size, at) => (pads[at] ?? 0) >= size || (pads[at + kernel.length] ?? 0) >= size);
      if (axis === -1) return undefined;
      const value = Math.max(pads[axis] ?? 0, pads[axis + kernel.length] ?? 0);
      const limit = kernel[axis]! - 1;
      return {
        message: `padding ${value} along axis ${axis + 2} with a kernel of ${kernel[axis]}, allowed 0…${limit}`,
        values: { limit, value, kernel: kernel[axis]!, axis: axis + 2 },
        fix: { advice: 'Zero-fill the kernel up to the padding plus one, or pad the tensor before the convolution.' },
      };
    }),
  },
  {
    ...stated,
    id: 'convolution/dilation',
    doc: 'Each dilation lies in 1…32.',
    test: geometry(({ dilations }) => outside('dilation', dilations, 1, 32)),
  },
  {
    ...stated,
    id: 'convolution/outputs',
    doc: 'A convolution has 1…8192 output maps.',
    test: geometry(({ weights }) =>
      outside('output maps', [weights[0]!], 1, 8192, { advice: 'Split the output maps over several convolutions.' }),
    ),
  },
  {
    ...stated,
    id: 'convolution/groups',
    doc: 'A convolution has 1…8192 groups (1…4 where its input is a dla_hwc4 network input).',
    test: geometry((_, node) => outside('groups', [intAttribute(node, 'group', 1)], 1, 8192)),
  },
  {
    ...stated,
    id: 'convolution/cbuf',
    doc: 'One kernel and the input rows under it fit the 16 banks of the convolution buffer.',
    source: `${sources.guide} (pseudo-code); run by TensorRT since 8.6.0: ${sources.faq}`,
    since: [8, 6, 0],
    test: cbuf((banks) => banks > BANKS, 'allowed 16'),
  },
  {
    ...stated,
    id: 'convolution/cbuf-untested',
    doc: 'One kernel and the input rows under it should fit the 16 banks of the convolution buffer; this TensorRT does not test it, and the DLA compiler may refuse the whole segment.',
    source: `${sources.guide} (pseudo-code); ${sources.faq}`,
    severity: 'warn',
    until: [8, 6, 0],
    test: cbuf((banks) => banks > BANKS, 'allowed 16'),
  },
  {
    ...stated,
    id: 'convolution/cbuf-risky',
    doc: 'A convolution that needs exactly 16 banks of the convolution buffer passes the published test and has still been refused.',
    source: 'NVIDIA/TensorRT#3499',
    confidence: 'second-hand',
    severity: 'warn',
    test: cbuf((banks) => banks === BANKS, 'the very limit of 16'),
  },
];

const connected = ['Gemm', 'MatMul'];
const asConvolution = (node: Node): string =>
  `Rewrite ${node.op} as a 1×1 convolution on an N×C×1×1 tensor; that also drops the Flatten in front of it.`;

export const fullyConnectedRules: readonly Rule[] = [
  {
    ...stated,
    id: 'fully-connected/constant-weights',
    operators: connected,
    doc: 'The second operand of Gemm and MatMul is a constant, so that it becomes a fully connected layer.',
    source: sources.matrix,
    test: (node, context) => {
      const value = node.inputs[1];
      if (!value || context.constant(value)) return undefined;
      return {
        message: `second operand ${value} is computed at run time`,
        values: { limit: 'constant', value: 'run-time', input: value },
        fix: {
          advice:
            'Keep products of two run-time tensors (attention) on the GPU, grouped together so that they split once.',
        },
      };
    },
  },
  {
    ...stated,
    id: 'fully-connected/constant-bias',
    operators: ['Gemm'],
    doc: 'The third operand of Gemm is a constant.',
    confidence: 'unverified',
    source: sources.reading,
    test: constantInput(2, 'bias'),
  },
  {
    ...stated,
    id: 'fully-connected/gemm-form',
    operators: ['Gemm'],
    doc: 'Gemm has alpha = 1, beta = 1 and transA = 0, so that it becomes a fully connected layer.',
    confidence: 'unverified',
    source: sources.reading,
    test: (node) => {
      const value = [
        floatAttribute(node, 'alpha', 1),
        node.inputs[2] ? floatAttribute(node, 'beta', 1) : 1,
        intAttribute(node, 'transA', 0),
      ];
      if (value.join() === '1,1,0') return undefined;
      return {
        message: `alpha ${value[0]}, beta ${value[1]}, transA ${value[2]}`,
        values: {
          limit: 'alpha 1, beta 1, transA 0',
          value: `alpha ${value[0]}, beta ${value[1]}, transA ${value[2]}`,
        },
        fix: { rewrite: 'gemm-to-conv', advice: 'Fold alpha and beta into the weights and the bias.' },
      };
    },
  },
  {
    ...stated,
    id: 'fully-connected/vectors',
    operators: connected,
    doc: 'A fully connected layer multiplies one vector per batch item: the dimensions between batch and channels are 1.',
    confidence: 'unverified',
    source: sources.reading,
    test: (node, context) => {
      const input = context.shape(node.inputs[0]);
      const weights = context.shape(node.inputs[1]);
      // Products of two run-time tensors are refused as such.
      if (!input || !weights || !context.constant(node.inputs[1])) return undefined;
      if (weights.length === 2 && input.slice(1, -1).every((dim) => dim === 1) && input.length >= 2) return undefined;
      return {
        message: `${times(input)} by ${times(weights)}, allowed N×C by C×K`,
        values: { limit: 'N×C by C×K', value: `${times(input)} by ${times(weights)}` },
        fix: { advice: 'Rewrite the product as a 1×1 convolution on an N×C×1×T tensor.' },
      };
    },
  },
  {
    ...stated,
    id: 'fully-connected/outputs',
    operators: connected,
    doc: 'A fully connected layer has 1…8192 output maps.',
    test: (node, context) => {
      const output = context.shape(node.outputs[0]);
      return output && output.length > 0
        ? outside('output maps', [output.at(-1)!], 1, 8192, { advice: 'Split the outputs over several layers.' })
        : undefined;
    },
  },
  {
    ...stated,
    id: 'fully-connected/shuffle',
    operators: connected,
    doc: 'A fully connected layer on a tensor of fewer than four dimensions gets a shuffle layer in front and behind, which the DLA cannot run.',
    source: `${sources.log}: "At least one shuffle layer will be inserted which cannot run on DLA"`,
    confidence: 'second-hand',
    severity: 'warn',
    test: (node, context) => {
      const input = context.shape(node.inputs[0]);
      if (!input || input.length >= 4) return undefined;
      return {
        message: `${input.length}-D input, a shuffle runs on the GPU`,
        values: { limit: 4, value: input.length },
        fix: { rewrite: 'gemm-to-conv', advice: asConvolution(node) },
      };
    },
  },
];
