/** A graph with the INT8 scale of every tensor that the DLA touches: what the compiler takes. */

import type { Graph } from '../graph/graph.ts';

export interface QuantizedGraph {
  readonly graph: Graph;
  /** value → scale, real = scale × integer; range is ±127·scale. A value without one stays in floating point. */
  readonly scales: ReadonlyMap<string, number>;
  readonly ranges: 'calibrated' | 'dummy';
}
