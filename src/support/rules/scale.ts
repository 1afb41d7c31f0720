/**
 * Scale: multiplication and addition by constants, and batch normalization, which is both. Add and Mul with a constant
 * operand become this layer; with two run-time operands they are element-wise layers (elementwise.ts). The constant must
 * be one number, one per channel, or one per element of an item.
 */

import type { Node } from '../../graph/graph.ts';
import { aligned } from '../../graph/operators/broadcast.ts';
import { batchNormalizationOf } from '../../graph/operators/point.ts';
import { elementCount } from '../../graph/tensor.ts';
import { always, type Rule, type RuleContext, rule, sources, times } from '../rule.ts';

/** The constant operand of a two-operand node, and the other; undefined when both are computed at run time. */
export function constantOperand(
  node: Node,
  context: RuleContext,
): { readonly constant: string; readonly operand: string; readonly index: 0 | 1 } | undefined {
  const [left = '', right = ''] = node.inputs;
  if (node.inputs.length !== 2) return undefined;
  if (context.constant(right)) return { constant: right, operand: left, index: 1 };
  if (context.constant(left)) return { constant: left, operand: right, index: 0 };
  return undefined;
}

/** TensorRT counts C, H and W from the end; of an N×C tensor, channels are the last. */
export const channelAxis = (rank: number): number => (rank <= 2 ? Math.max(0, rank - 1) : rank - 3);

type ScaleForm = 'uniform' | 'channel' | 'element';

/** How a constant spreads over a tensor, or undefined when it is none of the forms a Scale layer has. */
function scaleForm(constant: readonly number[], operand: readonly number[]): ScaleForm | undefined {
  if (constant.length > operand.length) {
    const extra = constant.length - operand.length;
    return constant.slice(0, extra).every((dim) => dim === 1) ? scaleForm(constant.slice(extra), operand) : undefined;
  }
  if (elementCount(constant) === 1) return 'uniform';
  const dims = aligned(constant, operand.length);
  const channel = channelAxis(operand.length);
  if (dims.every((dim, axis) => dim === (axis === channel ? operand[axis] : 1))) return 'channel';
  const item = dims.every((dim, axis) => dim === (axis < channel ? 1 : operand[axis]));
  return item ? 'element' : undefined;
}

const base = { severity: 'refuse' } as const;

export const scaleRules: readonly Rule[] = [
  rule({
    ...base,
    id: 'scale/form',
    operators: ['Add', 'Mul', 'Sub', 'Sum'],
    doc: 'A constant operand is one number, one per channel, or one per element of an item, so that the node becomes a Scale layer.',
    limits: always('1, C×1×1 or C×H×W', sources.guide),
    test: (node, context, limit) => {
      const split = constantOperand(node, context);
      const [constant, operand] = [context.shape(split?.constant), context.shape(split?.operand)];
      if (!constant || !operand) return undefined;
      const output = context.shape(node.outputs[0]);
      // A constant that is larger than the tensor spreads the tensor, which no Scale does.
      const grows = output !== undefined && elementCount(output) > elementCount(operand);
      if (!grows && scaleForm(constant, operand)) return undefined;
      return {
        message: `constant ${times(constant)} over ${times(operand)}, allowed ${limit}`,
        values: { limit, value: times(constant), operand: times(operand) },
        fix: {
          advice:
            operand.length === 3
              ? 'Keep the tensor four-dimensional with its channels second (N×C×1×T); then the constant is one per channel.'
              : 'Store the constant once per channel, or once per element of an item.',
        },
      };
    },
  }),
  rule({
    ...base,
    id: 'scale/subtract',
    operators: ['Sub'],
    doc: 'Subtraction of a constant is nowhere said to become a Scale layer, as addition is.',
    limits: always('run-time operands', sources.reading, 'inferred'),
    severity: 'warn',
    test: (node, context, limit) => {
      const split = constantOperand(node, context);
      if (!split) return undefined;
      return {
        message: `operand ${split.constant} is constant`,
        values: { limit, value: 'constant', input: split.constant },
        fix: {
          advice: split.index === 1 ? 'Add the negated constant.' : 'Multiply by −1 and add the constant.',
        },
      };
    },
  }),
  rule({
    ...base,
    id: 'scale/batch-norm',
    operators: ['BatchNormalization'],
    doc: 'Scale, shift, mean and variance of BatchNormalization are constants, and it is not in training mode.',
    limits: always('constants, inference', sources.guide),
    test: (node, context, limit) => {
      const loose = node.inputs.slice(1, 5).find((name) => name !== '' && !context.constant(name));
      const { training } = batchNormalizationOf(node, context);
      const used = node.outputs.slice(1).filter((name) => name !== '').length;
      if (loose === undefined && !training && used === 0) return undefined;
      const value = loose !== undefined ? `${loose} at run time` : 'training';
      return {
        message: loose !== undefined ? `${loose} is computed at run time` : 'it is in training mode',
        values: { limit, value },
        fix: { advice: 'Export the model in evaluation mode.' },
      };
    },
  }),
];
