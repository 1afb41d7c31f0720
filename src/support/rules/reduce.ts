/** The remaining small layers: Reduce (maximum only), unary functions and LRN. */

import { precisionName } from '../../base/data-type.ts';
import { lrnOf } from '../../graph/operators/point.ts';
import { reductionOf } from '../../graph/operators/reduction.ts';
import { always, either, type Rule, rule, sources, times } from '../rule.ts';

const base = { severity: 'refuse' } as const;

export const reduceRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'reduce/rank',
    operators: ['ReduceMax', 'GlobalMaxPool'],
    doc: (rank) => `Reduce goes from a ${rank}-D tensor to a ${rank}-D tensor (keepdims = 1).`,
    limits: always(4, sources.operatorPages),
    test: (node, context, rank) => {
      const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
      if (!input || !output || (input.length === rank && output.length === rank)) return undefined;
      return {
        message: `${times(input)} to ${times(output)}, allowed ${rank}-D to ${rank}-D`,
        values: { limit: `${rank} → ${rank}`, value: `${input.length} → ${output.length}` },
        fix: { advice: 'Set keepdims to 1.' },
      };
    },
  }),
  rule({
    ...base,
    id: 'reduce/axes',
    operators: ['ReduceMax', 'GlobalMaxPool'],
    doc: 'Reduce works along any of C, H and W, and they are constants.',
    limits: always('1…3', sources.operatorPages),
    test: (node, context, limit) => {
      const rank = context.shape(node.inputs[0])?.length;
      if (rank === undefined) return undefined;
      const { axes } = reductionOf(node, context, rank);
      if (axes === 'run-time') {
        return { message: 'axes are computed at run time', values: { limit: 'constant', value: 'run-time' } };
      }
      if (!axes.includes(0)) return undefined;
      return { message: `axes ${axes.join(',')}, allowed ${limit}`, values: { limit, value: axes.join(',') } };
    },
  }),
  rule({
    ...base,
    id: 'unary/rank',
    operators: ['Sin', 'Cos', 'Atanh'],
    doc: (rank) => `A unary function takes a ${rank}-D tensor.`,
    limits: always(4, sources.reading, 'inferred'),
    severity: 'warn',
    test: (node, context, limit) => {
      const shape = context.shape(node.inputs[0]);
      if (!shape || shape.length >= limit) return undefined;
      return { message: `${shape.length}-D input`, values: { limit, value: shape.length } };
    },
  }),
  rule({
    ...base,
    id: 'unary/listed',
    operators: ['Sin', 'Cos', 'Atanh'],
    doc: 'The operators README has Sin, Cos and Atanh from TensorRT 8.6.12 on; the header still names ABS only.',
    limits: always('header: ABS', `${sources.matrix}; ${sources.header}`),
    severity: 'warn',
    test: (node, _, limit) => ({
      message: 'two documents of NVIDIA disagree',
      values: { limit, value: `README: ${node.op}` },
    }),
  }),
  rule({
    ...base,
    id: 'lrn/window',
    operators: ['LRN'],
    doc: (sizes) => `The window of LRN is ${either(sizes)} channels.`,
    limits: always([3, 5, 7, 9], `${sources.guide}; ${sources.header}`),
    test: (node, _, sizes) => {
      const { size: value } = lrnOf(node);
      return sizes.some((size) => size === value)
        ? undefined
        : { message: `window ${value}, allowed ${either(sizes)}`, values: { limit: sizes.join(', '), value } };
    },
  }),
  rule({
    ...base,
    id: 'lrn/promoted',
    operators: ['LRN'],
    doc: 'LRN runs in FP16, also in an INT8 network.',
    limits: always('float16', sources.guide),
    precisions: ['int8'],
    severity: 'warn',
    test: (_node, _context, limit) => ({
      message: 'runs in FP16',
      values: { limit: precisionName(limit), value: 'int8' },
    }),
  }),
];
