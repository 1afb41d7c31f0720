/** Shuffle: Reshape and Transpose. Flatten, Squeeze and Unsqueeze change the rank, which no layer of the DLA does. */

import type { Node } from '../../graph/graph.ts';
import { permutationOf } from '../../graph/operators/movement.ts';
import { always, type Rule, type RuleContext, rule, sources, times } from '../rule.ts';

const base = {
  operators: ['Reshape', 'Transpose'],
  severity: 'refuse',
} as const;

const sliceOrConcat = ['Slice', 'Split', 'Concat'];

const neighbours = (node: Node, context: RuleContext): readonly Node[] => {
  const before = context.producer(node.inputs[0]);
  return [...(before ? [before] : []), ...context.consumers(node.outputs[0])];
};

/** The fully connected layer that a flattening feeds: an N×C tensor times a constant. */
export function productBehind(node: Node, context: RuleContext): Node | undefined {
  const output = node.outputs[0];
  if (context.shape(output)?.length !== 2) return undefined;
  return context
    .consumers(output)
    .find(
      ({ op, inputs }) =>
        ['Gemm', 'MatMul'].includes(op) && inputs[0] === output && context.constant(inputs[1]) !== undefined,
    );
}

export const shuffleRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'shuffle/rank',
    doc: (rank) => `Reshape and Transpose go from a ${rank}-D tensor to a ${rank}-D tensor.`,
    limits: always(4, 'TensorRT developer guide 8.5'),
    test: (node, context, rank) => {
      const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
      if (!input || !output || (input.length === rank && output.length === rank)) return undefined;
      return {
        message: `${times(input)} to ${times(output)}, allowed ${rank}-D to ${rank}-D`,
        values: {
          limit: `${rank} → ${rank}`,
          value: `${input.length} → ${output.length}`,
          input: times(input),
          output: times(output),
        },
        fix: productBehind(node, context)
          ? { advice: 'Drop it and make the product behind it a convolution over the whole map.' }
          : { advice: 'Keep four dimensions (insert dimensions of 1), or move it to the end of the network.' },
      };
    },
  }),
  rule({
    ...base,
    id: 'shuffle/batch',
    doc: 'The batch dimension takes no part in a Reshape or Transpose.',
    limits: always('unchanged', 'TensorRT developer guide 8.5'),
    test: (node, context) => {
      const [input, output] = [context.shape(node.inputs[0]), context.shape(node.outputs[0])];
      if (input?.length !== 4 || output?.length !== 4) return undefined;
      const permutation = node.op === 'Transpose' ? permutationOf(node, 4) : [];
      const moved = node.op === 'Transpose' ? permutation[0] !== 0 : input[0] !== output[0];
      if (!moved) return undefined;
      const value = node.op === 'Transpose' ? permutation.join(',') : `${input[0]} → ${output[0]}`;
      return {
        message: `${node.op === 'Transpose' ? 'permutation' : 'batch'} ${value}, allowed ${node.op === 'Transpose' ? '0 first' : 'unchanged'}`,
        values: { limit: node.op === 'Transpose' ? '0,…' : `${input[0]} → ${input[0]}`, value },
      };
    },
  }),
  rule({
    ...base,
    id: 'shuffle/neighbour',
    operators: ['Reshape'],
    doc: 'A Reshape does not stand directly next to a Slice, Split or Concat.',
    limits: always(
      'no Slice, Split or Concat',
      `${sources.log}: "This version of DLA does not support reshape layers directly connected to Slice or Concat"`,
    ),
    test: (node, context, limit) => {
      const beside = neighbours(node, context).find((other) => sliceOrConcat.includes(other.op));
      if (!beside) return undefined;
      return {
        message: `is connected to ${beside.name} (${beside.op})`,
        values: { limit, value: beside.op, neighbour: beside.name },
        fix: { advice: `Move the Reshape away from ${beside.name}, or cut and join channels with 1×1 convolutions.` },
      };
    },
  }),
];
