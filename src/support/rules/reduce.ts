/** The remaining small layers: Reduce (maximum only), unary functions and LRN. */

import type { Node } from '../../graph/graph.ts';
import { intAttribute, intsAttribute } from '../../graph/graph.ts';
import { numbers } from '../../graph/tensor.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { sources, times } from '../rule.ts';

const base = { source: sources.operatorPages, confidence: 'stated', severity: 'refuse' } as const;

const reducedAxes = (node: Node, context: RuleContext, rank: number): readonly number[] | 'run-time' => {
  const all = Array.from({ length: rank }, (_, axis) => axis);
  if (node.op === 'GlobalMaxPool') return all.slice(2);
  const input = node.inputs[1];
  const tensor = context.constant(input);
  if (input && !tensor) return 'run-time';
  const given = tensor ? numbers(tensor) : (intsAttribute(node, 'axes') ?? []);
  if (given.length === 0) return intAttribute(node, 'noop_with_empty_axes', 0) === 1 ? [] : all;
  return given.map((axis) => (axis < 0 ? axis + rank : axis));
};

export const reduceRules: readonly Rule[] = [
  {
    ...base,
    id: 'reduce/rank',
    operators: ['ReduceMax', 'GlobalMaxPool'],
    doc: 'Reduce goes from a 4-D tensor to a 4-D tensor (keepdims = 1).',
    test: (node, context) => {
      const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
      if (!input || !output || (input.length === 4 && output.length === 4)) return undefined;
      return {
        message: `${times(input)} to ${times(output)}, allowed 4-D to 4-D`,
        values: { limit: '4 → 4', value: `${input.length} → ${output.length}` },
        fix: { advice: 'Set keepdims to 1.' },
      };
    },
  },
  {
    ...base,
    id: 'reduce/axes',
    operators: ['ReduceMax', 'GlobalMaxPool'],
    doc: 'Reduce works along any of C, H and W, and they are constants.',
    test: (node, context) => {
      const rank = context.shape(node.inputs[0])?.length;
      if (rank === undefined) return undefined;
      const axes = reducedAxes(node, context, rank);
      if (axes === 'run-time') {
        return { message: 'axes are computed at run time', values: { limit: 'constant', value: 'run-time' } };
      }
      if (!axes.includes(0)) return undefined;
      return { message: `axes ${axes.join(',')}, allowed 1…3`, values: { limit: '1…3', value: axes.join(',') } };
    },
  },
  {
    ...base,
    id: 'unary/rank',
    operators: ['Sin', 'Cos', 'Atanh'],
    doc: 'A unary function takes a 4-D tensor.',
    source: sources.reading,
    confidence: 'unverified',
    severity: 'warn',
    test: (node, context) => {
      const shape = context.shape(node.inputs[0]);
      if (!shape || shape.length >= 4) return undefined;
      return { message: `${shape.length}-D input`, values: { limit: 4, value: shape.length } };
    },
  },
  {
    ...base,
    id: 'unary/listed',
    operators: ['Sin', 'Cos', 'Atanh'],
    doc: 'The operators README has Sin, Cos and Atanh from TensorRT 8.6.12 on; the header still names ABS only.',
    source: `${sources.matrix}; ${sources.header}`,
    severity: 'warn',
    test: (node) => ({
      message: 'two documents of NVIDIA disagree',
      values: { limit: 'header: ABS', value: `README: ${node.op}` },
    }),
  },
  {
    ...base,
    id: 'lrn/window',
    operators: ['LRN'],
    doc: 'The window of LRN is 3, 5, 7 or 9 channels.',
    source: `${sources.guide}; ${sources.header}`,
    test: (node) => {
      const value = intAttribute(node, 'size', 0);
      return [3, 5, 7, 9].includes(value)
        ? undefined
        : { message: `window ${value}, allowed 3, 5, 7 or 9`, values: { limit: '3, 5, 7, 9', value } };
    },
  },
  {
    ...base,
    id: 'lrn/promoted',
    operators: ['LRN'],
    doc: 'LRN runs in FP16, also in an INT8 network.',
    source: sources.guide,
    precisions: ['int8'],
    severity: 'warn',
    test: () => ({ message: 'runs in FP16', values: { limit: 'fp16', value: 'int8' } }),
  },
];
