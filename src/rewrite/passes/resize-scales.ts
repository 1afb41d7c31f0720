/** Resize to given sizes → Resize by factors, where the factors are whole numbers. */

import { resizeOf } from '../../graph/operators/resize.ts';
import { float32Tensor } from '../../graph/tensor.ts';
import type { Pass } from '../pass.ts';
import { isOp } from '../pattern.ts';

export const resizeScales: Pass = {
  name: 'resize-scales',
  doc: 'Resize to constant sizes that are whole multiples of the input → Resize by scales.',
  since: 'The DLA takes exactly four scales and no output dimensions (docs/hardware/orin.md#resize).',
  kind: 'normalize',
  match(node, view) {
    if (!isOp(node, 'Resize')) return undefined;
    const data = node.inputs[0]!;
    const { extent, listsAxes, aspectRatio } = resizeOf(node, view);
    const shape = view.shape(data);
    if (extent.by !== 'sizes' || shape?.length !== extent.sizes.length) return undefined;
    if (listsAxes || aspectRatio !== 'stretch') return undefined;
    const scales = extent.sizes.map((size, axis) => Number(size) / Number(shape[axis]));
    if (!scales.every((scale) => Number.isInteger(scale) && scale >= 1)) return undefined;
    const name = view.fresh(node.name, 'scales');
    return {
      remove: [node],
      insert: [{ ...node, inputs: [data, node.inputs[1] ?? '', name] }],
      constants: [[name, float32Tensor([scales.length], scales)]],
    };
  },
};
