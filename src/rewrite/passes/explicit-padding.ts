/** auto_pad → pads. SAME means ⌈in / stride⌉ outputs; the odd cell of padding goes to the end (UPPER) or the start (LOWER). */

import { windowForm, windowOf } from '../../graph/operators/window.ts';
import type { Pass } from '../pass.ts';
import { ints, isOp } from '../pattern.ts';

export const explicitPadding: Pass = {
  name: 'explicit-padding',
  doc: 'Writes the padding that auto_pad stands for as numbers.',
  since: 'The limits on padding (docs/hardware/orin.md#convolution) are about numbers, and later passes add to them.',
  kind: 'normalize',
  match(node, view) {
    if (!isOp(node, 'Conv', 'MaxPool', 'AveragePool', 'LpPool')) return undefined;
    const form = node.attributes.auto_pad && windowForm(node, view);
    if (!form || form.ceilMode) return undefined;
    const { auto_pad: _, ...attributes } = node.attributes;
    if (form.autoPad === 'NOTSET') return { remove: [node], insert: [{ ...node, attributes }] };
    const pads = windowOf(node, view)?.pads;
    if (!pads) return undefined;
    return { remove: [node], insert: [{ ...node, attributes: { ...attributes, pads: ints(pads) } }] };
  },
};
