/** Deconvolution (ONNX ConvTranspose). The DLA has no padding for it: what padding removes must be cropped afterwards. */

import type { Node } from '../../graph/graph.ts';
import { type Deconvolution, deconvolutionOf } from '../../graph/operators/deconvolution.ts';
import { groupsOf } from '../../graph/operators/window.ts';
import {
  always,
  either,
  type Finding,
  outside,
  type Range,
  type Rule,
  type RuleContext,
  rule,
  sources,
  span,
  spatialDimensions,
  times,
} from '../rule.ts';

/** A 2-D deconvolution whose shapes are known. */
const planar = (node: Node, context: RuleContext): Deconvolution | undefined =>
  context.shape(node.inputs[0])?.length === 4 ? deconvolutionOf(node, context) : undefined;

/** Sizes that are allowed: both dimensions in a range, or one of the long sizes in one dimension and 1 in the other. */
interface Extents {
  readonly both: Range;
  readonly long: readonly number[];
}

function beyond(what: string, pair: readonly number[] | undefined, { both, long }: Extents): Finding | undefined {
  if (!pair) return undefined;
  const ordinary = pair.every((size) => size >= both[0] && size <= both[1]);
  if (ordinary || (Math.min(...pair) === 1 && long.includes(Math.max(...pair)))) return undefined;
  const limit = `${span(both)}, or 1×{${long.join(', ')}}`;
  return { message: `${what} ${times(pair)}, allowed ${limit}`, values: { limit, value: times(pair) } };
}

const base = {
  operators: ['ConvTranspose'],
  severity: 'refuse',
} as const;

export const deconvolutionRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'deconvolution/spatial',
    doc: 'A deconvolution has two spatial dimensions (a 4-D input).',
    limits: always(2, sources.guide),
    test: spatialDimensions,
  }),
  rule({
    ...base,
    id: 'deconvolution/constant-weights',
    doc: 'Weights and bias of a deconvolution are constants.',
    limits: always('constant', sources.guide),
    test: (node, context) => {
      const value = node.inputs.slice(1).find((name) => name !== '' && !context.constant(name));
      if (value === undefined) return undefined;
      return {
        message: `${value} is computed at run time`,
        values: { limit: 'constant', value: 'run-time', input: value },
      };
    },
  }),
  rule({
    ...base,
    id: 'deconvolution/kernel',
    doc: ({ both, long }) =>
      `Each kernel dimension lies in ${span(both)}, or the kernel is ${either(long)} long and 1 wide.`,
    limits: always({ both: [1, 32], long: [64, 96, 128] }, sources.guide),
    test: (node, context, extents) => beyond('kernel', planar(node, context)?.kernel, extents),
  }),
  rule({
    ...base,
    id: 'deconvolution/stride',
    doc: ({ both, long }) =>
      `Each stride lies in ${span(both)}, or the stride is ${either(long)} in one dimension and 1 in the other.`,
    limits: always({ both: [1, 32], long: [64, 96, 128] }, sources.guide),
    test: (node, context, extents) => beyond('stride', planar(node, context)?.strides, extents),
  }),
  rule({
    ...base,
    id: 'deconvolution/square',
    doc: ([low, high]) =>
      `TensorRT keeps square kernels and strides of ${low}…${high} off the DLA, because they compile too slowly.`,
    limits: always([23, 32], `${sources.guide}; ${sources.header}`),
    test: (node, context, [low, high]) => {
      const found = planar(node, context);
      if (!found) return undefined;
      const { kernel, strides } = found;
      const slow = ([h, w]: readonly number[]): boolean => h === w && h! >= low && h! <= high;
      const what = slow(kernel) ? 'kernel' : slow(strides) ? 'stride' : undefined;
      if (what === undefined) return undefined;
      const value = times(what === 'kernel' ? kernel : strides);
      const limit = `1…${low - 1} when square`;
      return {
        message: `square ${what} ${value}, allowed ${limit}`,
        values: { limit, value },
        fix: { advice: `Use a ${what} of at most ${low - 1}, or one that is not square.` },
      };
    },
  }),
  rule({
    ...base,
    id: 'deconvolution/padding',
    doc: 'A deconvolution has no padding, no output padding and no output shape that needs them.',
    limits: always(0, `${sources.guide}; NVIDIA/TensorRT#3365`),
    test: (node, context, limit) => {
      const { pads, outputPadding, reach, output } = planar(node, context) ?? {};
      if (!pads || !outputPadding || !reach || !output) return undefined;
      if ([...pads, ...outputPadding].every((pad) => pad === limit)) return undefined;
      const value = pads.some((pad) => pad !== limit)
        ? `padding ${pads.join(',')}`
        : `output ${times(output)} instead of ${times(reach)}`;
      return {
        message: `${value}, allowed ${limit}`,
        values: { limit, value, unpaddedOutput: times(reach), output: times(output) },
        fix: {
          advice: `Set padding to 0 and crop the ${times(reach)} result to ${times(output)} with a Slice.`,
        },
      };
    },
  }),
  rule({
    ...base,
    id: 'deconvolution/groups',
    doc: 'A deconvolution has one group.',
    limits: always([1, 1], sources.guide),
    test: (node, _, range) =>
      outside('groups', [groupsOf(node)], range, {
        advice: 'Expand the weights to one group, with zeros between the groups.',
      }),
  }),
  rule({
    ...base,
    id: 'deconvolution/dilation',
    doc: 'A deconvolution has dilation 1.',
    limits: always([1, 1], sources.guide),
    test: (node, context, range) =>
      outside('dilation', planar(node, context)?.dilations, range, {
        advice: 'Write the zeros that dilation inserts into the kernel.',
      }),
  }),
  rule({
    ...base,
    id: 'deconvolution/channels',
    doc: (range) => `A deconvolution has ${span(range)} input and output channels.`,
    limits: always([1, 8192], sources.guide),
    test: (node, context, range) => {
      const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
      const known = input?.length === 4 && output?.length === 4;
      return outside('channels (in×out)', known ? [input[1]!, output[1]!] : undefined, range);
    },
  }),
];
