/**
 * Operators that cut, join, pad, reorder and rename elements: where they act, counted from the front, and what they take.
 */

import type { Dim, Node } from '../graph.ts';
import {
  axisIn,
  axisOf,
  choice,
  float,
  has,
  inputDims,
  inputInts,
  inputNumbers,
  int,
  ints,
  type List,
  type Lookup,
  listed,
  malformed,
  mismatch,
  optionalInt,
  string,
} from './read.ts';

/** The axis that a Concat joins; before opset 4 it had a default. */
export const concatAxis = (node: Node, lookup: Lookup, rank: number): number =>
  lookup.opset >= 4 && node.attributes.axis === undefined
    ? malformed(node, 'the axis is missing')
    : axisOf(node, rank, 1);

/** The axis along which a Gather picks. */
export const gatherAxis = (node: Node, rank: number): number => axisOf(node, rank, 0);

export interface Split {
  readonly axis: number;
  /** The length of each output; a symbol where it is not known. `even`: as equal as they can be. */
  readonly sizes: List<Dim> | 'even';
}

/** @throws onnx/graph, shape/mismatch */
export function splitOf(node: Node, lookup: Lookup, rank: number): Split {
  const axis = axisOf(node, rank, 0);
  const sizes = has(node, 1) ? inputDims(node, lookup, 1)! : ints(node, 'split');
  if (sizes === undefined) {
    const count = optionalInt(node, 'num_outputs') ?? node.outputs.length;
    if (count !== node.outputs.length) return mismatch(node, 'num_outputs is wrong', node.outputs.length, count);
    return { axis, sizes: 'even' };
  }
  if (sizes === 'run-time') return { axis, sizes };
  if (sizes.length !== node.outputs.length || sizes.some((size) => typeof size === 'number' && size < 0)) {
    return mismatch(node, 'the sizes do not fit the outputs', `${node.outputs.length} sizes`, sizes.join(', '));
  }
  return { axis, sizes };
}

/** The lists of a Slice as they stand; undefined where they are left out. */
export interface SliceLists {
  readonly starts: List;
  readonly ends: List;
  readonly axes: List | undefined;
  readonly steps: List | undefined;
}

/** Attributes before opset 10, inputs since. @throws onnx/graph */
export function sliceLists(node: Node, lookup: Lookup): SliceLists {
  const starts = listed(node, lookup, 'starts', 1);
  const ends = listed(node, lookup, 'ends', 2);
  if (starts === undefined || ends === undefined) return malformed(node, 'starts or ends are missing');
  return { starts, ends, axes: listed(node, lookup, 'axes', 3), steps: inputInts(node, lookup, 4) };
}

/** What a Slice takes along one axis. */
export interface Cut {
  readonly axis: number;
  readonly start: number;
  readonly end: number;
  readonly step: number;
}

/** One cut for each axis that the node lists. @throws onnx/graph, shape/mismatch */
export function sliceCuts(node: Node, lookup: Lookup, rank: number): readonly Cut[] | 'run-time' {
  const lists = sliceLists(node, lookup);
  const { starts, ends } = lists;
  if ([starts, ends, lists.axes, lists.steps].includes('run-time')) return 'run-time';
  const axes = (lists.axes ?? (starts as readonly number[]).map((_, axis) => axis)) as readonly number[];
  const steps = (lists.steps ?? (starts as readonly number[]).map(() => 1)) as readonly number[];
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    return mismatch(node, 'starts, ends, axes and steps differ in length');
  }
  const cuts = axes.map((axis, index) => ({
    axis: axisIn(node, axis, rank),
    start: starts[index] as number,
    end: ends[index] as number,
    step: steps[index]!,
  }));
  if (new Set(cuts.map(({ axis }) => axis)).size !== cuts.length) return mismatch(node, 'an axis is sliced twice');
  if (steps.includes(0)) return mismatch(node, 'a step is 0');
  return cuts;
}

/** The first element that a cut takes of an axis, and how many it takes. */
export function cutRange(size: number, { start, end, step }: Cut): { readonly first: number; readonly count: number } {
  const clamp = (index: number, low: number, high: number): number =>
    Math.min(high, Math.max(low, index < 0 ? index + size : index));
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const first = clamp(start, 0, high);
  // "To the end", as onnxruntime reads these two when it slices backwards as well.
  const open = end === 2 ** 31 - 1 || end >= 2 ** 63;
  const last = step < 0 && open ? -1 : clamp(end, low, high);
  return { first, count: Math.max(0, Math.ceil((last - first) / step)) };
}

/** Whether a cut takes an axis whole and in order, whatever its length. */
export const isWhole = ({ start, end, step }: Cut): boolean => start === 0 && end >= 2 ** 31 - 1 && step === 1;

export interface Pad {
  readonly mode: string;
  /** For every axis of the input: begins, then ends. Negative ones crop. */
  readonly pads: List;
  readonly value: number | 'run-time';
}

/** Attributes before opset 11, inputs since. @throws onnx/graph, shape/mismatch */
export function padOf(node: Node, lookup: Lookup, rank: number): Pad {
  const mode = string(node, 'mode', 'constant');
  const given = listed(node, lookup, 'pads', 1);
  if (given === undefined) return malformed(node, 'pads are missing');
  const stated = inputNumbers(node, lookup, 2) ?? [float(node, 'value', 0)];
  const value = stated === 'run-time' || stated.length !== 1 ? 'run-time' : stated[0]!;
  const listedAxes = inputInts(node, lookup, 3);
  if (given === 'run-time' || listedAxes === 'run-time') return { mode, pads: 'run-time', value };
  const axes = (listedAxes ?? Array.from({ length: rank }, (_, axis) => axis)).map((axis) => axisIn(node, axis, rank));
  if (given.length !== 2 * axes.length) {
    return mismatch(node, 'pads do not fit the rank', 2 * axes.length, given.length);
  }
  if (new Set(axes).size !== axes.length) return mismatch(node, 'an axis is padded twice');
  const pads = Array<number>(2 * rank).fill(0);
  for (const [index, axis] of axes.entries()) {
    pads[axis] = given[index]!;
    pads[axis + rank] = given[index + axes.length]!;
  }
  return { mode, pads, value };
}

/** The axes of the input in the order of the output. @throws onnx/graph, shape/mismatch */
export function permutationOf(node: Node, rank: number): readonly number[] {
  const given = ints(node, 'perm') ?? Array.from({ length: rank }, (_, axis) => rank - 1 - axis);
  const order = given.map((axis) => axisIn(node, axis, rank));
  if (order.length !== rank || new Set(order).size !== rank) {
    return malformed(node, 'perm is no permutation of the axes', given.join(', '));
  }
  return order;
}

/** The target of a Reshape: -1 is what remains, 0 keeps the dimension unless `allowZero`. @throws onnx/graph */
export const reshapeTarget = (
  node: Node,
  lookup: Lookup,
): { readonly target: List<Dim>; readonly allowZero: boolean } => ({
  target: inputDims(node, lookup, 1) ?? malformed(node, 'the shape is missing'),
  allowZero: int(node, 'allowzero', 0) !== 0,
});

/** The first axis of the second dimension of a Flatten: 0 to the rank, inclusive. */
export function flattenAxis(node: Node, rank: number): number {
  const axis = int(node, 'axis', 1);
  return axis === rank ? axis : axisIn(node, axis, Math.max(1, rank));
}

/**
 * The axes of a Squeeze or Unsqueeze as the node lists them, an attribute before opset 13 and an input since. A Squeeze
 * without takes every axis of length 1.
 */
export const squeezeAxes = (node: Node, lookup: Lookup): List | undefined => listed(node, lookup, 'axes', 1);

/** The part of the shape that `start` and `end` of a Shape (opset 15) ask for. */
export function shapeSlice(node: Node, rank: number): { readonly start: number; readonly end: number } {
  const clamp = (index: number): number => Math.min(rank, Math.max(0, index < 0 ? index + rank : index));
  return { start: clamp(int(node, 'start', 0)), end: clamp(int(node, 'end', rank)) };
}

/** The block of DepthToSpace and SpaceToDepth, and which of cell and channel comes first (DepthToSpace alone has a mode). */
export function blocksOf(node: Node): { readonly size: number; readonly mode: 'DCR' | 'CRD' } {
  const size = int(node, 'blocksize', 0);
  if (size < 1) return malformed(node, 'blocksize is not positive', size);
  return { size, mode: node.op === 'DepthToSpace' ? choice(node, 'mode', ['DCR', 'CRD'], 'DCR') : 'DCR' };
}
