/** Resize to given sizes → Resize by factors, where the factors are whole numbers. */

import { stringAttribute } from '../../graph/graph.ts';
import { float32Tensor } from '../../graph/tensor.ts';
import type { Pass } from '../pass.ts';
import { intsConstant, isOp } from '../pattern.ts';

export const resizeScales: Pass = {
  name: 'resize-scales',
  doc: 'Resize to constant sizes that are whole multiples of the input → Resize by scales.',
  since: 'The DLA takes exactly four scales and no output dimensions (docs/hardware/orin.md#resize).',
  kind: 'normalize',
  match(node, view) {
    if (!isOp(node, 'Resize') || view.opset < 11 || !node.inputs[3]) return undefined;
    const data = node.inputs[0]!;
    const sizes = intsConstant(view, node.inputs[3]);
    const shape = view.shape(data);
    if (!sizes || shape?.length !== sizes.length || node.attributes.axes) return undefined;
    if (stringAttribute(node, 'keep_aspect_ratio_policy', 'stretch') !== 'stretch') return undefined;
    const scales = sizes.map((size, axis) => size / Number(shape[axis]));
    if (!scales.every((scale) => Number.isInteger(scale) && scale >= 1)) return undefined;
    const name = view.fresh(node.name, 'scales');
    return {
      remove: [node],
      insert: [{ ...node, inputs: [data, node.inputs[1] ?? '', name] }],
      constants: [[name, float32Tensor([scales.length], scales)]],
    };
  },
};
