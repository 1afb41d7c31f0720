/**
 * A trace that ui.perfetto.dev and chrome://tracing open (Trace Event Format, JSON): one process per power mode, one track for
 * each engine, or lane of one, that launches run in. Times are estimates.
 */

import type { Estimate } from '../estimate/estimate-result.ts';
import { timeline } from '../estimate/timeline.ts';
import { engineNames } from '../program/layers/kind.ts';

/** A process for each estimate, with what stands behind it as its label. */
const processOf = ({ network, module, powerMode, evidence }: Estimate, pid: number): readonly TraceEvent[] => [
  meta(pid, 'process_name', `${network} · ${module} ${powerMode}`),
  { ...meta(pid, 'process_labels', ''), args: { labels: `estimated, ${evidence.class}` } },
  { ...meta(pid, 'process_sort_index', ''), args: { sort_index: pid } },
];

export function perfettoTrace(estimates: readonly Estimate[]): string {
  const events = estimates.flatMap((estimate, index) =>
    estimate.stripe ? enginesTrace(estimate, index + 1) : lanesTrace(estimate, index + 1),
  );
  return `${JSON.stringify({ displayTimeUnit: 'ns', otherData: { generator: 'dlakit' }, traceEvents: events })}\n`;
}

/** The schedule on orin and xavier: a track for the core's tasks and one for each lane. */
function lanesTrace(estimate: Estimate, pid: number): readonly TraceEvent[] {
  const { tracks, spans } = timeline(estimate);
  const events: TraceEvent[] = [
    ...processOf(estimate, pid),
    ...['task', ...tracks].map((name, index) => ({ ...meta(pid, 'thread_name', name), tid: index + 1 })),
    ...(estimate.asBuilt?.parts.length ? [{ ...meta(pid, 'thread_name', 'GPU'), tid: tracks.length + 2 }] : []),
  ];
  for (const span of spans) {
    const { name, start, end } = span;
    if (span.kind === 'task') {
      events.push(slice(pid, 1, 'task submission', start, end - start, 'overhead', { segment: span.segment }));
      continue;
    }
    if (span.kind === 'part') {
      const { kind, segment, count } = span.part;
      events.push(slice(pid, tracks.length + 2, name, start, end - start, kind, { segment, count }));
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
      aloneUs: layer.total,
      ...(layer.promoted && { promoted: layer.promoted.map(({ what }) => what).join(', ') }),
      ...layer.traffic,
    };
    for (const track of span.tracks) {
      events.push(slice(pid, track + 2, name, start, end - start, layer.bound, args));
    }
  }
  return events;
}

const processor = engineNames.length + 1;

/**
 * The schedule of one image on an open NVDLA: a track for the processor that launches and one for each engine, which a launch keeps
 * busy up to its drain.
 */
function enginesTrace(estimate: Estimate, pid: number): readonly TraceEvent[] {
  const { dlaClock, layers } = estimate;
  const used = engineNames.filter((name) =>
    layers.some(({ stripe }) => stripe!.engines.some(({ engine }) => engine === name)),
  );
  const events: TraceEvent[] = [
    ...processOf(estimate, pid),
    { ...meta(pid, 'thread_name', 'processor'), tid: processor },
    ...used.map((name) => ({ ...meta(pid, 'thread_name', name), tid: engineNames.indexOf(name) + 1 })),
  ];
  for (const { name, origin, macs, utilisation, bound, traffic, stripe } of layers) {
    const { start, end, launch, fill, drain, limit, reasons } = stripe!;
    events.push(slice(pid, processor, name, (start - launch) / dlaClock, launch / dlaClock, 'overhead', {}));
    const args = {
      nodes: origin.join(', '),
      macs,
      utilisation,
      limit,
      reasons: reasons.join('; '),
      fillCycles: fill,
      drainCycles: drain,
      ...traffic,
    };
    for (const { engine, busy } of stripe!.engines) {
      const tid = engineNames.indexOf(engine) + 1;
      events.push(slice(pid, tid, name, (end - drain - busy) / dlaClock, busy / dlaClock, bound, args));
    }
  }
  return events;
}

/** An event of the Trace Event Format. */
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

/** Names a process, or with `tid` a thread. */
const meta = (pid: number, name: string, value: string): TraceEvent => ({
  name,
  ph: 'M',
  pid,
  args: { name: value },
});

const slice = (
  pid: number,
  tid: number,
  name: string,
  ts: number,
  dur: number,
  cat: string,
  args: Readonly<Record<string, unknown>>,
): TraceEvent => ({ name, ph: 'X', pid, tid, ts, dur, cat, args });
