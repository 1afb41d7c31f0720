/** Rules for every layer: static shapes, batch, dimensions and types. */

import { type Node, staticShape } from '../../graph/graph.ts';
import { always, type Rule, type RuleContext, rule, sources, times } from '../rule.ts';

const base = { severity: 'refuse' } as const;

/** The run-time tensors of a node: what it reads and what it gives. */
const tensorsOf = (node: Node, context: RuleContext): readonly string[] =>
  [...node.inputs.filter((name) => !context.constant(name)), ...node.outputs].filter((name) => name !== '');

/** TensorRT's batch: the product of all dimensions but the last three; the first of a smaller tensor. */
export const batchOf = (shape: readonly number[]): number =>
  shape.length >= 4 ? shape.slice(0, -3).reduce((product, dim) => product * dim, 1) : (shape[0] ?? 1);

const boundInputs = ({ graph }: RuleContext): boolean => graph.inputs.every((name) => staticShape(graph, name));
const endBefore = 'The size depends on data, or on an operator that is not known: end the network before it.';

export const generalRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'general/static-shape',
    generations: ['orin', 'xavier', 'nvdla'],
    doc: 'Every dimension is known when the engine is built.',
    limits: always('static', `${sources.guide}; ${sources.guide10}`),
    test: (node, context, limit) => {
      const value = tensorsOf(node, context).find((name) => !context.shape(name));
      if (value === undefined) return undefined;
      const shape = context.graph.values.get(value)?.shape;
      const shown = shape ? shape.join('×') : 'unknown';
      return {
        message: `${value} has shape ${shown}`,
        values: { limit, value: shown, tensor: value },
        fix: { advice: boundInputs(context) ? endBefore : 'Bind the symbolic dimensions of the inputs (--shapes).' },
      };
    },
  }),
  rule({
    ...base,
    id: 'general/type',
    generations: ['orin', 'xavier', 'nvdla'],
    doc: 'The tensors of a DLA layer are float32 or float16 in the model (comparisons give booleans).',
    limits: always(['float32', 'float16', 'bool'], `${sources.header}: FP16 and INT8 only`, 'header'),
    test: (node, context, types) => {
      const wrong = tensorsOf(node, context).find((name) => {
        const dtype = context.graph.values.get(name)?.dtype;
        return (
          dtype !== undefined &&
          !types.some((allowed) => allowed === dtype) &&
          !(node.op === 'Cast' && dtype === 'int8')
        );
      });
      if (wrong === undefined) return undefined;
      const value = context.graph.values.get(wrong)!.dtype;
      return { message: `${wrong} is ${value}`, values: { limit: 'float32 or float16', value, tensor: wrong } };
    },
  }),
  rule({
    ...base,
    id: 'general/batch',
    doc: (limit) => `The batch, the product of all dimensions but the last three, is at most ${limit}.`,
    limits: always(4096, `${sources.guide}; ${sources.guide10}`),
    test: (node, context, limit) => {
      for (const tensor of tensorsOf(node, context)) {
        const shape = context.shape(tensor);
        const value = shape ? batchOf(shape) : 0;
        if (value > limit) {
          return {
            message: `batch ${value} of ${tensor} (${times(shape!)}), allowed ${limit}`,
            values: { limit, value, tensor },
            fix: { advice: 'Use a smaller batch and run several.' },
          };
        }
      }
      return undefined;
    },
  }),
  rule({
    ...base,
    id: 'general/dimension',
    doc: (limit) => `Every dimension but the batch is at most ${limit}.`,
    limits: always(8192, sources.guide10),
    test: (node, context, limit) => {
      for (const tensor of tensorsOf(node, context)) {
        const shape = context.shape(tensor) ?? [];
        const value = Math.max(0, ...shape.slice(shape.length >= 4 ? -3 : 1));
        if (value > limit) {
          return {
            message: `dimension ${value} of ${tensor} (${times(shape)}), allowed ${limit}`,
            values: { limit, value, tensor },
            fix: { advice: 'Fold the long dimension into two (C×H×W with H·W elements), or tile it.' },
          };
        }
      }
      return undefined;
    },
  }),
];
