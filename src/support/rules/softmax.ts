/** Softmax: Orin, FP16. Two modes: an accurate one over a vector, and one with a table whose error grows with the axis. */

import { precisionName } from '../../base/data-type.ts';
import type { Node } from '../../graph/graph.ts';
import { softmaxAxes } from '../../graph/operators/reduction.ts';
import { always, type Rule, type RuleContext, rule, sources, times } from '../rule.ts';

const base = {
  operators: ['Softmax'],
  severity: 'refuse',
} as const;

/** The axes that are normalized together (`behind` is the one after the last), and the shape. */
function axesOf(
  node: Node,
  context: RuleContext,
): { readonly first: number; readonly behind: number; readonly shape: readonly number[] } | undefined {
  const shape = context.shape(node.inputs[0]);
  return shape && shape.length > 0 ? { ...softmaxAxes(node, context, shape.length), shape } : undefined;
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
    id: 'softmax/promoted',
    doc: 'Softmax runs in FP16, also in an INT8 network, whose build has to allow FP16.',
    limits: always('float16', `${sources.header}; ${sources.operatorPages}`),
    precisions: ['int8'],
    severity: 'warn',
    test: (_node, _context, limit) => ({
      message: 'runs in FP16',
      values: { limit: precisionName(limit), value: 'int8' },
    }),
  }),
  rule({
    ...base,
    id: 'softmax/axis',
    doc: 'The axis of Softmax is C, H or W.',
    limits: always('C, H or W', `${sources.header}; ${sources.operatorPages}`),
    test: (node, context) => {
      const found = axesOf(node, context);
      if (!found) return undefined;
      const { first: axis, shape } = found;
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
      const found = axesOf(node, context);
      if (!found) return undefined;
      const { first, behind, shape } = found;
      const coerced = shape.slice(first, behind).filter((dim) => dim > 1);
      if (coerced.length <= limit) return undefined;
      return {
        message: `over ${times(shape.slice(first, behind))}, allowed one dimension`,
        values: { limit, value: coerced.length, dimensions: times(shape.slice(first, behind)) },
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
      const found = axesOf(node, context);
      if (!found) return undefined;
      const { first: axis, shape } = found;
      const limit = shape.every((dim, at) => at === axis || at === 0 || dim === 1) ? alone : beside;
      const value = shape[axis] ?? 0;
      return value <= limit
        ? undefined
        : { message: `${value} elements along axis ${axis}, allowed ${limit}`, values: { limit, value, axis } };
    },
  }),
];
