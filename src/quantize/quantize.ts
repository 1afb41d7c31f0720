/** Graph and scales → QuantizedGraph: what the compiler takes, with the equal-range rules applied. */

import { fail } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import { scaledValues } from '../support/equal-ranges.ts';
import { type PropagatedScales, propagateScales } from '../support/propagate-scales.ts';
import { type ScaleCoverage, scaleCoverage, withoutMarks } from './coverage.ts';
import { equalizeRanges, type RangeChange } from './equalize-ranges.ts';
import { unmatchedNames } from './match-names.ts';
import { neededScales } from './scaled-values.ts';

/** `calibrated`; `dummy` (trtexec's), whose results mean nothing, though their times do; `none` in FP16, which needs none. */
export type Ranges = 'calibrated' | 'dummy' | 'none';

/** A graph with the INT8 scale of every tensor that the DLA touches: what the compiler takes. */
export interface QuantizedGraph {
  readonly graph: Graph;
  /** value → scale, real = scale × integer; range is ±127·scale. A value without one stays in floating point. */
  readonly scales: ReadonlyMap<string, number>;
  readonly ranges: Ranges;
  /** Nodes that run in FP16 because a tensor of theirs has no scale: name → the tensor. */
  readonly half?: ReadonlyMap<string, string>;
}

export interface Quantized {
  readonly quantized: QuantizedGraph;
  /** What the equal-range rules changed. */
  readonly changes: readonly RangeChange[];
  readonly coverage: ScaleCoverage;
}

export interface QuantizeOptions {
  /** `calibrated` when not given. */
  readonly ranges?: QuantizedGraph['ranges'];
  /** The values that the DLA touches ({@link valuesOnDla}); all when not given. The others need no scale. */
  readonly onDla?: ReadonlySet<string>;
  /**
   * The values of the model as it was read. One of them that has no scale stays without, whatever others of its equal-range group
   * have, and the nodes that touch it run in FP16. Values that rewriting made get the scale of their group. When not given, every
   * value gets the scale of its group, and one without is refused.
   */
  readonly own?: ReadonlySet<string>;
  /** Whether values without a scale get one from a neighbour of the same range ({@link propagateScales}). */
  readonly propagate?: boolean;
}

/**
 * Scales of values that the graph does not have are dropped. The scale 1 of a convolution before an Add is none (coverage.ts).
 *
 * @throws calibrate/value when the scale of a value on the DLA is zero, negative or not finite; calibrate/cache-missing when no value
 *   that needs a scale has one, or when the values of the model are not given and one that needs a scale has none
 */
export function quantize(
  graph: Graph,
  scales: ReadonlyMap<string, number>,
  { ranges = 'calibrated', onDla, own, propagate = false }: QuantizeOptions = {},
): Quantized {
  const { scales: unmarked, fused } = withoutMarks(graph, validScales(graph, scales, onDla));
  const propagated: PropagatedScales = propagate ? propagateScales(graph, unmarked) : new Map();
  const known = new Map([...unmarked, ...[...propagated].map(([value, { scale }]) => [value, scale] as const)]);
  const keptWithout = own ?? new Set(fused);
  const { scales: equalized, changes } = equalizeRanges(graph, known, keptWithout);
  const shown = new Set(neededScales(graph).filter((value) => own?.has(value) ?? true));
  const coverage = {
    ...scaleCoverage(graph, equalized, fused, onDla, own),
    propagated: new Map([...propagated].filter(([value]) => shown.has(value))),
  };
  if (own === undefined || coverage.missing.length === coverage.needed)
    refuseMissing(graph, equalized, scales, coverage, onDla);
  const quantized = { graph, scales: equalized, ranges };
  return { quantized: coverage.half.size > 0 ? { ...quantized, half: coverage.half } : quantized, changes, coverage };
}

function validScales(
  graph: Graph,
  scales: ReadonlyMap<string, number>,
  onDla: ReadonlySet<string> | undefined,
): ReadonlyMap<string, number> {
  const valid = new Map<string, number>();
  for (const value of scaledValues(graph)) {
    const given = scales.get(value);
    if (given === undefined) continue;
    const scale = Math.fround(given);
    if (scale > 0 && scale < Number.POSITIVE_INFINITY) valid.set(value, scale);
    else if (onDla?.has(value) ?? true) {
      const detail = { expected: 'a positive finite number', actual: given };
      fail('calibrate/value', 'the scale of a tensor gives its integers no meaning', { value }, detail);
    }
  }
  return valid;
}

function refuseMissing(
  graph: Graph,
  scales: ReadonlyMap<string, number>,
  given: ReadonlyMap<string, number>,
  { fused }: ScaleCoverage,
  onDla: ReadonlySet<string> | undefined,
): void {
  const needed = neededScales(graph).filter((value) => (onDla?.has(value) ?? true) && !fused.includes(value));
  const missing = needed.filter((value) => !scales.has(value));
  if (missing.length === 0) return;
  const shown = missing.slice(0, 5).join(', ');
  const count = missing.length === 1 ? 'a tensor has' : `${missing.length} tensors have`;
  fail(
    'calibrate/cache-missing',
    `${count} no scale: ${shown}${missing.length > 5 ? ', …' : ''}${otherNames(graph, given)}`,
    { value: missing[0]! },
    { expected: `${needed.length} scales`, actual: `${needed.length - missing.length}` },
  );
}

/** What the names are that are of no tensor, where some are. */
function otherNames(graph: Graph, given: ReadonlyMap<string, number>): string {
  const others = unmatchedNames([...given.keys()].filter((name) => !graph.values.has(name)).slice(0, 3), graph);
  if (others.length === 0) return '';
  const each = others.map(({ name, nearest: [nearest] }) =>
    nearest === undefined ? name : `${name} (like ${nearest})`,
  );
  return `; there are scales of tensors that it does not have: ${each.join(', ')}`;
}
