/** Slice and Split: a window of a tensor, in steps of one, never across the batch. */

import { precisionName } from '../../base/data-type.ts';
import type { Node } from '../../graph/graph.ts';
import { sliceCuts, sliceLists, splitOf } from '../../graph/operators/movement.ts';
import { always, type Rule, type RuleContext, rule, sources, times } from '../rule.ts';

const base = {
  operators: ['Slice', 'Split'],
  severity: 'refuse',
} as const;

/** The axes that are cut, not negative. */
function cutAxes(node: Node, context: RuleContext, rank: number): readonly number[] {
  const cuts = node.op === 'Split' ? [splitOf(node, context, rank)] : sliceCuts(node, context, rank);
  if (cuts === 'run-time') return [];
  const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
  // An axis that keeps its whole length is not cut, whatever is written.
  return cuts
    .map(({ axis }) => axis)
    .filter((axis) => input === undefined || output === undefined || input[axis] !== output[axis]);
}

/** The lists that say what is cut, by name. */
function listsOf(node: Node, context: RuleContext): Readonly<Record<string, unknown>> {
  if (node.op === 'Slice') return { ...sliceLists(node, context) };
  const rank = context.shape(node.inputs[0])?.length;
  return rank === undefined ? {} : { split: splitOf(node, context, rank).sizes };
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
      const loose = Object.entries(listsOf(node, context)).find(([, list]) => list === 'run-time');
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
      const { steps } = sliceLists(node, context);
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
    doc: (precision) => `Before TensorRT 8.6, Slice runs in ${precisionName(precision).toUpperCase()} only.`,
    limits: [{ until: [8, 6, 0], value: 'float16', source: 'TensorRT developer guide 8.5', evidence: 'documented' }],
    precisions: ['int8'],
    test: (_node, _context, limit) => ({
      message: `the network is INT8, allowed ${precisionName(limit)}`,
      values: { limit: precisionName(limit), value: 'int8' },
      fix: { advice: 'Allow FP16 for it: --fp16 --precisionConstraints=prefer --layerPrecisions=<node>:fp16.' },
    }),
  }),
];
