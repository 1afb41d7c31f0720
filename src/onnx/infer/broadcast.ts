/** Multidirectional broadcasting, as ONNX and NumPy define it. */

import type { Dim } from '../../graph/graph.ts';
import { type InferContext, showShape } from './rule.ts';

/**
 * The shape that the shapes broadcast to; undefined where one is not known.
 *
 * @throws shape/mismatch
 */
export function broadcast(
  context: InferContext,
  shapes: readonly (readonly Dim[] | undefined)[],
): readonly Dim[] | undefined {
  if (shapes.some((shape) => shape === undefined)) return undefined;
  const known = shapes as readonly (readonly Dim[])[];
  const rank = Math.max(0, ...known.map((shape) => shape.length));
  return Array.from({ length: rank }, (_, axis) => {
    const dims = known.map((shape) => shape[axis - rank + shape.length] ?? 1).filter((dim) => dim !== 1);
    const first = dims.find((dim) => typeof dim === 'number') ?? dims[0] ?? 1;
    for (const dim of dims) {
      if (typeof dim === 'number' && dim !== first) {
        context.mismatch('the shapes do not broadcast', 'equal or 1', known.map(showShape).join(' and '));
      }
    }
    // Two different symbols could be N and 1, in either order.
    return typeof first === 'string' && dims.some((dim) => dim !== first) ? context.unknown(axis) : first;
  });
}
