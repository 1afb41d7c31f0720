/** A BatchNormalization that no convolution takes in → Mul and Add with one constant for each channel. */

import type { Pass } from '../pass.ts';
import { channelTensor } from '../pattern.ts';
import { batchNormAffine } from './fold-batch-norm.ts';

export const batchNormToScale: Pass = {
  name: 'batch-norm-to-scale',
  doc: 'BatchNormalization that cannot be folded → Mul and Add with a constant for each channel.',
  since:
    'On the DLA it is a Scale layer (docs/hardware/dla-software.md#operators); as Mul and Add it merges with its neighbours.',
  kind: 'normalize',
  match(node, view) {
    const data = node.inputs[0]!;
    const output = node.outputs[0]!;
    const type = view.type(data);
    const affine = batchNormAffine(node, view);
    if (!affine || !type?.shape || type.shape.length < 2) return undefined;
    const { scale, shift } = affine;
    const rank = type.shape.length;
    const scaleName = view.fresh(node.name, 'scale');
    const shiftName = view.fresh(node.name, 'shift');
    const scaled = view.fresh(output, 'scaled');
    return {
      remove: [node],
      insert: [
        { name: view.fresh(node.name, 'mul'), op: 'Mul', inputs: [data, scaleName], outputs: [scaled] },
        { name: node.name, op: 'Add', inputs: [scaled, shiftName], outputs: [output] },
      ],
      constants: [
        [scaleName, channelTensor(Float32Array.from(scale), rank)],
        [shiftName, channelTensor(Float32Array.from(shift), rank)],
      ],
      values: [[scaled, type]],
    };
  },
};
