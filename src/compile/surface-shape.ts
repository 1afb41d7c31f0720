/** ONNX's lists of dimensions as the program states them: surfaces of four dimensions, extents and padding of images. */

import { type Graph, staticShape } from '../graph/graph.ts';
import type { Extent, Padding } from '../program/layer.ts';
import type { Shape4 } from '../program/surface.ts';

/** [N, C, H, W] of a value: as it is with four dimensions, [N, C] as N×C×1×1; undefined for any other. */
export function surfaceShape(graph: Graph, value: string): Shape4 | undefined {
  const shape = staticShape(graph, value);
  if (shape === undefined || shape.some((dim) => dim < 1)) return undefined;
  if (shape.length === 4) return [shape[0]!, shape[1]!, shape[2]!, shape[3]!];
  return shape.length === 2 ? [shape[0]!, shape[1]!, 1, 1] : undefined;
}

/** Why a node whose values have no surface shape is not emulated. */
export const noShape = 'its input or output does not have four static dimensions';

/** A list of two spatial axes. */
export const extent = (list: readonly number[]): Extent => ({ h: list[0]!, w: list[1]! });

/** ONNX's `pads` of two spatial axes: both begins, then both ends. */
export const padding = (pads: readonly number[]): Padding => ({
  top: pads[0]!,
  left: pads[1]!,
  bottom: pads[2]!,
  right: pads[3]!,
});
