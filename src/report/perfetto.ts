/**
 * A trace that ui.perfetto.dev and chrome://tracing open (Trace Event Format, JSON): one process per power mode, one
 * track for the hardware layers and one each for the compute and memory time that they hide behind one another; of an open NVDLA one
 * for each engine. Times are estimates; host segments are not timed.
 */

import type { Estimate } from '../estimate/estimate-result.ts';
import { timeline } from '../estimate/timeline.ts';
import { enginesTrace } from './engines-trace.ts';
import { meta, slice, type TraceEvent } from './trace-event.ts';

const tracks = ['hardware layers', 'compute', 'memory'] as const;

export function perfettoTrace(estimates: readonly Estimate[]): string {
  const events = estimates.flatMap((estimate, index) =>
    estimate.stripe ? enginesTrace(estimate, index + 1) : traceOf(estimate, index + 1),
  );
  return `${JSON.stringify({ displayTimeUnit: 'ns', otherData: { generator: 'dlakit' }, traceEvents: events })}\n`;
}

function traceOf(estimate: Estimate, pid: number): readonly TraceEvent[] {
  const events: TraceEvent[] = [
    meta(pid, 'process_name', `${estimate.network} · ${estimate.module} ${estimate.powerMode}`),
    { ...meta(pid, 'process_sort_index', ''), args: { sort_index: pid } },
    ...tracks.map((name, tid) => ({ ...meta(pid, 'thread_name', name), tid: tid + 1 })),
  ];
  for (const span of timeline(estimate)) {
    const { name, start, end } = span;
    if (span.kind === 'task') {
      events.push(slice(pid, 1, 'task submission', start, end - start, 'overhead', { segment: span.segment }));
      continue;
    }
    const { layer } = span;
    const args = {
      nodes: layer.origin.join(', '),
      engines: layer.kind,
      bound: layer.bound,
      macs: layer.macs,
      utilisation: layer.utilisation,
      computeUs: layer.compute,
      memoryUs: layer.memory,
      overheadUs: layer.overhead,
      ...layer.traffic,
    };
    events.push(slice(pid, 1, name, start, layer.total, layer.bound, args));
    const working = start + layer.overhead;
    if (layer.compute > 0) events.push(slice(pid, 2, name, working, layer.compute, 'compute', {}));
    if (layer.memory > 0) events.push(slice(pid, 3, name, working, layer.memory, 'memory', {}));
  }
  return events;
}
