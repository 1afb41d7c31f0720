/** Graph and scales → QuantizedGraph: what the compiler takes, with the equal-range rules applied. */

import { fail } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import { scaledValues } from '../support/equal-ranges.ts';
import { equalizeRanges, type RangeChange } from './equalize-ranges.ts';
import { neededScales } from './scaled-values.ts';

/** `calibrated`; `dummy` (trtexec's), whose results mean nothing, though their times do; `none` in FP16, which needs none. */
export type Ranges = 'calibrated' | 'dummy' | 'none';

/** A graph with the INT8 scale of every tensor that the DLA touches: what the compiler takes. */
export interface QuantizedGraph {
  readonly graph: Graph;
  /** value → scale, real = scale × integer; range is ±127·scale. A value without one stays in floating point. */
  readonly scales: ReadonlyMap<string, number>;
  readonly ranges: Ranges;
}

export interface Quantized {
  readonly quantized: QuantizedGraph;
  /** What the equal-range rules changed. */
  readonly changes: readonly RangeChange[];
}

/**
 * Scales of values that the graph does not have are dropped.
 *
 * @param onDla the values that the DLA touches ({@link valuesOnDla}); all when not given. The others need no scale.
 * @throws calibrate/value when the scale of a value on the DLA is zero, negative or not finite; calibrate/cache-missing when a value that needs a
 *   scale has none, and no value of its equal-range group has one
 */
export function quantize(
  graph: Graph,
  scales: ReadonlyMap<string, number>,
  ranges: Ranges = 'calibrated',
  onDla?: ReadonlySet<string>,
): Quantized {
  const own = new Map<string, number>();
  for (const value of scaledValues(graph)) {
    const given = scales.get(value);
    if (given === undefined) continue;
    const scale = Math.fround(given);
    if (scale > 0 && scale < Number.POSITIVE_INFINITY) own.set(value, scale);
    else if (onDla?.has(value) ?? true) {
      const detail = { expected: 'a positive finite number', actual: given };
      fail('calibrate/value', 'the scale of a tensor gives its integers no meaning', { value }, detail);
    }
  }
  const { scales: equalized, changes } = equalizeRanges(graph, own);
  const needed = neededScales(graph).filter((value) => onDla?.has(value) ?? true);
  const missing = needed.filter((value) => !equalized.has(value));
  if (missing.length > 0) {
    const shown = missing.slice(0, 5).join(', ');
    const count = missing.length === 1 ? 'a tensor has' : `${missing.length} tensors have`;
    fail(
      'calibrate/cache-missing',
      `${count} no scale: ${shown}${missing.length > 5 ? ', …' : ''}`,
      { value: missing[0]! },
      { expected: `${needed.length} scales`, actual: `${needed.length - missing.length}` },
    );
  }
  return { quantized: { graph, scales: equalized, ranges }, changes };
}
