/**
 * The sliding window of Conv, ConvTranspose and the pools, with ONNX's defaults and `auto_pad` resolved. Padding is
 * what the operator really adds: for SAME modes computed from the input, for `ceil_mode` with the rows that rounding up
 * adds at the end.
 */

import type { Node } from '../graph/graph.ts';
import { intAttribute, intsAttribute, stringAttribute } from '../graph/graph.ts';

export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** At the beginning of each spatial dimension, then at the end of each: ONNX's order. May be negative. */
  readonly pads: readonly number[];
}

/**
 * @param input spatial dimensions of the input; SAME padding and ceil_mode need them
 * @param kernel spatial dimensions of the weights, for operators that have weights
 */
export function windowOf(
  node: Node,
  input: readonly number[],
  kernel: readonly number[] = intsAttribute(node, 'kernel_shape') ?? [],
): Window {
  const ones = kernel.map(() => 1);
  const strides = intsAttribute(node, 'strides') ?? ones;
  const dilations = intsAttribute(node, 'dilations') ?? ones;
  const extent = kernel.map((size, axis) => (size - 1) * (dilations[axis] ?? 1) + 1);
  const stride = (axis: number) => strides[axis] ?? 1;
  const mode = stringAttribute(node, 'auto_pad', 'NOTSET');
  const explicit = intsAttribute(node, 'pads') ?? [...ones, ...ones].map(() => 0);

  let begin = kernel.map((_, axis) => explicit[axis] ?? 0);
  let end = kernel.map((_, axis) => explicit[axis + kernel.length] ?? 0);
  if (mode === 'VALID') {
    begin = ones.map(() => 0);
    end = ones.map(() => 0);
  } else if (mode === 'SAME_UPPER' || mode === 'SAME_LOWER') {
    const total = extent.map((size, axis) => {
      if (node.op === 'ConvTranspose') return size - stride(axis);
      const length = input[axis] ?? 0;
      return Math.max(0, (Math.ceil(length / stride(axis)) - 1) * stride(axis) + size - length);
    });
    const small = total.map((sum) => Math.floor(sum / 2));
    const large = total.map((sum, axis) => sum - small[axis]!);
    [begin, end] = mode === 'SAME_UPPER' ? [small, large] : [large, small];
  }
  if (intAttribute(node, 'ceil_mode', 0) === 1) {
    end = end.map((pad, axis) => {
      const padded = (input[axis] ?? 0) + begin[axis]! + pad;
      let steps = Math.ceil((padded - extent[axis]!) / stride(axis));
      // A window may not start in the padding behind the input.
      if (steps * stride(axis) >= (input[axis] ?? 0) + begin[axis]!) steps -= 1;
      return pad + Math.max(0, steps * stride(axis) + extent[axis]! - padded);
    });
  }
  return { kernel, strides, dilations, pads: [...begin, ...end] };
}
