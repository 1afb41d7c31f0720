/**
 * Resize and its older form, Upsample. Both multiply sizes and round down. Upsample (opset 7–9) and Resize of opset 10 had
 * no choice of coordinates: they are asymmetric, and nearest rounds down.
 */

import type { Dim, Node } from '../graph.ts';
import {
  axisIn,
  choice,
  flag,
  floats,
  has,
  inputDims,
  inputNumbers,
  ints,
  type Lookup,
  mismatch,
  string,
} from './read.ts';

export interface Resize {
  /** ONNX's names: nearest, linear, cubic. */
  readonly mode: string;
  /** `coordinate_transformation_mode`. */
  readonly coordinates: string;
  /** `nearest_mode`. */
  readonly rounding: string;
  readonly antialias: boolean;
  readonly aspectRatio: 'stretch' | 'not_larger' | 'not_smaller';
  /** Whether the node lists axes; else scales and sizes are for every axis. */
  readonly listsAxes: boolean;
  readonly extent: ResizeExtent;
}

/** By what the output's size is given. Lists belong to the axes that {@link resizeAxes} gives. */
type ResizeExtent =
  | { readonly by: 'scales'; readonly scales: readonly number[] }
  | { readonly by: 'sizes'; readonly sizes: readonly Dim[] }
  | { readonly by: 'run-time' };

/** nearest, linear or cubic. */
export const resizeMode = (node: Node): string => string(node, 'mode', 'nearest');

/** @throws onnx/graph */
export function resizeOf(node: Node, lookup: Lookup): Resize {
  const mode = resizeMode(node);
  const extent = extentOf(node, lookup);
  if (!isLate(node, lookup)) {
    return {
      mode,
      coordinates: 'asymmetric',
      rounding: 'floor',
      antialias: false,
      aspectRatio: 'stretch',
      listsAxes: false,
      extent,
    };
  }
  return {
    mode,
    coordinates: string(node, 'coordinate_transformation_mode', 'half_pixel'),
    rounding: string(node, 'nearest_mode', 'round_prefer_floor'),
    antialias: flag(node, 'antialias'),
    aspectRatio: choice(node, 'keep_aspect_ratio_policy', ['stretch', 'not_larger', 'not_smaller'], 'stretch'),
    listsAxes: ints(node, 'axes') !== undefined,
    extent,
  };
}

/** Since opset 11 the inputs are X, roi, scales, sizes; before, X and scales. */
const isLate = (node: Node, { opset }: Lookup): boolean => node.op === 'Resize' && opset >= 11;

function extentOf(node: Node, lookup: Lookup): ResizeExtent {
  const attribute = floats(node, 'scales');
  const late = isLate(node, lookup);
  const at = late ? 2 : 1;
  // An empty list is as good as none: exporters of opset 11 could not leave an input out.
  const given = (index: number): boolean => has(node, index) && lookup.shape(node.inputs[index]!)?.[0] !== 0;
  if (late && given(3)) {
    const sizes = inputDims(node, lookup, 3);
    return sizes === undefined || sizes === 'run-time' ? { by: 'run-time' } : { by: 'sizes', sizes };
  }
  const scales = has(node, at) ? inputNumbers(node, lookup, at) : attribute;
  if (scales === undefined || scales === 'run-time' || scales.length === 0) return { by: 'run-time' };
  const wrong = scales.find((scale) => !(scale > 0 && scale < 2 ** 31));
  if (wrong !== undefined) return mismatch(node, 'a scale is not positive', 'above 0', wrong);
  return { by: 'scales', scales };
}

/** The axes that scales and sizes belong to: all, unless the node lists some (opset 18). @throws shape/mismatch */
export function resizeAxes(node: Node, rank: number, count: number): readonly number[] {
  const all = Array.from({ length: rank }, (_, axis) => axis);
  const axes = node.op === 'Resize' ? (ints(node, 'axes')?.map((axis) => axisIn(node, axis, rank)) ?? all) : all;
  return count === axes.length ? axes : mismatch(node, 'the scales or sizes do not fit the axes', axes.length, count);
}
