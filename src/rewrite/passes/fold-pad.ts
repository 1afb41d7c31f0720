/**
 * Pad with zeros over height and width joins the padding of the convolution or pooling after it. For a maximum, zeros
 * are neutral only where no element is negative and every window holds one real cell, or where the padding was the lowest
 * number to begin with.
 */

import type { Node } from '../../graph/graph.ts';
import { padOf } from '../../graph/operators/movement.ts';
import { clipBounds } from '../../graph/operators/point.ts';
import { countsPadding, windowForm, windowOf } from '../../graph/operators/window.ts';
import type { Edit, Pass, View } from '../pass.ts';
import { int, ints, isOp } from '../pattern.ts';

export const foldPad: Pass = {
  name: 'fold-pad',
  doc: 'Folds a zero Pad over height and width into the padding of the Conv, MaxPool or AveragePool after it.',
  since:
    'TensorRT does not run Pad on the DLA (docs/hardware/dla-software.md#operators), but convolution and pooling pad for free.',
  kind: 'normalize',
  match(node, view) {
    if (!isOp(node, 'Conv', 'MaxPool', 'AveragePool')) return undefined;
    const data = node.inputs[0]!;
    const pad = view.producer(data);
    if (!isOp(pad, 'Pad') || view.soleReader(data) !== node) return undefined;
    const added = spatialPads(pad, view);
    const shape = added && windowOf(node, view);
    if (!added || !shape || windowForm(node, view)?.ceilMode) return undefined;
    const pads = shape.pads.map((size, side) => size + added.pads[side]!);
    const reach = shape.kernel.map((size, axis) => (size - 1) * shape.dilations[axis]! + 1);
    if (!pads.every((size, side) => size < shape.kernel[side % 2]! && size < reach[side % 2]!)) return undefined;
    const { auto_pad: _, ...others } = node.attributes;
    const attributes = { ...others, pads: ints(pads) };
    const edit = (more: Node['attributes'] = {}): Edit => ({
      remove: [pad, node],
      insert: [
        {
          ...node,
          inputs: [pad.inputs[0]!, ...node.inputs.slice(1)],
          attributes: { ...attributes, ...more },
          origin: [...pad.origin, ...node.origin],
        },
      ],
    });
    if (isOp(node, 'Conv')) return added.value === 0 ? edit() : undefined;
    if (isOp(node, 'AveragePool')) {
      const counts = countsPadding(node) || shape.pads.every((size) => size === 0);
      return added.value === 0 && counts ? edit({ count_include_pad: int(1) }) : undefined;
    }
    const neutral = added.value <= -3.4e38 || (added.value === 0 && isNonNegative(pad.inputs[0]!, view));
    return neutral && !node.outputs[1] ? edit() : undefined;
  },
};

/** Top, left, bottom, right of a constant Pad of a four-dimensional value that touches only height and width. */
function spatialPads(pad: Node, view: View): { readonly pads: readonly number[]; readonly value: number } | undefined {
  if (view.shape(pad.inputs[0]!)?.length !== 4) return undefined;
  const { mode, pads: all, value } = padOf(pad, view, 4);
  if (mode !== 'constant' || all === 'run-time' || value === 'run-time') return undefined;
  const [n0, c0, top, left, n1, c1, bottom, right] = all as [
    number,
    number,
    number,
    number,
    number,
    number,
    number,
    number,
  ];
  const pads = [top, left, bottom, right];
  return n0 || c0 || n1 || c1 || pads.some((size) => size < 0) ? undefined : { pads, value };
}

function isNonNegative(value: string, view: View): boolean {
  const node = view.producer(value);
  if (!node) return false;
  if (isOp(node, 'Relu', 'Sigmoid', 'HardSigmoid', 'Abs', 'Exp', 'Softplus', 'Softmax')) return true;
  if (isOp(node, 'MaxPool', 'AveragePool', 'Identity')) return isNonNegative(node.inputs[0]!, view);
  if (!isOp(node, 'Clip')) return false;
  const { min } = clipBounds(node, view);
  return min !== 'run-time' && min >= 0;
}
