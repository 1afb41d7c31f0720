/**
 * One form for each clipping: [0, ∞) is Relu; no bounds is nothing; a Relu or Clip right before a Clip joins it; Max and
 * Min with a constant are half a Clip. Bounds stay where the opset puts them (attributes before 11, constant inputs
 * since): {@link clipBounds} reads both.
 */

import type { Node } from '../../graph/graph.ts';
import { clipBounds } from '../../graph/operators/point.ts';
import { float32Values } from '../../graph/tensor.ts';
import type { Edit, Pass, View } from '../pass.ts';
import { clipNode, floatConstant, isOp, sameShape } from '../pattern.ts';

interface Range {
  readonly min: number;
  readonly max: number;
}

export const simplifyClip: Pass = {
  name: 'simplify-clip',
  doc: 'Clip from 0 without an upper bound → Relu; Relu or Clip before a Clip joins it; Max or Min with a constant → Clip.',
  since: 'TensorRT runs clipped ReLU on the DLA with an upper bound in [1, 127] (docs/hardware/orin.md#activation).',
  kind: 'normalize',
  match(node, view) {
    const range = rangeOf(node, view);
    if (!range || view.type(range.data)?.dtype !== 'float32') return undefined;
    const before = view.producer(range.data);
    const earlier = before && view.soleReader(range.data) === node ? rangeOf(before, view) : undefined;
    if (before && earlier) {
      const clamp = (value: number) => Math.min(Math.max(value, range.min), range.max);
      return replace([before, node], node, earlier.data, { min: clamp(earlier.min), max: clamp(earlier.max) }, view);
    }
    const isPlain =
      isOp(node, 'Relu') || (isOp(node, 'Clip') && (range.min !== 0 || range.max !== Number.POSITIVE_INFINITY));
    return isPlain && !isUnbounded(range) ? undefined : replace([node], node, range.data, range, view);
  },
};

const isUnbounded = ({ min, max }: Range): boolean =>
  min === Number.NEGATIVE_INFINITY && max === Number.POSITIVE_INFINITY;

function rangeOf(node: Node, view: View): (Range & { readonly data: string }) | undefined {
  const [data = '', second] = node.inputs;
  if (isOp(node, 'Relu')) return { data, min: 0, max: Number.POSITIVE_INFINITY };
  if (isOp(node, 'Clip')) {
    const { min, max } = clipBounds(node, view);
    return min !== 'run-time' && max !== 'run-time' && min <= max ? { data, min, max } : undefined;
  }
  if (isOp(node, 'Max', 'Min') && node.inputs.length === 2) {
    for (const [operand, constant] of [
      [data, second],
      [second, data],
    ] as const) {
      const tensor = floatConstant(view, constant);
      if (!operand || tensor?.bytes.length !== 4 || !sameShape(view.shape(operand), view.shape(node.outputs[0]!)))
        continue;
      const bound = float32Values(tensor)[0]!;
      if (Number.isNaN(bound)) return undefined;
      return node.op === 'Max'
        ? { data: operand, min: bound, max: Number.POSITIVE_INFINITY }
        : { data: operand, min: Number.NEGATIVE_INFINITY, max: bound };
    }
  }
  return undefined;
}

function replace(remove: readonly Node[], node: Node, data: string, range: Range, view: View): Edit | undefined {
  const output = node.outputs[0]!;
  if (isUnbounded(range)) {
    return view.canAlias(output, data) ? { remove, alias: { from: output, to: data } } : undefined;
  }
  const common = { name: node.name, outputs: [output] };
  if (range.min === 0 && range.max === Number.POSITIVE_INFINITY) {
    return { remove, insert: [{ ...common, op: 'Relu', inputs: [data] }] };
  }
  const clip = clipNode(view, node.name, data, output, range.min, range.max);
  return { remove, insert: [clip.node], constants: clip.constants };
}
