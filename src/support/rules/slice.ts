/** Slice and Split: a window of a tensor, in steps of one, never across the batch. */

import type { Node } from '../../graph/graph.ts';
import { intAttribute, intsAttribute } from '../../graph/graph.ts';
import { numbers } from '../../graph/tensor.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { sources, times } from '../rule.ts';

const base = {
  operators: ['Slice', 'Split'],
  source: sources.header,
  confidence: 'stated',
  severity: 'refuse',
} as const;

/** A list that is an attribute in old opsets and an input in new ones. */
function list(
  node: Node,
  context: RuleContext,
  name: string,
  input: number,
): readonly number[] | 'run-time' | undefined {
  const attribute = intsAttribute(node, name);
  if (attribute) return attribute;
  const value = node.inputs[input];
  if (!value) return undefined;
  const tensor = context.constant(value);
  return tensor ? numbers(tensor) : 'run-time';
}

/** The axes that are cut, not negative. */
function cutAxes(node: Node, context: RuleContext, rank: number): readonly number[] {
  const given =
    node.op === 'Split'
      ? [intAttribute(node, 'axis', 0)]
      : (list(node, context, 'axes', 3) ?? Array.from({ length: rank }, (_, axis) => axis));
  if (given === 'run-time') return [];
  const axes = given.map((axis) => (axis < 0 ? axis + rank : axis));
  const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
  // An axis that keeps its whole length is not cut, whatever is written.
  return axes.filter((axis) => input === undefined || output === undefined || input[axis] !== output[axis]);
}

export const sliceRules: readonly Rule[] = [
  {
    ...base,
    id: 'slice/rank',
    doc: 'Slice and Split take a 4-D tensor.',
    test: (node, context) => {
      const shape = context.shape(node.inputs[0]);
      if (!shape || shape.length === 4) return undefined;
      return {
        message: `${shape.length}-D input ${times(shape)}, allowed 4`,
        values: { limit: 4, value: shape.length },
        fix: { advice: 'Keep the tensor four-dimensional (N×C×H×W) here.' },
      };
    },
  },
  {
    ...base,
    id: 'slice/constant',
    doc: 'Starts, ends, axes and steps are constants.',
    test: (node, context) => {
      const parts =
        node.op === 'Split'
          ? ([['split', 1]] as const)
          : ([
              ['starts', 1],
              ['ends', 2],
              ['axes', 3],
              ['steps', 4],
            ] as const);
      const loose = parts.find(([name, input]) => list(node, context, name, input) === 'run-time');
      if (!loose) return undefined;
      return {
        message: `${loose[0]} is computed at run time`,
        values: { limit: 'constant', value: 'run-time', input: loose[0] },
      };
    },
  },
  {
    ...base,
    id: 'slice/steps',
    operators: ['Slice'],
    doc: 'Every step is 1.',
    test: (node, context) => {
      const steps = list(node, context, 'steps', 4);
      if (steps === undefined || steps === 'run-time' || steps.every((step) => step === 1)) return undefined;
      return {
        message: `steps ${steps.join(',')}, allowed 1`,
        values: { limit: 1, value: steps.join(',') },
        fix: { advice: 'Sample every n-th pixel with a 1×1 depthwise convolution of stride n (at most 8).' },
      };
    },
  },
  {
    ...base,
    id: 'slice/batch',
    doc: 'The batch dimension is not cut.',
    test: (node, context) => {
      const rank = context.shape(node.inputs[0])?.length;
      if (rank === undefined || !cutAxes(node, context, rank).includes(0)) return undefined;
      return { message: 'cuts axis 0, allowed 1…3', values: { limit: '1…3', value: 0 } };
    },
  },
  {
    ...base,
    id: 'slice/precision',
    doc: 'Before TensorRT 8.6, Slice runs in FP16 only.',
    source: 'TensorRT developer guide 8.5',
    confidence: 'second-hand',
    precisions: ['int8'],
    until: [8, 6, 0],
    test: () => ({
      message: 'the network is INT8, allowed fp16',
      values: { limit: 'fp16', value: 'int8' },
      fix: { advice: 'Allow FP16 for it: --fp16 --precisionConstraints=prefer --layerPrecisions=<node>:fp16.' },
    }),
  },
];
