/** A network as everything else works on it: an ONNX model with its shapes resolved. */

import type { Graph } from '../graph/graph.ts';
import { type ReadOptions, readModel } from './read.ts';
import { requireBoundInputs, resolve } from './resolve.ts';

export interface NetworkOptions extends ReadOptions {
  /** Shapes for inputs with symbolic dimensions. */
  readonly shapes?: ReadonlyMap<string, readonly number[]>;
  /** Binds a symbolic first dimension that `shapes` leaves open; 1 when not given. */
  readonly batch?: number;
}

/**
 * Reads an ONNX model and resolves every shape. Those that depend on data or on an operator that is not known stay symbolic;
 * `check` judges such a network, `compile` refuses it where such a value crosses between segments.
 *
 * @throws onnx/*, shape/unresolved when an input has a symbolic dimension, shape/binding, shape/mismatch
 */
export function readNetwork(bytes: Uint8Array, options: NetworkOptions = {}): Graph {
  const graph = readModel(bytes, options);
  const shapes = new Map(options.shapes);
  for (const input of graph.inputs) {
    const shape = graph.values.get(input)?.shape;
    const rest = shape?.slice(1).filter((dim) => typeof dim === 'number');
    if (shape && rest && !shapes.has(input) && typeof shape[0] === 'string' && rest.length === shape.length - 1) {
      shapes.set(input, [options.batch ?? 1, ...rest]);
    }
  }
  const resolved = resolve(graph, { shapes });
  requireBoundInputs(resolved);
  return resolved;
}
