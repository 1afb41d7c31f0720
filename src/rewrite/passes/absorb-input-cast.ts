import { float32Holds } from '../../graph/tensor.ts';
import type { Pass } from '../pass.ts';
import { isOp } from '../pattern.ts';

export const absorbInputCast: Pass = {
  name: 'absorb-input-cast',
  doc: 'A Cast of an input of the network (the bytes of an image) to float32 vanishes: the input is float32.',
  since: 'A Cast has no DLA rule of its own; TensorRT brings an input into the format of the DLA by itself.',
  kind: 'reconstruct',
  match(node, view) {
    if (!isOp(node, 'Cast')) return undefined;
    const [input = ''] = node.inputs;
    const [output = ''] = node.outputs;
    const type = view.type(input);
    if (!type || !view.isInput(input) || view.soleReader(input) !== node || !float32Holds.includes(type.dtype))
      return undefined;
    if (view.type(output)?.dtype !== 'float32' || !view.canAlias(output, input)) return undefined;
    return {
      remove: [node],
      alias: { from: output, to: input },
      values: [[input, { ...type, dtype: 'float32' }]],
    };
  },
};
