/** x − c → x + (−c); c − x → −x + c; x ÷ c → x · (1/c); the constant becomes the second operand. */

import { float32Tensor, float32Values } from '../../graph/tensor.ts';
import type { Pass } from '../pass.ts';
import { allFinite, channelVector, floatConstant, isOp, sameShape } from '../pattern.ts';

export const arithmeticToScale: Pass = {
  name: 'arithmetic-to-scale',
  doc: 'Sub and Div with a constant → Add and Mul; the constant becomes the second operand.',
  since:
    'The DLA scales and shifts by constants (docs/hardware/orin.md#scale); Div is refused by older releases, and Mul and Add fold into convolutions.',
  kind: 'normalize',
  match(node, view) {
    if (!isOp(node, 'Add', 'Sub', 'Mul', 'Div')) return undefined;
    const [left = '', right = ''] = node.inputs;
    const output = node.outputs[0]!;
    const first = floatConstant(view, left);
    const second = floatConstant(view, right);
    if (!first === !second) return undefined;
    const common = { name: node.name, outputs: [output] };
    if (first) {
      if (isOp(node, 'Add', 'Mul')) {
        return { remove: [node], insert: [{ ...common, op: node.op, inputs: [right, left], origin: node.origin }] };
      }
      if (isOp(node, 'Div') || !channelVector(view, left, view.shape(right))) return undefined;
      if (!sameShape(view.shape(right), view.shape(output))) return undefined;
      const minusOne = view.fresh(node.name, 'minus_one');
      const negated = view.fresh(output, 'negated');
      return {
        remove: [node],
        insert: [
          { name: view.fresh(node.name, 'negate'), op: 'Mul', inputs: [right, minusOne], outputs: [negated] },
          { ...common, op: 'Add', inputs: [negated, left] },
        ],
        constants: [[minusOne, float32Tensor([], [-1])]],
        values: [[negated, view.type(right)!]],
      };
    }
    if (isOp(node, 'Add', 'Mul')) return undefined;
    const values = float32Values(second!);
    const replaced = node.op === 'Sub' ? values.map((value) => -value) : values.map((value) => 1 / value);
    if (!allFinite(replaced) || (node.op === 'Div' && replaced.some((value) => Math.abs(value) < 1e-37)))
      return undefined;
    const constant = view.fresh(right, node.op === 'Sub' ? 'negated' : 'reciprocal');
    return {
      remove: [node],
      insert: [{ ...common, op: node.op === 'Sub' ? 'Add' : 'Mul', inputs: [left, constant] }],
      constants: [[constant, float32Tensor(second!.shape, replaced)]],
    };
  },
};
