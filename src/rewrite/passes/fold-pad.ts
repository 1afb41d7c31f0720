/**
 * Pad with zeros over height and width joins the padding of the convolution or pooling after it. For a maximum, zeros
 * are neutral only where no element is negative and every window holds one real cell, or where the padding was the lowest
 * number to begin with.
 */

import { floatAttribute, intAttribute, intsAttribute, type Node, stringAttribute } from '../../graph/graph.ts';
import { float32Values } from '../../graph/tensor.ts';
import type { Edit, Pass, View } from '../pass.ts';
import { clipBounds, floatConstant, int, ints, intsConstant, isOp, window } from '../pattern.ts';

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
    const shape = window(view, node);
    if (!added || !shape || intAttribute(node, 'ceil_mode', 0) !== 0) return undefined;
    const pads = shape.pads.map((size, side) => size + added.pads[side]!);
    const reach = shape.kernel.map((size, axis) => (size - 1) * shape.dilations[axis]! + 1);
    if (!pads.every((size, side) => size < shape.kernel[side % 2]! && size < reach[side % 2]!)) return undefined;
    const attributes = { ...node.attributes, pads: ints(pads) };
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
      const counts = intAttribute(node, 'count_include_pad', 0) === 1 || shape.pads.every((size) => size === 0);
      return added.value === 0 && counts ? edit({ count_include_pad: int(1) }) : undefined;
    }
    const neutral = added.value <= -3.4e38 || (added.value === 0 && isNonNegative(pad.inputs[0]!, view));
    return neutral && !node.outputs[1] ? edit() : undefined;
  },
};

/** Top, left, bottom, right of a constant Pad of a four-dimensional value that touches only height and width. */
function spatialPads(pad: Node, view: View): { readonly pads: readonly number[]; readonly value: number } | undefined {
  if (stringAttribute(pad, 'mode', 'constant') !== 'constant' || view.shape(pad.inputs[0]!)?.length !== 4)
    return undefined;
  const given = view.opset < 11 ? intsAttribute(pad, 'pads') : intsConstant(view, pad.inputs[1]);
  const valueName = pad.inputs[2];
  const constant = floatConstant(view, valueName);
  if (!given || (valueName && constant?.bytes.length !== 4)) return undefined;
  const value = view.opset < 11 ? floatAttribute(pad, 'value', 0) : constant ? float32Values(constant)[0]! : 0;
  const axes = pad.inputs[3] ? intsConstant(view, pad.inputs[3]) : [0, 1, 2, 3];
  if (axes?.length !== given.length / 2) return undefined;
  const all = [0, 0, 0, 0, 0, 0, 0, 0];
  axes.forEach((axis, index) => {
    const positive = axis < 0 ? axis + 4 : axis;
    all[positive] = given[index]!;
    all[positive + 4] = given[index + axes.length]!;
  });
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
  return isOp(node, 'Clip') && (clipBounds(view, node)?.min ?? -1) >= 0;
}
