/**
 * A trace that ui.perfetto.dev and chrome://tracing open (Trace Event Format, JSON): one process per power mode, one
 * track for the hardware layers and one each for the compute and memory time that they hide behind one another.
 * Times are estimates; host segments are not timed.
 */

import type { Estimate } from '../estimate/estimate-result.ts';

interface TraceEvent {
  readonly name: string;
  readonly ph: 'X' | 'M' | 'C';
  readonly pid: number;
  readonly tid?: number;
  /** Microseconds. */
  readonly ts?: number;
  readonly dur?: number;
  readonly cat?: string;
  readonly args?: Readonly<Record<string, unknown>>;
}

const tracks = ['hardware layers', 'compute', 'memory'] as const;

export function perfettoTrace(estimates: readonly Estimate[]): string {
  const events = estimates.flatMap((estimate, index) => traceOf(estimate, index + 1));
  return `${JSON.stringify({ displayTimeUnit: 'ns', otherData: { generator: 'dlakit' }, traceEvents: events })}\n`;
}

function traceOf(estimate: Estimate, pid: number): readonly TraceEvent[] {
  const events: TraceEvent[] = [
    meta(pid, 'process_name', `${estimate.network} · ${estimate.module} ${estimate.powerMode}`),
    { ...meta(pid, 'process_sort_index', ''), args: { sort_index: pid } },
    ...tracks.map((name, tid) => ({ ...meta(pid, 'thread_name', name), tid: tid + 1 })),
  ];
  const layersTime = estimate.layers.reduce((sum, layer) => sum + layer.total, 0);
  let now = Math.max(0, estimate.latency - layersTime);
  if (now > 0) events.push(slice(pid, 1, 'task submission', 0, now, 'overhead', {}));
  for (const layer of estimate.layers) {
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
    events.push(slice(pid, 1, layer.name, now, layer.total, layer.bound, args));
    const start = now + layer.overhead;
    if (layer.compute > 0) events.push(slice(pid, 2, layer.name, start, layer.compute, 'compute', {}));
    if (layer.memory > 0) events.push(slice(pid, 3, layer.name, start, layer.memory, 'memory', {}));
    now += layer.total;
  }
  return events;
}

const meta = (pid: number, name: string, value: string): TraceEvent => ({ name, ph: 'M', pid, args: { name: value } });

const slice = (
  pid: number,
  tid: number,
  name: string,
  ts: number,
  dur: number,
  cat: string,
  args: Readonly<Record<string, unknown>>,
): TraceEvent => ({ name, ph: 'X', pid, tid, ts, dur, cat, args });
