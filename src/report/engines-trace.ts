/**
 * The schedule of one image on an open NVDLA, in microseconds: a track for the processor that launches and one for each engine, which a
 * launch keeps busy up to its drain.
 */

import type { Estimate } from '../estimate/estimate-result.ts';
import { engineNames } from '../program/layers/kind.ts';
import { meta, slice, type TraceEvent } from './trace-event.ts';

const processor = engineNames.length + 1;

export function enginesTrace(
  { network, module, powerMode, dlaClock, layers }: Estimate,
  pid: number,
): readonly TraceEvent[] {
  const used = engineNames.filter((name) =>
    layers.some(({ stripe }) => stripe!.engines.some(({ engine }) => engine === name)),
  );
  const events: TraceEvent[] = [
    meta(pid, 'process_name', `${network} · ${module} ${powerMode}`),
    { ...meta(pid, 'process_sort_index', ''), args: { sort_index: pid } },
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
