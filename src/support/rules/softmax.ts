/** Softmax: Orin, FP16. Two modes: an accurate one over a vector, and one with a table whose error grows with the axis. */

import { intAttribute } from '../../graph/graph.ts';
import type { Rule } from '../rule.ts';
import { sources, times } from '../rule.ts';

const base = {
  operators: ['Softmax'],
  source: `${sources.header}; ${sources.operatorPages}`,
  confidence: 'stated',
  severity: 'refuse',
} as const;

const axisOf: (...args: Parameters<Rule['test']>) => { axis: number; shape: readonly number[] } | undefined = (
  node,
  context,
) => {
  const shape = context.shape(node.inputs[0]);
  if (!shape || shape.length === 0) return undefined;
  const axis = intAttribute(node, 'axis', context.opset >= 13 ? -1 : 1);
  return { axis: axis < 0 ? axis + shape.length : axis, shape };
};

export const softmaxRules: readonly Rule[] = [
  {
    ...base,
    id: 'softmax/hardware',
    doc: 'Softmax runs on Orin, not on Xavier.',
    generations: ['xavier'],
    test: () => ({ message: 'the target is xavier, allowed orin', values: { limit: 'orin', value: 'xavier' } }),
  },
  {
    ...base,
    id: 'softmax/precision',
    doc: 'Softmax runs in FP16 only.',
    precisions: ['int8'],
    test: () => ({
      message: 'the network is INT8, allowed fp16',
      values: { limit: 'fp16', value: 'int8' },
      fix: { advice: 'Allow FP16 for it: --fp16 --precisionConstraints=prefer --layerPrecisions=<node>:fp16.' },
    }),
  },
  {
    ...base,
    id: 'softmax/axis',
    doc: 'The axis of Softmax is C, H or W.',
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
  },
  {
    ...base,
    id: 'softmax/coerced',
    doc: 'Before opset 13, Softmax is over all dimensions from the axis on; only one of them may be larger than 1.',
    source: sources.reading,
    confidence: 'unverified',
    test: (node, context) => {
      const found = context.opset < 13 ? axisOf(node, context) : undefined;
      if (!found) return undefined;
      const { axis, shape } = found;
      const coerced = shape.slice(axis).filter((dim) => dim > 1);
      if (coerced.length <= 1) return undefined;
      return {
        message: `over ${times(shape.slice(axis))}, allowed one dimension`,
        values: { limit: 1, value: coerced.length, dimensions: times(shape.slice(axis)) },
      };
    },
  },
  {
    ...base,
    id: 'softmax/length',
    doc: 'The axis of Softmax has at most 1024 elements, or 8192 where every other dimension but the batch is 1.',
    test: (node, context) => {
      const found = axisOf(node, context);
      if (!found) return undefined;
      const { axis, shape } = found;
      const alone = shape.every((dim, at) => at === axis || at === 0 || dim === 1);
      const limit = alone ? 8192 : 1024;
      const value = shape[axis] ?? 0;
      return value <= limit
        ? undefined
        : { message: `${value} elements along axis ${axis}, allowed ${limit}`, values: { limit, value, axis } };
    },
  },
];
