/** Sum of several → a chain of Add, in the order of the operands. */

import type { ValueType } from '../../graph/graph.ts';
import type { NewNode, Pass } from '../pass.ts';
import { isOp, sameShape } from '../pattern.ts';

export const sumToAdd: Pass = {
  name: 'sum-to-add',
  doc: 'Sum of two or more → a chain of Add.',
  since:
    'The DLA adds two tensors at a time (docs/hardware/orin.md#elementwise), and an Add folds into the convolution before it.',
  kind: 'normalize',
  match(node, view) {
    const output = node.outputs[0]!;
    const type = view.type(output);
    if (!isOp(node, 'Sum') || node.inputs.length < 2 || !type) return undefined;
    if (!node.inputs.every((input) => sameShape(view.shape(input), type.shape))) return undefined;
    const insert: NewNode[] = [];
    const values: [string, ValueType][] = [];
    let sum = node.inputs[0]!;
    node.inputs.slice(1).forEach((operand, index) => {
      const last = index === node.inputs.length - 2;
      const result = last ? output : view.fresh(output, `sum${index + 1}`);
      const name = last ? node.name : view.fresh(node.name, `sum${index + 1}`);
      insert.push({ name, op: 'Add', inputs: [sum, operand], outputs: [result] });
      if (!last) values.push([result, type]);
      sum = result;
    });
    return { remove: [node], insert, values };
  },
};
