/** Rules for every layer: static shapes, batch, dimensions and types. */

import { type Node, staticShape } from '../../graph/graph.ts';
import type { Rule, RuleContext } from '../rule.ts';
import { sources, times } from '../rule.ts';

const base = { confidence: 'stated', severity: 'refuse' } as const;

/** The run-time tensors of a node: what it reads and what it gives. */
const tensorsOf = (node: Node, context: RuleContext): readonly string[] =>
  [...node.inputs.filter((name) => !context.constant(name)), ...node.outputs].filter((name) => name !== '');

/** TensorRT's batch: the product of all dimensions but the last three; the first of a smaller tensor. */
export const batchOf = (shape: readonly number[]): number =>
  shape.length >= 4 ? shape.slice(0, -3).reduce((product, dim) => product * dim, 1) : (shape[0] ?? 1);

const boundInputs = ({ graph }: RuleContext): boolean => graph.inputs.every((name) => staticShape(graph, name));
const endBefore = 'The size depends on data, or on an operator that is not known: end the network before it.';

const MAX_BATCH = 4096;
const MAX_DIMENSION = 8192;

export const generalRules: readonly Rule[] = [
  {
    ...base,
    id: 'general/static-shape',
    generations: ['orin', 'xavier', 'nvdla'],
    doc: 'Every dimension is known when the engine is built.',
    source: `${sources.guide}; ${sources.guide10}`,
    test: (node, context) => {
      const value = tensorsOf(node, context).find((name) => !context.shape(name));
      if (value === undefined) return undefined;
      const shape = context.graph.values.get(value)?.shape;
      const shown = shape ? shape.join('×') : 'unknown';
      return {
        message: `${value} has shape ${shown}`,
        values: { limit: 'static', value: shown, tensor: value },
        fix: { advice: boundInputs(context) ? endBefore : 'Bind the symbolic dimensions of the inputs (--shapes).' },
      };
    },
  },
  {
    ...base,
    id: 'general/type',
    generations: ['orin', 'xavier', 'nvdla'],
    doc: 'The tensors of a DLA layer are floating point in the model (comparisons give booleans).',
    source: `${sources.header}: FP16 and INT8 only`,
    test: (node, context) => {
      const float = ['float32', 'float16', 'bfloat16', 'float64', 'bool'];
      const wrong = tensorsOf(node, context).find((name) => {
        const dtype = context.graph.values.get(name)?.dtype;
        return dtype !== undefined && !float.includes(dtype) && !(node.op === 'Cast' && dtype === 'int8');
      });
      if (wrong === undefined) return undefined;
      const value = context.graph.values.get(wrong)!.dtype;
      return { message: `${wrong} is ${value}`, values: { limit: 'floating point', value, tensor: wrong } };
    },
  },
  {
    ...base,
    id: 'general/batch',
    doc: 'The batch, the product of all dimensions but the last three, is at most 4096.',
    source: `${sources.guide}; ${sources.guide10}`,
    test: (node, context) => {
      for (const tensor of tensorsOf(node, context)) {
        const shape = context.shape(tensor);
        const value = shape ? batchOf(shape) : 0;
        if (value > MAX_BATCH) {
          return {
            message: `batch ${value} of ${tensor} (${times(shape!)}), allowed ${MAX_BATCH}`,
            values: { limit: MAX_BATCH, value, tensor },
            fix: { advice: 'Use a smaller batch and run several.' },
          };
        }
      }
      return undefined;
    },
  },
  {
    ...base,
    id: 'general/dimension',
    doc: 'Every dimension but the batch is at most 8192.',
    source: sources.guide10,
    test: (node, context) => {
      for (const tensor of tensorsOf(node, context)) {
        const shape = context.shape(tensor) ?? [];
        const value = Math.max(0, ...shape.slice(shape.length >= 4 ? -3 : 1));
        if (value > MAX_DIMENSION) {
          return {
            message: `dimension ${value} of ${tensor} (${times(shape)}), allowed ${MAX_DIMENSION}`,
            values: { limit: MAX_DIMENSION, value, tensor },
            fix: { advice: 'Fold the long dimension into two (C×H×W with H·W elements), or tile it.' },
          };
        }
      }
      return undefined;
    },
  },
];
