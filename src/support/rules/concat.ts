/** Concatenation. It is free on the DLA: the producers write side by side, which is why all ranges must be equal. */

import { concatAxis } from '../../graph/operators/movement.ts';
import { always, type Rule, rule, sources, times } from '../rule.ts';

const base = {
  operators: ['Concat'],
  severity: 'refuse',
} as const;

export const concatRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'concat/axis',
    doc: (axis) => `Concatenation is along the channel axis (axis ${axis}).`,
    limits: always(-3, `${sources.guide}; ${sources.log}: "DLA only supports concatenation on the C dimension."`),
    test: (node, context, allowed) => {
      const rank = context.shape(node.outputs[0])?.length;
      if (rank === undefined) return undefined;
      const value = concatAxis(node, context, rank);
      const limit = rank + allowed;
      if (value === limit) return undefined;
      return {
        message: `axis ${value} of ${rank} dimensions, allowed ${limit >= 0 ? limit : 'only with at least three'}`,
        values: { limit, value, rank },
        fix: { advice: 'Concatenate channels, or end the network before this node and concatenate on the host.' },
      };
    },
  }),
  rule({
    ...base,
    id: 'concat/inputs',
    doc: (least) => `Concatenation has at least ${least} inputs.`,
    limits: always(2, sources.guide),
    test: (node, _, limit) =>
      node.inputs.length >= limit
        ? undefined
        : {
            message: `${node.inputs.length} input, allowed ${limit} or more`,
            values: { limit, value: node.inputs.length },
            fix: { advice: 'Remove the node: it changes nothing.' },
          },
  }),
  rule({
    ...base,
    id: 'concat/constant',
    doc: 'No input of a concatenation is a constant: the DLA has no constant layers.',
    limits: always('run-time inputs', `${sources.log}: CONSTANT layers are not supported`, 'log'),
    test: (node, context, limit) => {
      const input = node.inputs.find((name) => context.constant(name));
      if (input === undefined) return undefined;
      return {
        message: `input ${input} (${times(context.shape(input) ?? [])}) is constant`,
        values: { limit, value: 'constant', input },
        fix: {
          advice:
            'Make the constant an input of the network, or let a convolution with zero weights and a bias produce it.',
        },
      };
    },
  }),
];
