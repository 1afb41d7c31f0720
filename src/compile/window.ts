/** Kernels, strides, dilations and padding of ONNX's sliding windows, and the four dimensions of a surface. */

import { type Graph, intAttribute, intsAttribute, type Node, staticShape, stringAttribute } from '../graph/graph.ts';
import type { Extent, Padding } from '../program/layer.ts';
import type { Shape4 } from '../program/surface.ts';

/** [N, C, H, W] of a value: as it is with four dimensions, [N, C] as N×C×1×1; undefined for any other. */
export function surfaceShape(graph: Graph, value: string): Shape4 | undefined {
  const shape = staticShape(graph, value);
  if (shape === undefined || shape.some((dim) => dim < 1)) return undefined;
  if (shape.length === 4) return [shape[0]!, shape[1]!, shape[2]!, shape[3]!];
  return shape.length === 2 ? [shape[0]!, shape[1]!, 1, 1] : undefined;
}

export interface Window {
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly dilation: Extent;
  /** The declared padding, or what auto_pad stands for. */
  readonly padding: Padding;
}

const pair = (values: readonly number[] | undefined, otherwise: number): Extent => ({
  h: values?.[0] ?? otherwise,
  w: values?.[1] ?? otherwise,
});

/** The window of a Conv or a pooling node; the kernel is given where the attributes do not have it. */
export function windowOf(node: Node, input: Shape4, kernelShape: readonly number[] | undefined): Window | undefined {
  const given = intsAttribute(node, 'kernel_shape') ?? kernelShape;
  if (given?.length !== 2) return undefined;
  const kernel = pair(given, 1);
  const stride = pair(intsAttribute(node, 'strides'), 1);
  const dilation = pair(intsAttribute(node, 'dilations'), 1);
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
  if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const along = (axis: 'h' | 'w', size: number): readonly [number, number] => {
      const reach = (kernel[axis] - 1) * dilation[axis] + 1;
      const total = Math.max(0, (Math.ceil(size / stride[axis]) - 1) * stride[axis] + reach - size);
      const less = Math.floor(total / 2);
      return mode === 'SAME_UPPER' ? [less, total - less] : [total - less, less];
    };
    const [top, bottom] = along('h', input[2]);
    const [left, right] = along('w', input[3]);
    return { kernel, stride, dilation, padding: { top, left, bottom, right } };
  }
  const pads = mode === 'VALID' ? [] : (intsAttribute(node, 'pads') ?? []);
  const padding = { top: pads[0] ?? 0, left: pads[1] ?? 0, bottom: pads[2] ?? 0, right: pads[3] ?? 0 };
  return { kernel, stride, dilation, padding };
}

/** Rows or columns that a window gives: ⌊(size + padding − reach) / stride⌋ + 1. */
export function windowOutput(window: Window, axis: 'h' | 'w', size: number): number {
  const { padding } = window;
  const pads = axis === 'h' ? padding.top + padding.bottom : padding.left + padding.right;
  const reach = (window.kernel[axis] - 1) * window.dilation[axis] + 1;
  return Math.floor((size + pads - reach) / window.stride[axis]) + 1;
}

/** An axis counted from the front; ONNX counts negative ones from the end. */
export function axisAttribute(node: Node, rank: number, otherwise: number): number {
  const axis = intAttribute(node, 'axis', otherwise);
  return axis < 0 ? axis + rank : axis;
}
