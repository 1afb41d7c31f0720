/**
 * HardSwish(x) = x · clip(x/6 + ½, 0, 1) = (x · clip(x + 3, 0, 6)) / 6. The second form is used: the DLA wants both
 * operands of the product in the same range (docs/hardware/orin.md#int8-ranges), and [0, 6] is much nearer to the range
 * of x than [0, 1].
 *
 * SiLU, x · sigmoid(x), needs nothing: exporters write it as Sigmoid and Mul, and the DLA has both.
 */

import { float32Tensor } from '../../graph/tensor.ts';
import type { Pass } from '../pass.ts';
import { clipNode, isOp } from '../pattern.ts';

export const reconstructHardSwish: Pass = {
  name: 'reconstruct-hard-swish',
  doc: 'HardSwish → Add 3, Clip to [0, 6], Mul with its input, Mul by 1/6.',
  since: 'TensorRT does not run HardSwish on the DLA (docs/hardware/dla-software.md#operators), but each of the four.',
  kind: 'reconstruct',
  match(node, view) {
    const data = node.inputs[0] ?? '';
    const type = view.type(data);
    if (!isOp(node, 'HardSwish') || type?.dtype !== 'float32') return undefined;
    const [output] = node.outputs as [string];
    const [three, sixth] = [view.fresh(node.name, 'three'), view.fresh(node.name, 'sixth')];
    const [shifted, gate, product] = ['shifted', 'gate', 'product'].map((suffix) => view.fresh(output, suffix)) as [
      string,
      string,
      string,
    ];
    const clip = clipNode(view, view.fresh(node.name, 'clip'), shifted, gate, 0, 6);
    return {
      remove: [node],
      insert: [
        { name: view.fresh(node.name, 'add'), op: 'Add', inputs: [data, three], outputs: [shifted] },
        clip.node,
        { name: view.fresh(node.name, 'mul'), op: 'Mul', inputs: [data, gate], outputs: [product] },
        { name: node.name, op: 'Mul', inputs: [product, sixth], outputs: [output] },
      ],
      constants: [[three, float32Tensor([], [3])], [sixth, float32Tensor([], [1 / 6])], ...clip.constants],
      values: [shifted, gate, product].map((value) => [value, type] as const),
    };
  },
};
