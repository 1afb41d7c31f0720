/**
 * The geometry that convolution and pooling share: kernels, strides, dilations and pads over the spatial axes. Output
 * sizes follow the operators' pages of the ONNX specification.
 */

import type { Dim } from '../../graph/graph.ts';
import { type InferContext, mapDim } from './rule.ts';

export interface Window {
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begin of every axis, then end of every axis. */
  readonly pads: readonly number[];
  readonly autoPad: 'NOTSET' | 'SAME_UPPER' | 'SAME_LOWER' | 'VALID';
}

/** The attributes of a node with `rank` spatial axes. @throws onnx/graph */
export function windowOf(context: InferContext, rank: number, kernel: readonly Dim[]): Window {
  const strides = context.ints('strides') ?? Array<number>(rank).fill(1);
  const dilations = context.ints('dilations') ?? Array<number>(rank).fill(1);
  const pads = context.ints('pads') ?? Array<number>(2 * rank).fill(0);
  const autoPad = context.string('auto_pad', 'NOTSET');
  if (autoPad !== 'NOTSET' && autoPad !== 'SAME_UPPER' && autoPad !== 'SAME_LOWER' && autoPad !== 'VALID') {
    context.badAttribute('auto_pad is unknown', autoPad);
  }
  const sound = (list: readonly Dim[], length: number, least: number): boolean =>
    list.length === length && list.every((item) => typeof item === 'string' || (item >= least && item < 2 ** 31));
  if (!sound(kernel, rank, 1)) context.badAttribute('the kernel does not fit the input', kernel.join('x'));
  if (!sound(strides, rank, 1)) context.badAttribute('strides are malformed', strides.join(', '));
  if (!sound(dilations, rank, 1)) context.badAttribute('dilations are malformed', dilations.join(', '));
  if (!sound(pads, 2 * rank, -(2 ** 31))) context.badAttribute('pads are malformed', pads.join(', '));
  return { kernel, strides, dilations, pads, autoPad };
}

/** The spatial sizes of the output of a convolution or pooling. @throws shape/mismatch */
export function slidingOutput(
  context: InferContext,
  spatial: readonly Dim[],
  window: Window,
  ceilMode = false,
): readonly Dim[] {
  const rank = spatial.length;
  return spatial.map((dim, axis) => {
    const stride = window.strides[axis]!;
    const unknown = context.unknown(axis + 2);
    if (window.autoPad === 'SAME_UPPER' || window.autoPad === 'SAME_LOWER') {
      return mapDim(dim, (size) => Math.ceil(size / stride), stride === 1 ? dim : unknown);
    }
    const kernel = window.kernel[axis]!;
    if (typeof kernel === 'string') return unknown;
    const extent = (kernel - 1) * window.dilations[axis]! + 1;
    const begin = window.autoPad === 'VALID' ? 0 : window.pads[axis]!;
    const end = window.autoPad === 'VALID' ? 0 : window.pads[axis + rank]!;
    if (typeof dim === 'string') return stride === 1 && begin + end === extent - 1 ? dim : unknown;
    const free = dim + begin + end - extent;
    let size = (ceilMode ? Math.ceil(free / stride) : Math.floor(free / stride)) + 1;
    // A last window that would begin in the padding at the end is left out, as in onnxruntime (and PyTorch).
    if (ceilMode && (size - 1) * stride >= dim + begin) size--;
    if (size < 1)
      context.mismatch('the window is larger than the padded input', `at most ${dim + begin + end}`, extent);
    return size;
  });
}
