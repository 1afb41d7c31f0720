/** auto_pad → pads. SAME means ⌈in / stride⌉ outputs; the odd cell of padding goes to the end (UPPER) or the start (LOWER). */

import { intAttribute, intsAttribute, stringAttribute } from '../../graph/graph.ts';
import type { Pass } from '../pass.ts';
import { imageShape, ints, isOp } from '../pattern.ts';

export const explicitPadding: Pass = {
  name: 'explicit-padding',
  doc: 'Writes the padding that auto_pad stands for as numbers.',
  since: 'The limits on padding (docs/hardware/orin.md#convolution) are about numbers, and later passes add to them.',
  kind: 'normalize',
  match(node, view) {
    if (!isOp(node, 'Conv', 'MaxPool', 'AveragePool', 'LpPool')) return undefined;
    const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
    if (!node.attributes.auto_pad || intAttribute(node, 'ceil_mode', 0) !== 0) return undefined;
    const { auto_pad: _, ...attributes } = node.attributes;
    if (mode === 'NOTSET') return { remove: [node], insert: [{ ...node, attributes }] };
    const image = imageShape(view, node.inputs[0]!);
    const weights = node.op === 'Conv' ? view.shape(node.inputs[1]!)?.slice(2) : undefined;
    const kernel = intsAttribute(node, 'kernel_shape') ?? weights;
    if (!image || kernel?.length !== 2) return undefined;
    const strides = intsAttribute(node, 'strides') ?? [1, 1];
    const dilations = intsAttribute(node, 'dilations') ?? [1, 1];
    const total = [image.h, image.w].map((size, axis) => {
      if (mode === 'VALID') return 0;
      const reach = (Number(kernel[axis]) - 1) * dilations[axis]! + 1;
      return Math.max(0, (Math.ceil(size / strides[axis]!) - 1) * strides[axis]! + reach - size);
    });
    const small = total.map((pad) => Math.floor(pad / 2));
    const large = total.map((pad, axis) => pad - small[axis]!);
    const pads = mode === 'SAME_LOWER' ? [...large, ...small] : [...small, ...large];
    return { remove: [node], insert: [{ ...node, attributes: { ...attributes, pads: ints(pads) } }] };
  },
};
