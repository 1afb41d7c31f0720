/** −x → x · (−1). */

import { float32Tensor } from '../../graph/tensor.ts';
import type { Pass } from '../pass.ts';
import { isOp } from '../pattern.ts';

export const reconstructNeg: Pass = {
  name: 'reconstruct-neg',
  doc: 'Neg → Mul by the constant −1.',
  since: 'TensorRT has no Neg on the DLA, but scales (docs/hardware/dla-software.md#operators).',
  kind: 'reconstruct',
  match(node, view) {
    if (!isOp(node, 'Neg') || view.type(node.inputs[0]!)?.dtype !== 'float32') return undefined;
    const constant = view.fresh(node.name, 'minus_one');
    return {
      remove: [node],
      insert: [{ name: node.name, op: 'Mul', inputs: [node.inputs[0]!, constant], outputs: node.outputs }],
      constants: [[constant, float32Tensor([], [-1])]],
    };
  },
};
