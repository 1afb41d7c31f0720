/** Slice and Split: a window of a tensor, in steps of one, never across the batch. */

import type { Node } from '../../graph/graph.ts';
import { intAttribute, intsAttribute } from '../../graph/graph.ts';
import { numbers } from '../../graph/tensor.ts';
import { always, type Rule, type RuleContext, rule, sources, times } from '../rule.ts';

const base = {
  operators: ['Slice', 'Split'],
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
  rule({
    ...base,
    id: 'slice/rank',
    doc: (rank) => `Slice and Split take a ${rank}-D tensor.`,
    limits: always(4, sources.header, 'header'),
    test: (node, context, limit) => {
      const shape = context.shape(node.inputs[0]);
      if (!shape || shape.length === limit) return undefined;
      return {
        message: `${shape.length}-D input ${times(shape)}, allowed ${limit}`,
        values: { limit, value: shape.length },
        fix: { advice: 'Keep the tensor four-dimensional (N×C×H×W) here.' },
      };
    },
  }),
  rule({
    ...base,
    id: 'slice/constant',
    doc: 'Starts, ends, axes and steps are constants.',
    limits: always('constant', sources.header, 'header'),
    test: (node, context, limit) => {
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
        values: { limit, value: 'run-time', input: loose[0] },
      };
    },
  }),
  rule({
    ...base,
    id: 'slice/steps',
    operators: ['Slice'],
    doc: (step) => `Every step is ${step}.`,
    limits: always(1, sources.header, 'header'),
    test: (node, context, limit) => {
      const steps = list(node, context, 'steps', 4);
      if (steps === undefined || steps === 'run-time' || steps.every((step) => step === limit)) return undefined;
      return {
        message: `steps ${steps.join(',')}, allowed ${limit}`,
        values: { limit, value: steps.join(',') },
        fix: { advice: 'Sample every n-th pixel with a 1×1 depthwise convolution of stride n (at most 8).' },
      };
    },
  }),
  rule({
    ...base,
    id: 'slice/batch',
    doc: 'The batch dimension is not cut.',
    limits: always('1…3', sources.header, 'header'),
    test: (node, context, limit) => {
      const rank = context.shape(node.inputs[0])?.length;
      if (rank === undefined || !cutAxes(node, context, rank).includes(0)) return undefined;
      return { message: `cuts axis 0, allowed ${limit}`, values: { limit, value: 0 } };
    },
  }),
  rule({
    ...base,
    id: 'slice/precision',
    doc: (precision) => `Before TensorRT 8.6, Slice runs in ${precision.toUpperCase()} only.`,
    limits: [{ until: [8, 6, 0], value: 'fp16', source: 'TensorRT developer guide 8.5', evidence: 'documented' }],
    precisions: ['int8'],
    test: (_node, _context, limit) => ({
      message: `the network is INT8, allowed ${limit}`,
      values: { limit, value: 'int8' },
      fix: { advice: 'Allow FP16 for it: --fp16 --precisionConstraints=prefer --layerPrecisions=<node>:fp16.' },
    }),
  }),
];
