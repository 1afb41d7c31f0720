/**
 * Activations: ReLU, clipped ReLU, leaky ReLU, sigmoid, tanh and parametric ReLU. Everything else that is called an
 * activation (HardSigmoid, HardSwish, Elu, …) has no rule; most of it can be written with these.
 */

import { precisionName } from '../../base/data-type.ts';
import type { Node } from '../../graph/graph.ts';
import { clipBounds } from '../../graph/operators/point.ts';
import { always, type Finding, type Rule, type RuleContext, rule, sources, span, times } from '../rule.ts';

const base = { severity: 'refuse' } as const;

const clipRule = { ...base, operators: ['Clip'] } as const;

export const activationRules: readonly Rule[] = [
  rule({
    ...clipRule,
    id: 'activation/clip-constant',
    doc: 'The bounds of Clip are constants.',
    limits: always('constant', sources.reading, 'inferred'),
    test: (node, context, limit) => {
      const bounds = clipBounds(node, context);
      const loose = (['min', 'max'] as const).find((which) => bounds[which] === 'run-time');
      return loose && { message: `${loose} is computed at run time`, values: { limit, value: 'run-time' } };
    },
  }),
  rule({
    ...clipRule,
    id: 'activation/clip-lower',
    doc: (lower) => `The lower bound of Clip is ${lower}: the DLA has a clipped ReLU.`,
    limits: always(0, sources.guide),
    test: (node, context, limit) => {
      const { min } = clipBounds(node, context);
      if (min === limit || min === 'run-time') return undefined;
      const value = min === Number.NEGATIVE_INFINITY ? 'none' : min;
      return {
        message: `lower bound ${value === 'none' ? 'absent' : value}, allowed ${limit}`,
        values: { limit, value },
        fix: { advice: 'Shift the tensor so that the lower bound becomes 0: Add a constant, Clip, Add it back.' },
      };
    },
  }),
  rule({
    ...clipRule,
    id: 'activation/clip-upper',
    doc: (range) => `The upper bound of Clip lies in ${span(range)}.`,
    limits: always([1, 127], sources.guide),
    test: (node, context, [low, high]) => {
      const { max } = clipBounds(node, context);
      if (max === 'run-time' || (max >= low && max <= high)) return undefined;
      const value = max === Number.POSITIVE_INFINITY ? 'none' : max;
      const limit = span([low, high]);
      const advice =
        typeof value === 'number' && value < low
          ? `Multiply by a constant first so that the bound is at least ${low}, and divide afterwards.`
          : `Use Relu: it has no upper bound. Or scale the tensor so that the bound is at most ${high}.`;
      return {
        message: `upper bound ${value === 'none' ? 'absent' : value}, allowed ${limit}`,
        values: { limit, value },
        fix: { advice },
      };
    },
  }),
  rule({
    ...base,
    id: 'activation/promoted',
    operators: ['Sigmoid', 'Tanh'],
    doc: 'Sigmoid and Tanh run in FP16, also in an INT8 network.',
    limits: always('float16', sources.guide),
    precisions: ['int8'],
    severity: 'warn',
    test: (_node, _context, limit) => ({
      message: 'runs in FP16',
      values: { limit: precisionName(limit), value: 'int8' },
    }),
  }),
  rule({
    ...base,
    id: 'activation/rank',
    operators: ['Relu', 'LeakyRelu', 'Clip', 'Sigmoid', 'Tanh'],
    doc: 'An activation works on two spatial dimensions; a tensor of another rank gets shuffle layers, which the DLA cannot run.',
    limits: always(4, sources.guide),
    severity: 'warn',
    test: lowRank,
  }),
  rule({
    ...base,
    id: 'prelu/constant-slope',
    operators: ['PRelu'],
    doc: 'The slope of PRelu is a constant.',
    limits: always('constant', `${sources.operatorPages}; ${sources.header}`),
    test: (node, context, limit) =>
      context.constant(node.inputs[1])
        ? undefined
        : { message: 'slope is computed at run time', values: { limit, value: 'run-time' } },
  }),
  rule({
    ...base,
    id: 'prelu/slope-rank',
    operators: ['PRelu'],
    doc: 'The slope of PRelu has the rank of its input (leading dimensions of 1 may be missing: the ONNX parser adds them).',
    limits: always('rank of the input', `${sources.operatorPages}; ${sources.header}`),
    test: (node, context) => {
      const input = context.shape(node.inputs[0]);
      const slope = context.shape(node.inputs[1]);
      if (!input || !slope || slope.length <= input.length) return undefined;
      return {
        message: `slope ${times(slope)} for an input ${times(input)}`,
        values: { limit: input.length, value: slope.length },
      };
    },
  }),
];

/** Shared by layers that TensorRT states for two spatial dimensions only. */
export function lowRank(node: Node, context: RuleContext, limit: number): Finding | undefined {
  const input = node.inputs.find((name) => name !== '' && !context.constant(name));
  const shape = context.shape(input);
  if (!shape || shape.length >= limit) return undefined;
  return {
    message: `${shape.length}-D input, shuffles run on the GPU`,
    values: { limit, value: shape.length },
    fix: { advice: 'Keep the tensor four-dimensional (N×C×1×1) up to the end of the network.' },
  };
}
