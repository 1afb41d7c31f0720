/**
 * What the configurations of the open NVDLA can run. There is no TensorRT here and no published matrix of operators: the
 * limits are those of register fields (nvdla/hw `spec/manual/*.rdl`) and of the units that a configuration has. A node
 * that breaks one runs on the host.
 */

import type { Node } from '../../graph/graph.ts';
import { intAttribute } from '../../graph/graph.ts';
import type { Finding, Rule, RuleContext } from '../rule.ts';
import { constantInput, outside, times, twoSpatialDimensions } from '../rule.ts';
import { type Window, windowOf } from '../window.ts';
import { excludesPadding, givesIndices } from './pooling.ts';

/** Operators that become hardware layers, or vanish into one, where the rules below hold. */
export const nvdlaOperators: ReadonlySet<string> = new Set([
  'Abs',
  'Add',
  'AveragePool',
  'BatchNormalization',
  'Clip',
  'Concat',
  'Conv',
  'ConvTranspose',
  'Div',
  'Dropout',
  'Flatten',
  'Gemm',
  'GlobalAveragePool',
  'GlobalMaxPool',
  'Identity',
  'LRN',
  'LeakyRelu',
  'Max',
  'MaxPool',
  'Min',
  'Mul',
  'PRelu',
  'Relu',
  'Reshape',
  'Sigmoid',
  'Slice',
  'Split',
  'Squeeze',
  'Sub',
  'Sum',
  'Tanh',
  'Unsqueeze',
]);

const base = {
  generations: ['nvdla'],
  confidence: 'stated',
  severity: 'refuse',
  source: 'nvdla/hw spec/manual, widths of register fields',
} as const;

const window =
  (kernelOf: 'weights' | 'attribute', test: (window: Window, node: Node) => Finding | undefined): Rule['test'] =>
  (node, context) => {
    const input = context.shape(node.inputs[0]);
    if (input?.length !== 4) return undefined;
    const weights = kernelOf === 'weights' ? context.shape(node.inputs[1]) : undefined;
    if (kernelOf === 'weights' && weights?.length !== 4) return undefined;
    return test(windowOf(node, input.slice(2), weights?.slice(2)), node);
  };

/** What a configuration lacks, said of a node. */
const lacks = ({ target }: RuleContext, what: string): Finding => ({
  message: `${target.name} has no ${what}`,
  values: { limit: what, value: 'none', configuration: target.name },
});

const pools = ['MaxPool', 'AveragePool'];

export const openNvdlaRules: readonly Rule[] = [
  {
    ...base,
    id: 'nvdla/precision',
    doc: 'Only nv_full computes in FP16.',
    source: 'nvdla/hw spec/defs',
    precisions: ['fp16'],
    test: (_, context) =>
      context.target.nvdla?.precisions.includes('float16') ? undefined : lacks(context, 'FP16 arithmetic'),
  },
  {
    ...base,
    id: 'nvdla/spatial',
    operators: ['Conv', 'ConvTranspose', ...pools, 'GlobalAveragePool', 'GlobalMaxPool', 'LRN'],
    doc: 'A feature cube has two spatial dimensions (a 4-D input).',
    source: 'nvdla/doc, format of feature data',
    test: twoSpatialDimensions,
  },
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
    id: 'nvdla/deconvolution',
    operators: ['ConvTranspose'],
    doc: 'A deconvolution needs Rubik, which puts its rows and columns in place; only nv_full has one.',
    source: 'nvdla/doc, Rubik: contract; nvdla/hw spec/defs',
    test: (_, context) => (context.target.nvdla?.rubik ? undefined : lacks(context, 'Rubik')),
  },
  {
    ...base,
    id: 'nvdla/pooling-padding',
    operators: pools,
    doc: 'Each padding of a pooling window lies in 0…7, counting the rows that ceil_mode adds.',
    test: window('attribute', ({ pads }) => outside('padding', pads, 0, 7)),
  },
  {
    ...base,
    id: 'nvdla/pooling-stride',
    operators: pools,
    source: 'nvdla/sw firmware, pdp.c',
    doc: 'Each stride of a pooling window lies in 1…8.',
    test: window('attribute', ({ strides }) => outside('stride', strides, 1, 8)),
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
    id: 'nvdla/lookup-table',
    operators: ['Sigmoid', 'Tanh'],
    doc: 'A function that is no straight line needs the lookup table of SDP, which the small configurations lack.',
    source: 'nvdla/hw spec/defs, SDP_LUT',
    test: (_, context) =>
      context.target.nvdla?.lookupTable ? undefined : lacks(context, 'lookup table in its single-point unit'),
  },
  {
    ...base,
    id: 'nvdla/lrn-size',
    operators: ['LRN'],
    doc: 'Local response normalisation sums 3, 5, 7 or 9 channels.',
    test: (node) => {
      const size = intAttribute(node, 'size', 0);
      if ([3, 5, 7, 9].includes(size)) return undefined;
      return { message: `size ${size}, allowed 3, 5, 7 or 9`, values: { limit: '3, 5, 7, 9', value: size } };
    },
  },
  {
    ...base,
    id: 'nvdla/divisor',
    operators: ['Div'],
    doc: 'The divisor is a constant: the single-point unit multiplies.',
    source: 'nvdla/doc, SDP',
    test: constantInput(1, 'divisor'),
  },
  {
    ...base,
    id: 'nvdla/broadcast',
    operators: ['Add', 'Sub', 'Mul', 'Max', 'Min', 'Sum'],
    doc: 'Two run-time operands have equal shapes, or one is N×C×1×1: SDP reads an operand for each point or each channel.',
    source: 'nvdla/doc, SDP: sources of operands',
    test: (node, context) => {
      const output = context.shape(node.outputs[0]);
      const runTime = node.inputs.filter((name) => name !== '' && !context.constant(name));
      const shapes = runTime.map((name) => context.shape(name));
      if (!output || shapes.length < 2) return undefined;
      const perChannel = times([...output.slice(0, 2), 1, 1]);
      const full = times(output);
      const fits = shapes.map((shape) => shape === undefined || [full, perChannel].includes(times(shape)));
      if (fits.every((fit) => fit) && shapes.some((shape) => shape === undefined || times(shape) === full)) {
        return undefined;
      }
      const value = shapes.map((shape) => times(shape ?? [])).join(' and ');
      const limit = 'equal, or N×C×1×1';
      return {
        message: `operands ${value}, allowed ${limit}`,
        values: { limit, value },
        fix: { advice: 'Bring the operands to one shape, or reduce the smaller to one value per channel.' },
      };
    },
  },
  {
    ...base,
    id: 'nvdla/channel-axis',
    operators: ['Concat', 'Split'],
    doc: 'Concat and Split work along channels: only whole channels can be placed apart in memory.',
    source: 'nvdla/doc, format of feature data',
    test: (node, context) => {
      const rank = context.shape(node.inputs[0])?.length;
      const axis = intAttribute(node, 'axis', node.op === 'Split' ? 0 : 1);
      if (rank === undefined || rank < 2) return undefined;
      const positive = axis < 0 ? axis + rank : axis;
      if (positive === (rank === 3 ? 0 : 1)) return undefined;
      return { message: `axis ${axis}, allowed 1`, values: { limit: 1, value: axis } };
    },
  },
  {
    ...base,
    id: 'nvdla/slice',
    operators: ['Slice'],
    doc: 'Slice takes whole channels, every one of them in the order they have.',
    source: 'nvdla/doc, format of feature data',
    test: (node, context) => {
      const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
      if (input?.length !== 4 || output?.length !== 4) return undefined;
      const cut = [0, 2, 3].filter((axis) => input[axis] !== output[axis]);
      if (cut.length === 0) return undefined;
      return {
        message: `${times(input)} to ${times(output)} cuts along axis ${cut.join(' and ')}, allowed 1`,
        values: { limit: 1, value: cut.join(' and ') },
      };
    },
  },
];
