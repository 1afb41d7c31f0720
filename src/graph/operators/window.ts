/**
 * The sliding window of convolutions and poolings: kernel, strides, dilations and padding over the spatial axes. Sizes and
 * the resolution of `auto_pad` and `ceil_mode` follow the operators' pages of the ONNX specification, and onnxruntime
 * where the page leaves something open.
 */

import type { Dim, Node } from '../graph.ts';
import { choice, flag, int, ints, type Lookup, malformed, mismatch } from './read.ts';

/** What a node says of its window. */
export interface WindowForm {
  /** From `kernel_shape`, or else from the weights, where a dimension may be a symbol. */
  readonly kernel: readonly Dim[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** Begin of every axis, then end of every axis; 0 where `auto_pad` is set. May be negative. */
  readonly pads: readonly number[];
  readonly autoPad: AutoPad;
  readonly ceilMode: boolean;
}

export type AutoPad = 'NOTSET' | 'SAME_UPPER' | 'SAME_LOWER' | 'VALID';

/** A window of which everything is a number. */
export interface Window {
  readonly kernel: readonly number[];
  readonly strides: readonly number[];
  readonly dilations: readonly number[];
  /** What the node asks for, `auto_pad` resolved: begin of every axis, then end of every axis. */
  readonly pads: readonly number[];
  /** `pads`, and at the ends the cells beyond them that the last windows of `ceil_mode` reach. */
  readonly reachedPads: readonly number[];
}

/** Which input holds the weights; pools have none. */
export const weightsInput = (node: Node): number | undefined =>
  node.op === 'QLinearConv' ? 3 : node.op.startsWith('Conv') ? 1 : undefined;

/** The groups of a convolution. @throws onnx/graph */
export function groupsOf(node: Node): number {
  const groups = int(node, 'group', 1);
  return groups >= 1 ? groups : malformed(node, 'group is not positive', groups);
}

/** Cells from the first to the last that a kernel touches. */
export const extentOf = (kernel: number, dilation: number): number => (kernel - 1) * dilation + 1;

/**
 * The window as the node states it; undefined while the shape of the weights is not known.
 *
 * @throws onnx/graph
 */
export function windowForm(node: Node, lookup: Lookup): WindowForm | undefined {
  const at = weightsInput(node);
  const weights = at === undefined ? undefined : lookup.shape(node.inputs[at] ?? '')?.slice(2);
  const stated = ints(node, 'kernel_shape');
  if (stated === undefined && at === undefined) return malformed(node, 'kernel_shape is missing');
  const kernel = stated ?? weights;
  if (kernel === undefined) return undefined;
  const input = lookup.shape(node.inputs[0] ?? '');
  const rank = input === undefined ? kernel.length : input.length - 2;
  const differs = weights?.some((dim, axis) => typeof dim === 'number' && dim !== (stated?.[axis] ?? dim));
  if (differs) return mismatch(node, 'kernel_shape differs from the weights', weights!.join('x'), kernel.join('x'));
  const strides = ints(node, 'strides') ?? Array<number>(rank).fill(1);
  const dilations = ints(node, 'dilations') ?? Array<number>(rank).fill(1);
  const padding = ints(node, 'pads') ?? Array<number>(2 * rank).fill(0);
  const autoPad = choice(node, 'auto_pad', ['NOTSET', 'SAME_UPPER', 'SAME_LOWER', 'VALID'], 'NOTSET');
  const sound = (list: readonly Dim[], length: number, least: number): boolean =>
    list.length === length && list.every((item) => typeof item === 'string' || (item >= least && item < 2 ** 31));
  if (!sound(kernel, rank, 1)) return malformed(node, 'the kernel does not fit the input', kernel.join('x'));
  if (!sound(strides, rank, 1)) return malformed(node, 'strides are malformed', strides.join(', '));
  if (!sound(dilations, rank, 1)) return malformed(node, 'dilations are malformed', dilations.join(', '));
  if (!sound(padding, 2 * rank, -(2 ** 31))) return malformed(node, 'pads are malformed', padding.join(', '));
  const pads = autoPad === 'NOTSET' ? padding : padding.map(() => 0);
  return { kernel, strides, dilations, pads, autoPad, ceilMode: flag(node, 'ceil_mode') };
}

/**
 * The length of the output along an axis, below 1 where no window fits; undefined where it is not known. Not for
 * deconvolutions.
 */
export function slidingLength(form: WindowForm, axis: number, dim: Dim): Dim | undefined {
  const stride = form.strides[axis]!;
  if (form.autoPad === 'SAME_UPPER' || form.autoPad === 'SAME_LOWER') {
    if (typeof dim === 'number') return Math.ceil(dim / stride);
    return stride === 1 ? dim : undefined;
  }
  const kernel = form.kernel[axis]!;
  if (typeof kernel === 'string') return undefined;
  const extent = extentOf(kernel, form.dilations[axis]!);
  const begin = form.pads[axis]!;
  const end = form.pads[axis + form.kernel.length]!;
  if (typeof dim === 'string') return stride === 1 && begin + end === extent - 1 ? dim : undefined;
  const free = (dim + begin + end - extent) / stride;
  const length = (form.ceilMode ? Math.ceil(free) : Math.floor(free)) + 1;
  // A last window that would begin in the padding at the end is left out, as in onnxruntime (and PyTorch).
  return form.ceilMode && (length - 1) * stride >= dim + begin ? length - 1 : length;
}

/**
 * The window of a convolution or pooling with its padding as numbers; undefined where that is not known yet. For
 * deconvolutions see deconvolution.ts.
 *
 * @throws onnx/graph
 */
export function windowOf(node: Node, lookup: Lookup): Window | undefined {
  const form = windowForm(node, lookup);
  const { strides, dilations, autoPad, ceilMode } = form ?? {};
  if (form === undefined || !allNumbers(form.kernel)) return undefined;
  const { kernel } = form;
  const window = { kernel, strides: strides!, dilations: dilations! };
  if (!ceilMode && (autoPad === 'NOTSET' || autoPad === 'VALID')) {
    return { ...window, pads: form.pads, reachedPads: form.pads };
  }
  const sizes: readonly Dim[] | undefined = lookup.shape(node.inputs[0] ?? '')?.slice(2);
  if (sizes === undefined || !allNumbers(sizes)) return undefined;
  const lengths = sizes.map((size, axis) => slidingLength(form, axis, size) as number);
  /** What all windows together cover beyond the input, when they begin `begin` cells before it. */
  const beyond = (axis: number, begin = 0): number =>
    (lengths[axis]! - 1) * strides![axis]! + extentOf(kernel[axis]!, dilations![axis]!) - sizes[axis]! - begin;
  if (autoPad === 'SAME_UPPER' || autoPad === 'SAME_LOWER') {
    const pads = splitPadding(
      sizes.map((_, axis) => Math.max(0, beyond(axis))),
      autoPad,
    );
    return { ...window, pads, reachedPads: pads };
  }
  const { pads } = form;
  const begins = pads.slice(0, kernel.length);
  const ends = begins.map((begin, axis) => Math.max(pads[axis + kernel.length]!, beyond(axis, begin)));
  return { ...window, pads, reachedPads: [...begins, ...ends] };
}

/** The lengths of the output along the spatial axes, where all of them are known and a window fits; else empty. */
export function windowLengths(node: Node, lookup: Lookup): readonly number[] {
  const form = windowForm(node, lookup);
  const sizes = lookup.shape(node.inputs[0] ?? '')?.slice(2) ?? [];
  const lengths = sizes.map((size, axis) => (form ? slidingLength(form, axis, size) : undefined));
  return lengths.every((length) => typeof length === 'number' && length > 0) ? (lengths as readonly number[]) : [];
}

/** Padding split over both sides of each axis: the odd cell goes to the end for SAME_UPPER, else to the begin. */
export function splitPadding(totals: readonly number[], autoPad: AutoPad): readonly number[] {
  const small = totals.map((total) => Math.floor(total / 2));
  const large = totals.map((total, axis) => total - small[axis]!);
  return autoPad === 'SAME_UPPER' ? [...small, ...large] : [...large, ...small];
}

export const allNumbers = (dims: readonly Dim[]): dims is readonly number[] =>
  dims.every((dim) => typeof dim === 'number');

/** Whether an average divides by the whole window, padding included. */
export const countsPadding = (node: Node): boolean => flag(node, 'count_include_pad');
