/** Element-wise layers: two run-time tensors. What has a constant operand is a Scale (scale.ts). */

import type { Node } from '../../graph/graph.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { sources, times } from '../rule.ts';
import { lowRank } from './activation.ts';
import { channelAxis, constantOperand } from './scale.ts';

const arithmetic = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum'];
const comparisons = ['Equal', 'Greater', 'Less'];
const base = { source: sources.guide, confidence: 'stated', severity: 'refuse' } as const;

const runtimeInputs = (node: Node, context: RuleContext): readonly string[] =>
  node.inputs.filter((name) => name !== '' && !context.constant(name));

/** Whether `small` may be spread over `full`: equal, N×C×1×1 or N×1×1×1. */
export function broadcasts(small: readonly number[], full: readonly number[]): boolean {
  const aligned = [...full.slice(small.length).map(() => 1), ...small];
  const channel = channelAxis(full.length);
  const equal = aligned.every((dim, axis) => dim === full[axis]);
  const channels = aligned.every((dim, axis) => dim === (axis <= channel ? full[axis] : 1));
  const batch = aligned.every((dim, axis) => dim === (axis < channel ? full[axis] : 1));
  return equal || channels || batch;
}

export const elementwiseRules: readonly Rule[] = [
  {
    ...base,
    id: 'elementwise/broadcast',
    operators: [...arithmetic, ...comparisons],
    doc: 'Two run-time operands have equal shapes, or one of them is N×C×1×1 or N×1×1×1.',
    source: 'TensorRT documentation 10.x as remembered',
    confidence: 'unverified',
    test: (node, context) => {
      const output = context.shape(node.outputs[0]);
      const shapes = runtimeInputs(node, context).map((name) => context.shape(name));
      if (!output || shapes.length < 2) return undefined;
      const wrong = shapes.find((shape) => shape && !broadcasts(shape, output));
      const full = shapes.some((shape) => shape && times(shape) === times(output));
      if (!wrong && full) return undefined;
      const value = shapes.map((shape) => times(shape ?? [])).join(' and ');
      return {
        message: `operands ${value}, allowed equal shapes, N×C×1×1 or N×1×1×1`,
        values: { limit: 'equal, N×C×1×1 or N×1×1×1', value },
        fix: { advice: 'Bring the operands to one shape, or reduce the smaller to one value per channel.' },
      };
    },
  },
  {
    ...base,
    id: 'elementwise/constant-operand',
    operators: ['Max', 'Min'],
    doc: 'The operands of Max and Min are computed at run time: the DLA has no constant layers.',
    source: `${sources.log}: CONSTANT layers are not supported`,
    confidence: 'second-hand',
    test: (node, context) => {
      const constant = node.inputs.find((name) => context.constant(name));
      if (constant === undefined) return undefined;
      return {
        message: `operand ${constant} is constant`,
        values: { limit: 'run-time operands', value: 'constant', input: constant },
        fix: {
          rewrite: 'simplify-clip',
          advice:
            node.op === 'Max'
              ? 'Use Relu, or Add, Relu, Add for a bound other than 0.'
              : 'Use Clip with bounds 0 and 1…127.',
        },
      };
    },
  },
  {
    ...base,
    id: 'elementwise/sum-constant',
    operators: ['Sum', 'Max', 'Min'],
    doc: 'Of more than two operands, every one is computed at run time.',
    source: sources.reading,
    confidence: 'unverified',
    test: (node, context) => {
      const constant = node.inputs.length > 2 ? node.inputs.find((name) => context.constant(name)) : undefined;
      if (constant === undefined) return undefined;
      return {
        message: `operand ${constant} of ${node.inputs.length} is constant`,
        values: { limit: 'run-time operands', value: 'constant', input: constant },
        fix: { rewrite: 'sum-to-add', advice: `Split the ${node.op} into nodes of two operands.` },
      };
    },
  },
  {
    ...base,
    id: 'elementwise/divisor',
    operators: ['Div'],
    doc: 'The dividend of Div is computed at run time: the DLA has no constant layers.',
    source: sources.reading,
    confidence: 'unverified',
    test: (node, context) =>
      constantOperand(node, context)?.index === 0
        ? { message: 'the dividend is constant', values: { limit: 'run-time dividend', value: 'constant' } }
        : undefined,
  },
  {
    ...base,
    id: 'elementwise/min-conflict',
    operators: ['Min'],
    doc: 'The header lists MIN among the element-wise operations; the operators README does not offer ONNX Min.',
    source: `${sources.header}; ${sources.matrix}`,
    severity: 'warn',
    test: () => ({
      message: 'two documents of NVIDIA disagree',
      values: { limit: 'header: yes', value: 'README: rfe' },
    }),
  },
  {
    ...base,
    id: 'elementwise/xavier-subtract',
    operators: ['Sub'],
    doc: 'On Xavier, subtraction is built as a Scale and a Sum.',
    generations: ['xavier'],
    severity: 'warn',
    test: (node, context) =>
      constantOperand(node, context) ? undefined : { message: 'becomes two layers', values: { limit: 1, value: 2 } },
  },
  {
    ...base,
    id: 'elementwise/rank',
    operators: [...arithmetic, 'BatchNormalization', 'PRelu', 'Abs'],
    doc: 'An element-wise layer works on two spatial dimensions; a tensor of another rank gets shuffle layers, which the DLA cannot run.',
    severity: 'warn',
    test: lowRank,
  },
];

export const comparisonRules: readonly Rule[] = [
  {
    ...base,
    id: 'comparison/precision',
    operators: comparisons,
    doc: 'Comparisons take INT8 inputs only.',
    source: sources.guide10,
    confidence: 'second-hand',
    precisions: ['fp16'],
    test: () => ({ message: 'the network is FP16, allowed int8', values: { limit: 'int8', value: 'fp16' } }),
  },
  {
    ...base,
    id: 'comparison/cast',
    operators: comparisons,
    doc: 'The result of a comparison is cast to FP16 or INT8 immediately.',
    source: sources.guide10,
    test: (node, context) => {
      const output = node.outputs[0] ?? '';
      const readers = context.consumers(output);
      const other = readers.find((reader) => reader.op !== 'Cast');
      if (readers.length > 0 && !other && !context.graph.outputs.includes(output)) return undefined;
      const value = other?.op ?? 'network output';
      return {
        message: `${output} is read by ${other ? `${other.name} (${value})` : 'the network output'}`,
        values: { limit: 'Cast', value },
      };
    },
  },
  {
    ...base,
    id: 'comparison/cast-only',
    operators: ['Cast'],
    doc: 'A Cast stands directly behind a comparison.',
    source: `${sources.guide10}; ${sources.log}`,
    confidence: 'second-hand',
    test: (node, context) => {
      const before = context.producer(node.inputs[0]);
      if (before && comparisons.includes(before.op)) return undefined;
      const value = before?.op ?? 'network input';
      return {
        message: `follows ${before ? `${before.name} (${value})` : 'a network input'}`,
        values: { limit: comparisons.join(', '), value },
        fix: { advice: 'Remove the Cast, or feed the network the type it needs.' },
      };
    },
  },
];
