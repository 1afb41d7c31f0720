/** Operators that work along axes: Reduce, ArgMax and TopK collapse them; Softmax normalizes over them. */

import type { Dim, Node } from '../graph.ts';
import { axisIn, axisOf, flag, inputDims, int, type List, type Lookup, listed } from './read.ts';

export interface Reduction {
  /** Counted from the front, ascending. */
  readonly axes: List;
  /** Whether the axes stay, with length 1. */
  readonly keepDims: boolean;
}

/** Of Reduce…, an attribute or (ReduceSum from opset 13, all from 18) an input; global pools reduce what is spatial. */
export function reductionOf(node: Node, lookup: Lookup, rank: number): Reduction {
  const all = Array.from({ length: rank }, (_, axis) => axis);
  if (node.op.startsWith('Global')) return { axes: all.slice(2), keepDims: true };
  const keepDims = flag(node, 'keepdims', true);
  const given = listed(node, lookup, 'axes', 1);
  if (given === 'run-time') return { axes: given, keepDims };
  if (given === undefined || given.length === 0) {
    return { axes: flag(node, 'noop_with_empty_axes') ? [] : all, keepDims };
  }
  const axes = [...new Set(given.map((axis) => axisIn(node, axis, rank)))].sort((a, b) => a - b);
  return { axes, keepDims };
}

/** Of ArgMax and ArgMin. */
export const argumentOf = (node: Node, rank: number): { readonly axis: number; readonly keepDims: boolean } => ({
  axis: axisOf(node, rank, 0),
  keepDims: flag(node, 'keepdims', true),
});

/** How many elements TopK keeps along an axis; `k` is an attribute before opset 10. */
export function topKOf(
  node: Node,
  lookup: Lookup,
  rank: number,
): { readonly axis: number; readonly count: Dim | 'run-time' } {
  const axis = axisOf(node, rank, -1);
  if (lookup.opset < 10) return { axis, count: int(node, 'k', 1) };
  const list = inputDims(node, lookup, 1);
  return { axis, count: list === 'run-time' ? list : (list?.[0] ?? 'run-time') };
}

/**
 * Of Softmax, LogSoftmax and Hardmax: the first axis and the one behind the last that are normalized together. Since opset
 * 13 that is one axis, the last by default; before, everything from the axis (1 by default) on.
 */
export function softmaxAxes(
  node: Node,
  lookup: Lookup,
  rank: number,
): { readonly first: number; readonly behind: number } {
  if (lookup.opset >= 13) {
    const axis = axisOf(node, rank, -1);
    return { first: axis, behind: axis + 1 };
  }
  const axis = int(node, 'axis', 1);
  return { first: axis === rank ? axis : axisIn(node, axis, rank), behind: rank };
}
