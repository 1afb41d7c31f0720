/**
 * What a change of the network brings: the same network checked, compiled and estimated before and after, with the very
 * options that the compiled one had. Nodes that leave the GPU, tensors that cross no more and time are what a user wins. The DLA
 * takes longer when it takes work over from the GPU, which is not timed: that is told as the price of it, never as a gain.
 */

import { DlakitError } from '../base/errors.ts';
import type { Microseconds } from '../base/units.ts';
import { type Compilation, compileNetwork } from '../compile/compilation.ts';
import { boardGraph } from '../compile/orin/board/graph.ts';
import type { Graph } from '../graph/graph.ts';
import type { Plan } from '../program/program.ts';
import { type PreparedNetwork, rewrite } from '../rewrite/rewrite.ts';
import { check } from '../support/check.ts';
import { type CheckResult, placeNames } from '../support/verdict.ts';
import { groupRefusals } from './check-text.ts';
import type { Change, Gain } from './report.ts';
import { formatTime, percent } from './table.ts';

export interface Gains {
  /** The refusals of the original, those with the same remedy together, each with what the remedy brings. */
  readonly changes: readonly Change[];
  /** The gain of all rewrites together: the network as given against the compiled one. */
  readonly gain: Gain;
}

/**
 * @param original the verdicts on the network as given
 * @param timeOf the estimated time of a plan
 */
export function gains(
  network: PreparedNetwork,
  original: CheckResult,
  compilation: Compilation,
  timeOf: (plan: Plan) => PlanTime,
): Gains {
  const { options, quantized } = compilation;
  const standing = (graph: Graph, plan: Plan | undefined): Standing => {
    const checked = check(graph, options);
    return standingOf(graph, checked, plan && timeOf(plan));
  };
  const before = standingOf(network.original, original, timeIfCompiled(network.original));
  const gainOf = (pass: string): Gain => {
    const graph = boardGraph(rewrite(network.original, { passes: [pass] }).graph);
    return between(before, standing(graph, planOf(graph, compilation)));
  };
  function timeIfCompiled(graph: Graph): PlanTime | undefined {
    const plan = planOf(graph, compilation);
    return plan && timeOf(plan);
  }
  const known = new Map<string, Gain>();
  const changes = groupRefusals(original.verdicts).map(({ refusal, rows }): Change => {
    const pass = refusal.fix?.rewrite;
    if (pass !== undefined && !known.has(pass)) known.set(pass, gainOf(pass));
    return {
      rule: refusal.rule,
      advice: refusal.fix?.advice ?? `${refusal.doc} No rewrite is known.`,
      nodes: rows.map(({ verdict }) => verdict.node),
      ...(pass !== undefined && { rewrite: pass, gain: known.get(pass)! }),
    };
  });
  return { changes, gain: between(before, standing(boardGraph(quantized.graph), compilation.network.plan)) };
}

export interface PlanTime {
  /** Of its DLA segments. */
  readonly dla: Microseconds;
  /** With what lies around them. */
  readonly latency: Microseconds;
}

interface Standing {
  readonly gpuNodes: number;
  readonly loadables: number;
  readonly crossings: number;
  readonly dlaMacs: number;
  readonly time?: PlanTime;
}

const standingOf = (graph: Graph, checked: CheckResult, time: PlanTime | undefined): Standing => ({
  gpuNodes: checked.verdicts.filter((verdict) => verdict.placement === checked.elsewhere).length,
  loadables: checked.segments.filter((segment) => segment.kind === 'dla').length,
  crossings: crossings(graph, checked),
  dlaMacs: checked.macs.total > 0 ? checked.macs.dla / checked.macs.total : 0,
  ...(time !== undefined && { time }),
});

/** How many tensors the DLA hands to the GPU, or the GPU to the DLA. A tensor crosses once, however many nodes read it there. */
function crossings(graph: Graph, { segments }: CheckResult): number {
  const side = new Map(segments.flatMap(({ kind, nodes }) => nodes.map((node) => [node, kind] as const)));
  const makers = new Map(graph.nodes.flatMap(({ name, outputs }) => outputs.map((output) => [output, name] as const)));
  const crossing = new Set<string>();
  for (const { name, inputs } of graph.nodes) {
    for (const input of inputs) {
      const [from, to] = [side.get(makers.get(input) ?? ''), side.get(name)];
      if (from && to && from !== to) crossing.add(input);
    }
  }
  return crossing.size;
}

/** Undefined for a graph that cannot be compiled before it is rewritten (a batch norm that only folding keeps finite). */
function planOf(graph: Graph, { options }: Compilation): Plan | undefined {
  try {
    return compileNetwork(graph, undefined, options).network.plan;
  } catch (error) {
    if (error instanceof DlakitError) return undefined;
    throw error;
  }
}

function between(before: Standing, after: Standing): Gain {
  const [from, to] = [before.time, after.time];
  return {
    gpuNodes: [before.gpuNodes, after.gpuNodes],
    loadables: [before.loadables, after.loadables],
    crossings: [before.crossings, after.crossings],
    dlaMacs: [before.dlaMacs, after.dlaMacs],
    ...(from && to && { dlaTime: [from.dla, to.dla], latency: [from.latency, to.latency] }),
  };
}

/** A gain as a sentence: what changes, and how much longer the DLA takes where it takes work over. */
export function gainText(gain: Gain, elsewhere: CheckResult['elsewhere']): string {
  const { gpuNodes, loadables, crossings, dlaMacs, dlaTime = [0, 0], latency = dlaTime } = gain;
  const around = [latency[0] - dlaTime[0], latency[1] - dlaTime[1]] as const;
  const changed = ([before, after]: readonly [number, number]): boolean => before !== after;
  const parts = [
    changed(gpuNodes) && `nodes on the ${placeNames[elsewhere]} ${gpuNodes[0]} → ${gpuNodes[1]}`,
    changed(crossings) && `tensors between DLA and ${placeNames[elsewhere]} ${crossings[0]} → ${crossings[1]}`,
    changed(loadables) && `loadables ${loadables[0]} → ${loadables[1]}`,
    changed(dlaMacs) && `MACs on the DLA ${percent(dlaMacs[0])} → ${percent(dlaMacs[1])}`,
    dlaTime[1] < dlaTime[0] && `DLA time ${formatTime(dlaTime[0])} → ${formatTime(dlaTime[1])}`,
    dlaTime[1] > dlaTime[0] && `the DLA works ${formatTime(dlaTime[1] - dlaTime[0])} more for it`,
    around[1] < around[0] && `around the DLA ${formatTime(around[0])} → ${formatTime(around[1])}`,
  ].filter((part) => typeof part === 'string');
  return parts.join(', ') || 'none by itself';
}
