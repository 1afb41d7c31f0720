/**
 * Activations: ReLU, clipped ReLU, leaky ReLU, sigmoid, tanh and parametric ReLU. Everything else that is called an
 * activation (HardSigmoid, HardSwish, Elu, …) has no rule; most of it can be written with these.
 */

import type { Node } from '../../graph/graph.ts';
import { floatAttribute } from '../../graph/graph.ts';
import { elementCount, numbers } from '../../graph/tensor.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { sources, times } from '../rule.ts';

const base = { source: sources.guide, confidence: 'stated', severity: 'refuse' } as const;

/** A bound of Clip: a number, absent, or not known before run time. */
function bound(node: Node, context: RuleContext, which: 'min' | 'max'): number | 'run-time' | 'none' {
  if (node.attributes[which]) return floatAttribute(node, which, 0);
  const input = node.inputs[which === 'min' ? 1 : 2];
  if (!input) return 'none';
  const tensor = context.constant(input);
  return tensor && elementCount(tensor.shape) === 1 ? (numbers(tensor)[0] ?? 'run-time') : 'run-time';
}

const clipRule = { ...base, operators: ['Clip'] } as const;

export const activationRules: readonly Rule[] = [
  {
    ...clipRule,
    id: 'activation/clip-constant',
    doc: 'The bounds of Clip are constants.',
    source: sources.reading,
    confidence: 'unverified',
    test: (node, context) => {
      const loose = (['min', 'max'] as const).find((which) => bound(node, context, which) === 'run-time');
      return loose && { message: `${loose} is computed at run time`, values: { limit: 'constant', value: 'run-time' } };
    },
  },
  {
    ...clipRule,
    id: 'activation/clip-lower',
    doc: 'The lower bound of Clip is 0: the DLA has a clipped ReLU.',
    test: (node, context) => {
      const value = bound(node, context, 'min');
      if (value === 0 || value === 'run-time') return undefined;
      return {
        message: `lower bound ${value === 'none' ? 'absent' : value}, allowed 0`,
        values: { limit: 0, value },
        fix: { advice: 'Shift the tensor so that the lower bound becomes 0: Add a constant, Clip, Add it back.' },
      };
    },
  },
  {
    ...clipRule,
    id: 'activation/clip-upper',
    doc: 'The upper bound of Clip lies in 1…127.',
    test: (node, context) => {
      const value = bound(node, context, 'max');
      if (value === 'run-time' || (typeof value === 'number' && value >= 1 && value <= 127)) return undefined;
      return {
        message: `upper bound ${value === 'none' ? 'absent' : value}, allowed 1…127`,
        values: { limit: '1…127', value },
        fix:
          typeof value === 'number' && value < 1
            ? { advice: 'Multiply by a constant first so that the bound is at least 1, and divide afterwards.' }
            : {
                ...(value === 'none' && { rewrite: 'simplify-clip' }),
                advice: 'Use Relu: it has no upper bound. Or scale the tensor so that the bound is at most 127.',
              },
      };
    },
  },
  {
    ...base,
    id: 'activation/promoted',
    operators: ['Sigmoid', 'Tanh'],
    doc: 'Sigmoid and Tanh run in FP16, also in an INT8 network.',
    precisions: ['int8'],
    severity: 'warn',
    test: () => ({ message: 'runs in FP16', values: { limit: 'fp16', value: 'int8' } }),
  },
  {
    ...base,
    id: 'activation/rank',
    operators: ['Relu', 'LeakyRelu', 'Clip', 'Sigmoid', 'Tanh'],
    doc: 'An activation works on two spatial dimensions; a tensor of another rank gets shuffle layers, which the DLA cannot run.',
    severity: 'warn',
    test: lowRank,
  },
  {
    ...base,
    id: 'prelu/constant-slope',
    operators: ['PRelu'],
    doc: 'The slope of PRelu is a constant.',
    source: `${sources.operatorPages}; ${sources.header}`,
    test: (node, context) =>
      context.constant(node.inputs[1])
        ? undefined
        : { message: 'slope is computed at run time', values: { limit: 'constant', value: 'run-time' } },
  },
  {
    ...base,
    id: 'prelu/slope-rank',
    operators: ['PRelu'],
    doc: 'The slope of PRelu has the rank of its input (leading dimensions of 1 may be missing: the ONNX parser adds them).',
    source: `${sources.operatorPages}; ${sources.header}`,
    test: (node, context) => {
      const input = context.shape(node.inputs[0]);
      const slope = context.shape(node.inputs[1]);
      if (!input || !slope || slope.length <= input.length) return undefined;
      return {
        message: `slope ${times(slope)} for an input ${times(input)}`,
        values: { limit: input.length, value: slope.length },
      };
    },
  },
];

/** Shared by layers that TensorRT states for two spatial dimensions only. */
export function lowRank(node: Node, context: RuleContext): ReturnType<Rule['test']> {
  const input = node.inputs.find((name) => name !== '' && !context.constant(name));
  const shape = context.shape(input);
  if (!shape || shape.length >= 4) return undefined;
  return {
    message: `${shape.length}-D input, shuffles run on the GPU`,
    values: { limit: 4, value: shape.length },
    fix: { advice: 'Keep the tensor four-dimensional (N×C×1×1) up to the end of the network.' },
  };
}
