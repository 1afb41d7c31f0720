/** Concatenation. It is free on the DLA: the producers write side by side, which is why all ranges must be equal. */

import { intAttribute } from '../../graph/graph.ts';
import type { Rule } from '../rule.ts';
import { sources, times } from '../rule.ts';

const base = {
  operators: ['Concat'],
  source: sources.guide,
  confidence: 'stated',
  severity: 'refuse',
} as const;

export const concatRules: readonly Rule[] = [
  {
    ...base,
    id: 'concat/axis',
    doc: 'Concatenation is along the channel axis, the third from the end.',
    source: `${sources.guide}; ${sources.log}: "DLA only supports concatenation on the C dimension."`,
    test: (node, context) => {
      const rank = context.shape(node.outputs[0])?.length;
      if (rank === undefined) return undefined;
      const axis = intAttribute(node, 'axis', 1);
      const value = axis < 0 ? axis + rank : axis;
      const limit = rank - 3;
      if (value === limit) return undefined;
      return {
        message: `axis ${value} of ${rank} dimensions, allowed ${limit >= 0 ? limit : 'only with at least three'}`,
        values: { limit, value, rank },
        fix: { advice: 'Concatenate channels, or end the network before this node and concatenate on the host.' },
      };
    },
  },
  {
    ...base,
    id: 'concat/inputs',
    doc: 'Concatenation has at least two inputs.',
    test: (node) =>
      node.inputs.length >= 2
        ? undefined
        : {
            message: `${node.inputs.length} input, allowed 2 or more`,
            values: { limit: 2, value: node.inputs.length },
            fix: { rewrite: 'remove-no-ops', advice: 'Remove the node: it changes nothing.' },
          },
  },
  {
    ...base,
    id: 'concat/constant',
    doc: 'No input of a concatenation is a constant: the DLA has no constant layers.',
    source: `${sources.log}: CONSTANT layers are not supported`,
    confidence: 'second-hand',
    test: (node, context) => {
      const input = node.inputs.find((name) => context.constant(name));
      if (input === undefined) return undefined;
      return {
        message: `input ${input} (${times(context.shape(input) ?? [])}) is constant`,
        values: { limit: 'run-time inputs', value: 'constant', input },
        fix: {
          advice:
            'Make the constant an input of the network, or let a convolution with zero weights and a bias produce it.',
        },
      };
    },
  },
];
