/** Element-wise layers: two run-time tensors. What has a constant operand is a Scale (scale.ts). */

import { precisionName } from '../../base/data-type.ts';
import type { Node } from '../../graph/graph.ts';
import { aligned } from '../../graph/operators/broadcast.ts';
import { numbers } from '../../graph/tensor.ts';
import { always, either, type Rule, type RuleContext, rule, sources, times } from '../rule.ts';
import { lowRank } from './activation.ts';
import { channelAxis, constantOperand } from './scale.ts';

const arithmetic = ['Add', 'Sub', 'Mul', 'Div', 'Max', 'Min', 'Sum'];
const comparisons = ['Equal', 'Greater', 'Less'];
const base = { severity: 'refuse' } as const;

const runtimeInputs = (node: Node, context: RuleContext): readonly string[] =>
  node.inputs.filter((name) => name !== '' && !context.constant(name));

/** Whether `small` may be spread over `full`: equal, N×C×1×1 or N×1×1×1. */
function broadcasts(small: readonly number[], full: readonly number[]): boolean {
  const dims = aligned(small, full.length);
  const channel = channelAxis(full.length);
  const equal = dims.every((dim, axis) => dim === full[axis]);
  const channels = dims.every((dim, axis) => dim === (axis <= channel ? full[axis] : 1));
  const batch = dims.every((dim, axis) => dim === (axis < channel ? full[axis] : 1));
  return equal || channels || batch;
}

export const elementwiseRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'elementwise/broadcast',
    operators: [...arithmetic, ...comparisons],
    doc: 'Two run-time operands have equal shapes, or one of them is N×C×1×1 or N×1×1×1.',
    limits: always('equal, N×C×1×1 or N×1×1×1', 'TensorRT documentation 10.x as remembered', 'inferred'),
    test: (node, context, limit) => {
      const output = context.shape(node.outputs[0]);
      const shapes = runtimeInputs(node, context).map((name) => context.shape(name));
      if (!output || shapes.length < 2) return undefined;
      const wrong = shapes.find((shape) => shape && !broadcasts(shape, output));
      const full = shapes.some((shape) => shape && times(shape) === times(output));
      if (!wrong && full) return undefined;
      const value = shapes.map((shape) => times(shape ?? [])).join(' and ');
      return {
        message: `operands ${value}, allowed equal shapes, N×C×1×1 or N×1×1×1`,
        values: { limit, value },
        fix: { advice: 'Bring the operands to one shape, or reduce the smaller to one value per channel.' },
      };
    },
  }),
  rule({
    ...base,
    id: 'elementwise/constant-operand',
    operators: ['Max', 'Min'],
    doc: 'The operands of Max and Min are computed at run time: the DLA has no constant layers.',
    limits: always('run-time operands', `${sources.log}: CONSTANT layers are not supported`, 'log'),
    test: (node, context, limit) => {
      const constant = node.inputs.find((name) => context.constant(name));
      if (constant === undefined) return undefined;
      return {
        message: `operand ${constant} is constant`,
        values: { limit, value: 'constant', input: constant },
        fix: {
          advice:
            node.op === 'Max'
              ? 'Use Relu, or Add, Relu, Add for a bound other than 0.'
              : 'Use Clip with bounds 0 and 1…127.',
        },
      };
    },
  }),
  rule({
    ...base,
    id: 'elementwise/sum-constant',
    operators: ['Sum', 'Max', 'Min'],
    doc: 'Of more than two operands, every one is computed at run time.',
    limits: always('run-time operands', sources.reading, 'inferred'),
    test: (node, context, limit) => {
      const constant = node.inputs.length > 2 ? node.inputs.find((name) => context.constant(name)) : undefined;
      if (constant === undefined) return undefined;
      return {
        message: `operand ${constant} of ${node.inputs.length} is constant`,
        values: { limit, value: 'constant', input: constant },
        fix: { advice: `Split the ${node.op} into nodes of two operands.` },
      };
    },
  }),
  rule({
    ...base,
    id: 'elementwise/divisor',
    operators: ['Div'],
    doc: 'The dividend of Div is computed at run time: the DLA has no constant layers.',
    limits: always('run-time dividend', sources.reading, 'inferred'),
    test: (node, context, limit) =>
      constantOperand(node, context)?.index === 0
        ? { message: 'the dividend is constant', values: { limit, value: 'constant' } }
        : undefined,
  }),
  rule({
    ...base,
    id: 'elementwise/min-conflict',
    operators: ['Min'],
    doc: 'The header lists MIN among the element-wise operations; the operators README does not offer ONNX Min.',
    limits: always('header: yes', `${sources.header}; ${sources.matrix}`, 'header'),
    severity: 'warn',
    test: (_node, _context, limit) => ({
      message: 'two documents of NVIDIA disagree',
      values: { limit, value: 'README: rfe' },
    }),
  }),
  rule({
    ...base,
    id: 'elementwise/xavier-subtract',
    operators: ['Sub'],
    doc: 'On Xavier, subtraction is built as a Scale and a Sum.',
    limits: always(1, sources.guide),
    generations: ['xavier'],
    severity: 'warn',
    test: (node, context, limit) =>
      constantOperand(node, context) ? undefined : { message: 'becomes two layers', values: { limit, value: 2 } },
  }),
  rule({
    ...base,
    id: 'elementwise/rank',
    operators: [...arithmetic, 'BatchNormalization', 'PRelu', 'Abs'],
    doc: 'An element-wise layer works on two spatial dimensions; a tensor of another rank gets shuffle layers, which the DLA cannot run.',
    limits: always(4, sources.guide),
    severity: 'warn',
    test: lowRank,
  }),
];

export const comparisonRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'comparison/precision',
    operators: comparisons,
    doc: 'Comparisons take INT8 inputs only.',
    limits: always('int8', sources.guide10),
    precisions: ['float16'],
    test: (_node, { precision }, limit) => ({
      message: `the network is FP16, allowed ${limit}`,
      values: { limit, value: precisionName(precision) },
    }),
  }),
  rule({
    ...base,
    id: 'comparison/constant',
    operators: comparisons,
    doc: 'A constant that a comparison reads holds one value everywhere.',
    limits: always('one value', 'TensorRT documentation 10.x as remembered', 'inferred'),
    test: (node, context, limit) => {
      for (const name of node.inputs) {
        const tensor = context.constant(name);
        const values = tensor ? numbers(tensor) : [];
        if (values.every((value) => value === values[0])) continue;
        return {
          message: `constant ${name} holds more than one value, allowed ${limit}`,
          values: { limit, value: `${new Set(values).size} values`, input: name },
          fix: { advice: 'Subtract the constant first, and compare with 0.' },
        };
      }
      return undefined;
    },
  }),
  rule({
    ...base,
    id: 'comparison/cast',
    operators: comparisons,
    doc: (types) => `The result of a comparison goes to a Cast to ${either(types)} immediately.`,
    limits: always(['float16', 'int8'], sources.guide10),
    test: (node, context, types) => {
      const output = node.outputs[0] ?? '';
      const readers = context.consumers(output);
      const castsTo = ({ op, outputs }: Node) =>
        op === 'Cast' ? context.graph.values.get(outputs[0] ?? '')?.dtype : undefined;
      const limit = `Cast to ${either(types)}`;
      const other = readers.find((reader) => !types.some((type) => type === castsTo(reader)));
      if (readers.length > 0 && !other && !context.graph.outputs.includes(output)) return undefined;
      const type = other && castsTo(other);
      const value = other ? (type ? `Cast to ${type}` : other.op) : 'network output';
      return {
        message: `${output} is read by ${other ? `${other.name} (${value})` : 'the network output'}, allowed ${limit}`,
        values: { limit, value },
        ...(type && { fix: { advice: 'Cast to float16, and from there to what the network needs.' } }),
      };
    },
  }),
  rule({
    ...base,
    id: 'comparison/cast-only',
    operators: ['Cast'],
    doc: 'A Cast stands directly behind a comparison.',
    limits: always(comparisons, `${sources.guide10}; ${sources.log}`, 'log'),
    test: (node, context, makers) => {
      const before = context.producer(node.inputs[0]);
      if (before && makers.includes(before.op)) return undefined;
      const value = before?.op ?? 'network input';
      return {
        message: `follows ${before ? `${before.name} (${value})` : 'a network input'}`,
        values: { limit: makers.join(', '), value },
        fix: { advice: 'Remove the Cast, or feed the network the type it needs.' },
      };
    },
  }),
];

/** The Casts behind a comparison, which run where it does. */
export const castsBehind = (node: Node, context: RuleContext): readonly Node[] =>
  comparisons.includes(node.op) && node.domain === ''
    ? context.consumers(node.outputs[0]).filter(({ op, domain }) => op === 'Cast' && domain === '')
    : [];
