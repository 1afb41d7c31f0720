/**
 * Takes out nodes that hand their input on unchanged: Identity, Dropout at inference, a Cast to the same type, a
 * Reshape, Transpose, Slice, Resize or Pad that changes nothing, a Concat or Sum of one, a 1×1 pooling, `x + 0`, `x · 1`.
 */

import type { Node } from '../../graph/graph.ts';
import { padOf, permutationOf, sliceLists } from '../../graph/operators/movement.ts';
import { dropsNothing } from '../../graph/operators/point.ts';
import { resizeOf } from '../../graph/operators/resize.ts';
import { windowOf } from '../../graph/operators/window.ts';
import type { Pass, View } from '../pass.ts';
import { channelOperation, isOp, isReshape, sameShape } from '../pattern.ts';

export const removeNoOps: Pass = {
  name: 'remove-no-ops',
  doc: 'Removes nodes that hand their input on unchanged: Identity, Dropout, Cast to the same type, Reshape to the same shape, x + 0, x · 1.',
  since: 'Every operator costs a launch, and Identity, Cast and Dropout have no DLA rule of their own.',
  kind: 'normalize',
  match(node, view) {
    const [output, ...others] = node.outputs;
    if (!output || others.some((other) => other !== '' && view.isUsed(other))) return undefined;
    const data = unchangedInput(node, view);
    return data !== undefined && view.canAlias(output, data)
      ? { remove: [node], alias: { from: output, to: data } }
      : undefined;
  },
};

/** The input that the first output equals, element for element and in shape. */
function unchangedInput(node: Node, view: View): string | undefined {
  const [data = ''] = node.inputs;
  const rank = view.shape(data)?.length;
  const output = node.outputs[0]!;
  const keepsShape = sameShape(view.shape(data), view.shape(output));
  if (isOp(node, 'Identity')) return data;
  if (isOp(node, 'Dropout')) return dropsNothing(node, view) ? data : undefined;
  if (isOp(node, 'Cast')) {
    const from = view.type(data)?.dtype;
    return from !== undefined && from === view.type(output)?.dtype ? data : undefined;
  }
  if (isOp(node, 'Concat', 'Sum', 'Max', 'Min', 'Mean')) return node.inputs.length === 1 ? data : undefined;
  if (isReshape(node) || isOp(node, 'Expand', 'Tile')) return keepsShape ? data : undefined;
  if (isOp(node, 'Transpose')) {
    return rank !== undefined && permutationOf(node, rank).every((axis, index) => axis === index) ? data : undefined;
  }
  if (isOp(node, 'Pad')) {
    const pads = rank === undefined ? 'run-time' : padOf(node, view, rank).pads;
    return pads !== 'run-time' && pads.every((pad) => pad === 0) ? data : undefined;
  }
  if (isOp(node, 'Slice')) {
    const { steps = [] } = sliceLists(node, view);
    return keepsShape && steps !== 'run-time' && steps.every((step) => step === 1) ? data : undefined;
  }
  if (isOp(node, 'Resize', 'Upsample')) return keepsShape && isUnitResize(node, view) ? data : undefined;
  if (isOp(node, 'MaxPool', 'AveragePool')) return isUnitPool(node, view) ? data : undefined;
  const operation = channelOperation(view, node);
  if (operation) {
    const neutral = operation.op === 'Mul' ? 1 : 0;
    return operation.values.every((value) => value === neutral) &&
      sameShape(view.shape(operation.data), view.shape(output))
      ? operation.data
      : undefined;
  }
  return undefined;
}

function isUnitResize(node: Node, view: View): boolean {
  const { extent } = resizeOf(node, view);
  return extent.by === 'scales' && extent.scales.every((scale) => scale === 1);
}

function isUnitPool(node: Node, view: View): boolean {
  const window = windowOf(node, view);
  return (
    window !== undefined &&
    [...window.kernel, ...window.strides].every((size) => size === 1) &&
    window.reachedPads.every((pad) => pad === 0)
  );
}
