/**
 * When the launches of a Program run on an open NVDLA: in their order, each as soon as all that it waits for is complete, a register
 * group is free in each of its engines (they have two), and the processor, which serves one launch after the other, has
 * enabled it. What is enabled while its engines are busy fetches meanwhile. Memory serves traffic in the same order, so that
 * launches side by side never have more of it than there is.
 */

import { type Cycles, cycles } from '../../base/units.ts';
import type { Layer } from '../../program/layer.ts';
import type { EngineName } from '../../program/layers/kind.ts';
import type { LayerCycles } from './layer-cycles.ts';

export interface Interval {
  /** When the launch is enabled. */
  readonly start: Cycles;
  /** When the launch is complete. */
  readonly end: Cycles;
}

interface Engine {
  /** When the engine is free for its next launch. */
  free: number;
  /** When the engine's last two launches are complete, the later one first. */
  complete: [number, number];
}

/** One interval for each layer. The last end is never later than all totals one after the other. */
export function scheduleLayers(
  layers: readonly Pick<Layer, 'after'>[],
  costs: readonly LayerCycles[],
): readonly Interval[] {
  const engines = new Map<EngineName, Engine>();
  const intervals: Interval[] = [];
  let processor = 0;
  let memory = 0;
  for (const [index, { after }] of layers.entries()) {
    const cost = costs[index]!;
    const used = cost.engines.map(({ engine }) => {
      const known = engines.get(engine) ?? { free: 0, complete: [0, 0] };
      engines.set(engine, known);
      return known;
    });
    const allowed = Math.max(
      processor,
      ...after.map((id) => intervals[id]!.end),
      ...used.map(({ complete }) => complete[1]),
    );
    const enabled = allowed + cost.launch;
    const working = Math.max(enabled + cost.fill, ...used.map(({ free }) => free));
    const served = Math.max(enabled + cost.latency, memory) + cost.shared;
    const done = Math.max(working + cost.busy, served);
    const end = done + cost.drain;
    processor = enabled;
    memory = served;
    for (const engine of used) {
      engine.free = done;
      engine.complete = [end, engine.complete[0]];
    }
    intervals.push({ start: cycles(enabled), end: cycles(end) });
  }
  return intervals;
}
