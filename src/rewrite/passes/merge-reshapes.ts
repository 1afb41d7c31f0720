/** A reshape of a reshape → one, or none where the first shape comes back. */

import { int64Tensor } from '../../graph/tensor.ts';
import type { Pass } from '../pass.ts';
import { isReshape, sameShape } from '../pattern.ts';

export const mergeReshapes: Pass = {
  name: 'merge-reshapes',
  doc: 'Reshape, Flatten, Squeeze or Unsqueeze of one another → one Reshape, or nothing where the first shape comes back.',
  since:
    'The DLA reshapes only four-dimensional tensors (docs/hardware/orin.md#shuffle); a detour through another rank splits the graph.',
  kind: 'normalize',
  match(node, view) {
    if (!isReshape(node)) return undefined;
    const [middle = ''] = node.inputs;
    const first = view.producer(middle);
    if (!isReshape(first)) return undefined;
    const data = first.inputs[0]!;
    const output = node.outputs[0]!;
    const from = view.shape(data);
    const to = view.shape(output);
    if (!from || !to) return undefined;
    if (sameShape(from, to)) {
      return view.canAlias(output, data) ? { remove: [node], alias: { from: output, to: data } } : undefined;
    }
    if (view.soleReader(middle) !== node) return undefined;
    const target = to.map((dim, axis) => (axis === 0 && dim === from[0] ? 0 : dim));
    if (!target.every((dim) => typeof dim === 'number')) return undefined;
    const shape = view.fresh(node.name, 'shape');
    return {
      remove: [first, node],
      insert: [{ name: node.name, op: 'Reshape', inputs: [data, shape], outputs: [output] }],
      constants: [[shape, int64Tensor([target.length], target)]],
    };
  },
};
