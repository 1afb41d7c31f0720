/** Multidirectional broadcasting, as ONNX and NumPy define it: shapes are aligned at their last axes, and an axis of 1 is repeated. */

import type { Dim } from '../graph.ts';

/** A shape with ones before it, up to a rank. */
export const aligned = <T extends Dim>(shape: readonly T[], rank: number): readonly (T | 1)[] => [
  ...Array<1>(Math.max(0, rank - shape.length)).fill(1),
  ...shape,
];

/**
 * The shape that shapes broadcast to; undefined where two of their sizes contradict one another.
 *
 * @param unknown a new symbol for an axis; two different symbols could be N and 1, in either order
 */
export function broadcastShape(
  shapes: readonly (readonly Dim[])[],
  unknown: (axis: number) => Dim,
): readonly Dim[] | undefined {
  const rank = Math.max(0, ...shapes.map((shape) => shape.length));
  const all = shapes.map((shape) => aligned(shape, rank));
  const result: Dim[] = [];
  for (let axis = 0; axis < rank; axis++) {
    const dims = all.map((shape) => shape[axis]!).filter((dim) => dim !== 1);
    const first = dims.find((dim) => typeof dim === 'number') ?? dims[0] ?? 1;
    if (dims.some((dim) => typeof dim === 'number' && dim !== first)) return undefined;
    result.push(typeof first === 'string' && dims.some((dim) => dim !== first) ? unknown(axis) : first);
  }
  return result;
}

/** The same of shapes in which every size is known. */
export const broadcastSizes = (shapes: readonly (readonly number[])[]): readonly number[] | undefined =>
  broadcastShape(shapes, String) as readonly number[] | undefined;

/** Whether a constant of a shape spreads over data as one number, or as one for each channel (axis 1), and leaves its shape alone. */
export const isPerChannel = (constant: readonly number[], data: readonly Dim[]): boolean =>
  constant.length <= data.length &&
  aligned(constant, data.length).every((dim, axis) => dim === 1 || (axis === 1 && dim === data[1]));
