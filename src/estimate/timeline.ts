/** An estimate laid out in time, for trace viewers: one task after the other on one core, host segments left out. */

import { type Microseconds, microseconds } from '../base/units.ts';
import type { Estimate, LayerEstimate } from './estimate-result.ts';
import { orinParameters } from './orin/parameters.ts';

interface LayerSpan {
  readonly kind: 'layer';
  readonly name: string;
  readonly segment: number;
  readonly start: Microseconds;
  readonly end: Microseconds;
  readonly layer: LayerEstimate;
}

/** The cost of a task beside its layers. It is drawn first, since where it really falls is not known. */
interface TaskSpan {
  readonly kind: 'task';
  readonly name: string;
  readonly segment: number;
  readonly start: Microseconds;
  readonly end: Microseconds;
}

export type Span = LayerSpan | TaskSpan;

/** Spans in order, each starting where the one before ends; the last ends at the estimate's latency. */
export function timeline(estimate: Estimate): readonly Span[] {
  const spans: Span[] = [];
  let now = 0;
  let segment: number | undefined;
  for (const layer of estimate.layers) {
    if (layer.segment !== segment) {
      segment = layer.segment;
      const end = now + orinParameters.taskOverhead.value;
      spans.push({ kind: 'task', name: 'task', segment, start: microseconds(now), end: microseconds(end) });
      now = end;
    }
    const end = now + layer.total;
    spans.push({ kind: 'layer', name: layer.name, segment, start: microseconds(now), end: microseconds(end), layer });
    now = end;
  }
  return spans;
}
