/** Softmax: Orin, FP16. Two modes: an accurate one over a vector, and one with a table whose error grows with the axis. */

import { intAttribute, type Node } from '../../graph/graph.ts';
import { always, type Rule, type RuleContext, rule, sources, times } from '../rule.ts';

const base = {
  operators: ['Softmax'],
  severity: 'refuse',
} as const;

function axisOf(
  node: Node,
  context: RuleContext,
): { readonly axis: number; readonly shape: readonly number[] } | undefined {
  const shape = context.shape(node.inputs[0]);
  if (!shape || shape.length === 0) return undefined;
  const axis = intAttribute(node, 'axis', context.opset >= 13 ? -1 : 1);
  return { axis: axis < 0 ? axis + shape.length : axis, shape };
}

export const softmaxRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'softmax/hardware',
    doc: 'Softmax runs on Orin, not on Xavier.',
    limits: always('orin', `${sources.header}; ${sources.operatorPages}`),
    generations: ['xavier'],
    test: (_node, { target }, limit) => ({
      message: `the target is ${target.name}, allowed ${limit}`,
      values: { limit, value: target.name },
    }),
  }),
  rule({
    ...base,
    id: 'softmax/precision',
    doc: (precision) => `Softmax runs in ${precision.toUpperCase()} only.`,
    limits: always('fp16', `${sources.header}; ${sources.operatorPages}`),
    precisions: ['int8'],
    test: (_node, _context, limit) => ({
      message: `the network is INT8, allowed ${limit}`,
      values: { limit, value: 'int8' },
      fix: { advice: 'Allow FP16 for it: --fp16 --precisionConstraints=prefer --layerPrecisions=<node>:fp16.' },
    }),
  }),
  rule({
    ...base,
    id: 'softmax/axis',
    doc: 'The axis of Softmax is C, H or W.',
    limits: always('C, H or W', `${sources.header}; ${sources.operatorPages}`),
    test: (node, context) => {
      const found = axisOf(node, context);
      if (!found) return undefined;
      const { axis, shape } = found;
      const lowest = shape.length <= 2 ? 1 : Math.max(shape.length - 3, 1);
      if (axis >= lowest) return undefined;
      return {
        message: `axis ${axis} of ${times(shape)}, allowed ${lowest} or higher`,
        values: { limit: lowest, value: axis },
      };
    },
  }),
  rule({
    ...base,
    id: 'softmax/coerced',
    doc: 'Before opset 13, Softmax is over all dimensions from the axis on; only one of them may be larger than 1.',
    limits: always(1, sources.reading, 'inferred'),
    test: (node, context, limit) => {
      const found = context.opset < 13 ? axisOf(node, context) : undefined;
      if (!found) return undefined;
      const { axis, shape } = found;
      const coerced = shape.slice(axis).filter((dim) => dim > 1);
      if (coerced.length <= limit) return undefined;
      return {
        message: `over ${times(shape.slice(axis))}, allowed one dimension`,
        values: { limit, value: coerced.length, dimensions: times(shape.slice(axis)) },
      };
    },
  }),
  rule({
    ...base,
    id: 'softmax/length',
    doc: ({ beside, alone }) =>
      `The axis of Softmax has at most ${beside} elements, or ${alone} where every other dimension but the batch is 1.`,
    limits: always({ beside: 1024, alone: 8192 }, `${sources.header}; ${sources.operatorPages}`),
    test: (node, context, { beside, alone }) => {
      const found = axisOf(node, context);
      if (!found) return undefined;
      const { axis, shape } = found;
      const limit = shape.every((dim, at) => at === axis || at === 0 || dim === 1) ? alone : beside;
      const value = shape[axis] ?? 0;
      return value <= limit
        ? undefined
        : { message: `${value} elements along axis ${axis}, allowed ${limit}`, values: { limit, value, axis } };
    },
  }),
];
