/** HardSigmoid(x) = clip(α·x + β, 0, 1) → Mul, Add, Clip; Mul and Add then fold into a convolution before it. */

import { hardSigmoidOf } from '../../graph/operators/point.ts';
import { float32Tensor } from '../../graph/tensor.ts';
import type { Pass } from '../pass.ts';
import { clipNode, isOp } from '../pattern.ts';

export const reconstructHardSigmoid: Pass = {
  name: 'reconstruct-hard-sigmoid',
  doc: 'HardSigmoid → Mul, Add and Clip to [0, 1].',
  since:
    'TensorRT: "Activation type: HARD_SIGMOID is not supported on DLA" (docs/hardware/dla-software.md#build-log); a Clip up to 1 is (docs/hardware/orin.md#activation).',
  kind: 'reconstruct',
  match(node, view) {
    const type = view.type(node.inputs[0] ?? '');
    if (!isOp(node, 'HardSigmoid') || type?.dtype !== 'float32') return undefined;
    const [output] = node.outputs as [string];
    const [alpha, beta] = [view.fresh(node.name, 'alpha'), view.fresh(node.name, 'beta')];
    const [scaled, shifted] = [view.fresh(output, 'scaled'), view.fresh(output, 'shifted')];
    const clip = clipNode(view, node.name, shifted, output, 0, 1);
    return {
      remove: [node],
      insert: [
        { name: view.fresh(node.name, 'mul'), op: 'Mul', inputs: [node.inputs[0]!, alpha], outputs: [scaled] },
        { name: view.fresh(node.name, 'add'), op: 'Add', inputs: [scaled, beta], outputs: [shifted] },
        clip.node,
      ],
      constants: [
        [alpha, float32Tensor([], [hardSigmoidOf(node).alpha])],
        [beta, float32Tensor([], [hardSigmoidOf(node).beta])],
        ...clip.constants,
      ],
      values: [
        [scaled, type],
        [shifted, type],
      ],
    };
  },
};
