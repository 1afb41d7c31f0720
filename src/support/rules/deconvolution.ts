/** Deconvolution (ONNX ConvTranspose). The DLA has no padding for it: what padding removes must be cropped afterwards. */

import type { Node } from '../../graph/graph.ts';
import { intAttribute, intsAttribute } from '../../graph/graph.ts';
import type { Finding, Rule } from '../rule.ts';
import { outside, sources, times, twoSpatialDimensions } from '../rule.ts';
import { type Window, windowOf } from '../window.ts';

interface Deconvolution extends Window {
  readonly input: readonly number[];
  readonly output: readonly number[];
  readonly weights: readonly number[];
}

const deconvolution =
  (test: (layer: Deconvolution, node: Node) => Finding | undefined): Rule['test'] =>
  (node, context) => {
    const [input, output, weights] = [node.inputs[0], node.outputs[0], node.inputs[1]].map((name) =>
      context.shape(name),
    );
    if (input?.length !== 4 || output?.length !== 4 || weights?.length !== 4) return undefined;
    const window = windowOf(node, input.slice(2), weights.slice(2));
    return test({ input, output, weights, ...window }, node);
  };

/** `kernel` or `stride`: both in 1…32, or 1 in one dimension and 64, 96 or 128 in the other. */
function extents(what: string, pair: readonly number[]): Finding | undefined {
  const ordinary = pair.every((size) => size >= 1 && size <= 32);
  const long = [1].includes(Math.min(...pair)) && [64, 96, 128].includes(Math.max(...pair));
  if (ordinary || long) return undefined;
  const limit = '1…32, or 1×{64, 96, 128}';
  return { message: `${what} ${times(pair)}, allowed ${limit}`, values: { limit, value: times(pair) } };
}

const slow = (pair: readonly number[]): boolean => pair[0] === pair[1] && pair[0]! >= 23 && pair[0]! <= 32;

const base = {
  operators: ['ConvTranspose'],
  source: sources.guide,
  confidence: 'stated',
  severity: 'refuse',
} as const;

export const deconvolutionRules: readonly Rule[] = [
  {
    ...base,
    id: 'deconvolution/spatial',
    doc: 'A deconvolution has two spatial dimensions (a 4-D input).',
    test: twoSpatialDimensions,
  },
  {
    ...base,
    id: 'deconvolution/constant-weights',
    doc: 'Weights and bias of a deconvolution are constants.',
    test: (node, context) => {
      const value = node.inputs.slice(1).find((name) => name !== '' && !context.constant(name));
      if (value === undefined) return undefined;
      return {
        message: `${value} is computed at run time`,
        values: { limit: 'constant', value: 'run-time', input: value },
      };
    },
  },
  {
    ...base,
    id: 'deconvolution/kernel',
    doc: 'Each kernel dimension lies in 1…32, or the kernel is 64, 96 or 128 long and 1 wide.',
    test: deconvolution(({ kernel }) => extents('kernel', kernel)),
  },
  {
    ...base,
    id: 'deconvolution/stride',
    doc: 'Each stride lies in 1…32, or the stride is 64, 96 or 128 in one dimension and 1 in the other.',
    test: deconvolution(({ strides }) => extents('stride', strides)),
  },
  {
    ...base,
    id: 'deconvolution/square',
    doc: 'TensorRT keeps square kernels and strides of 23…32 off the DLA, because they compile too slowly.',
    source: `${sources.guide}; ${sources.header}`,
    test: deconvolution(({ kernel, strides }) => {
      const what = slow(kernel) ? 'kernel' : slow(strides) ? 'stride' : undefined;
      if (what === undefined) return undefined;
      const value = times(what === 'kernel' ? kernel : strides);
      const limit = '1…22 when square';
      return {
        message: `square ${what} ${value}, allowed ${limit}`,
        values: { limit, value },
        fix: { advice: `Use a ${what} of at most 22, or one that is not square.` },
      };
    }),
  },
  {
    ...base,
    id: 'deconvolution/padding',
    doc: 'A deconvolution has no padding, no output padding and no output shape that needs them.',
    source: `${sources.guide}; NVIDIA/TensorRT#3365`,
    test: deconvolution(({ pads, input, output, kernel, strides, dilations }, node) => {
      // The output is (in − 1)·stride + extent − removed + output padding, whichever attribute asked for it.
      const full = kernel.map(
        (size, axis) => (input[axis + 2]! - 1) * (strides[axis] ?? 1) + (size - 1) * (dilations[axis] ?? 1) + 1,
      );
      const extra = intsAttribute(node, 'output_padding') ?? [];
      const exact = full.every((length, axis) => length === output[axis + 2]);
      if (exact && pads.every((pad) => pad === 0) && extra.every((pad) => pad === 0)) return undefined;
      const value = pads.some((pad) => pad !== 0)
        ? `padding ${pads.join(',')}`
        : `output ${times(output.slice(2))} instead of ${times(full)}`;
      return {
        message: `${value}, allowed 0`,
        values: { limit: 0, value, unpaddedOutput: times(full), output: times(output.slice(2)) },
        fix: {
          rewrite: 'crop-deconvolution',
          advice: `Set padding to 0 and crop the ${times(full)} result to ${times(output.slice(2))} with a Slice.`,
        },
      };
    }),
  },
  {
    ...base,
    id: 'deconvolution/groups',
    doc: 'A deconvolution has one group.',
    test: deconvolution((_, node) =>
      outside('groups', [intAttribute(node, 'group', 1)], 1, 1, {
        advice: 'Expand the weights to one group, with zeros between the groups.',
      }),
    ),
  },
  {
    ...base,
    id: 'deconvolution/dilation',
    doc: 'A deconvolution has dilation 1.',
    test: deconvolution(({ dilations }) =>
      outside('dilation', dilations, 1, 1, { advice: 'Write the zeros that dilation inserts into the kernel.' }),
    ),
  },
  {
    ...base,
    id: 'deconvolution/channels',
    doc: 'A deconvolution has 1…8192 input and output channels.',
    test: deconvolution(({ input, output }) => outside('channels (in×out)', [input[1]!, output[1]!], 1, 8192)),
  },
];
