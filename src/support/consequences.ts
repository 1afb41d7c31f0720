/**
 * Verdicts that follow from other verdicts: a comparison and its Casts stay together, the open NVDLA takes no work that
 * only the host feeds and reads, and a core holds so many loadables. Each step takes verdicts and gives verdicts in
 * which some nodes more run off the DLA.
 */

import { type Graph, readsOf } from '../graph/graph.ts';
import type { Release, Target } from '../targets/target.ts';
import { partition } from './partition.ts';
import { type CheckOptions, limitIn, type RuleContext, sentence } from './rule.ts';
import { castsBehind } from './rules/elementwise.ts';
import { comparisonPair, loadables, type NetworkRule, noDetour } from './rules.ts';
import {
  type CheckedSegment,
  type CheckResult,
  type Placement,
  placeNames,
  type Refusal,
  type Verdict,
} from './verdict.ts';

/** What runs the nodes that a target refuses: TensorRT's GPU, or the host of an open NVDLA. */
export const elsewhere = ({ generation }: Target): CheckResult['elsewhere'] =>
  generation === 'nvdla' ? 'host' : 'gpu';

/** What a refusal says of its rule. */
export function published<Value>(
  it: NetworkRule<Value>,
  release: Release,
): Pick<Refusal, 'rule' | 'doc' | 'source'> & { readonly limit: Value } {
  const limit = limitIn(it.limits, release)!;
  return { rule: it.id, doc: sentence(it as NetworkRule, limit), source: limit.source, limit: limit.value };
}

/** A verdict with one refusal more. */
const refuse = (verdict: Verdict, refusal: Refusal, target: Target): Verdict => ({
  ...verdict,
  placement: elsewhere(target),
  warnings: [],
  refusals: [...verdict.refusals, { ...refusal, message: `${verdict.node}: ${refusal.message} [${refusal.rule}]` }],
});

/** Refuses a comparison when a Cast behind it is refused, and its Casts when the comparison is. */
export function pairComparisons(graph: Graph, verdicts: readonly Verdict[], context: RuleContext): readonly Verdict[] {
  const { target, release } = context;
  const at = new Map(graph.nodes.map((node, index) => [node.name, index]));
  const result = [...verdicts];
  const { limit, ...rule } = published(comparisonPair, release);
  const leave = (index: number, partner: Verdict): void => {
    if (result[index]!.placement !== 'dla') return;
    const message = `${partner.node} (${partner.op}) runs on the ${placeNames[elsewhere(target)]}`;
    const values = { limit, value: partner.node };
    result[index] = refuse(result[index]!, { ...rule, message, values }, target);
  };
  graph.nodes.forEach((node, index) => {
    const casts = castsBehind(node, context).map(({ name }) => at.get(name)!);
    const away = [index, ...casts].find((each) => result[each]!.refusals.length > 0);
    if (casts.length === 0 || away === undefined) return;
    for (const each of [index, ...casts]) leave(each, result[away]!);
  });
  return result;
}

/** Refuses what would be a loadable of an open NVDLA that only the host feeds and reads, and that convolves nothing. */
export function withoutDetours(graph: Graph, verdicts: readonly Verdict[], context: RuleContext): readonly Verdict[] {
  const { target, release } = context;
  const placement = new Map(verdicts.map((verdict): [string, Placement] => [verdict.node, verdict.placement]));
  const byName = new Map(graph.nodes.map((node) => [node.name, node]));
  const onHost = (name: string): boolean => placement.get(name) === 'host';
  const detours = partition(graph, placement, elsewhere(target)).filter(({ kind, nodes, macs: work }) => {
    if (kind !== 'dla' || work > 0) return false;
    const own = new Set(nodes);
    const members = nodes.map((name) => byName.get(name)!);
    const fed = members.flatMap(readsOf).filter((value) => {
      const maker = context.producer(value);
      return !context.constant(value) && !(maker && own.has(maker.name));
    });
    const given = members.flatMap(({ outputs }) => outputs).filter((value) => value !== '');
    return (
      fed.every((value) => onHost(context.producer(value)?.name ?? '')) &&
      given.every(
        (value) =>
          !graph.outputs.includes(value) && context.consumers(value).every(({ name }) => own.has(name) || onHost(name)),
      )
    );
  });
  const gone = new Map(detours.flatMap((segment) => segment.nodes.map((name) => [name, segment] as const)));
  const { limit, ...rule } = published(noDetour, release);
  return verdicts.map((verdict): Verdict => {
    const from = gone.get(verdict.node);
    if (!from) return verdict;
    const message = `${from.name} would be a loadable between parts of the host, and convolves nothing`;
    return refuse(verdict, { ...rule, message, values: { limit, value: 'none', segment: from.name } }, target);
  });
}

/** How many loadables a DLA core holds at once. The runtime of the open NVDLA knows no limit. */
export const loadableLimit = (target: Target, release: Release): number =>
  target.generation === 'nvdla' ? Number.POSITIVE_INFINITY : published(loadables, release).limit;

/** The segments; those that run off the DLA because a core holds no more loadables say so. */
function withSurplus(
  segments: readonly CheckedSegment[],
  verdicts: readonly Verdict[],
  most: number,
): readonly CheckedSegment[] {
  const surplus = new Set(
    verdicts.filter(({ refusals }) => refusals.some(({ rule }) => rule === loadables.id)).map(({ node }) => node),
  );
  if (surplus.size === 0) return segments;
  return segments.map((segment) =>
    segment.nodes.some((node) => surplus.has(node)) ? { ...segment, why: `${most} loadables` } : segment,
  );
}

/** Cuts the network; where that makes more loadables than a core holds, the lightest give way. */
export function limitLoadables(
  graph: Graph,
  before: readonly Verdict[],
  options: CheckOptions,
): { readonly verdicts: readonly Verdict[]; readonly segments: readonly CheckedSegment[]; readonly demoted: number } {
  const { target, release } = options;
  const most = loadableLimit(target, release);
  const placement = new Map(before.map((verdict): [string, Placement] => [verdict.node, verdict.placement]));
  const segments = partition(graph, placement, elsewhere(target));
  const onDla = segments.filter(({ kind }) => kind === 'dla');
  if (onDla.length <= most) return { verdicts: before, segments: withSurplus(segments, before, most), demoted: 0 };

  const surplusCount = onDla.length - most;
  const weighed = onDla.map((segment, rank) => ({ segment, rank }));
  // The fewest multiply-accumulates first; of equals, the later.
  weighed.sort((a, b) => a.segment.macs - b.segment.macs || b.rank - a.rank);
  const surplus = new Map(
    weighed.slice(0, surplusCount).flatMap(({ segment }) => segment.nodes.map((name) => [name, segment] as const)),
  );
  const { limit, ...rule } = published(loadables, release);
  const verdicts = before.map((verdict): Verdict => {
    const from = surplus.get(verdict.node);
    if (!from) return verdict;
    const message = `${from.name} is one of ${onDla.length} loadables, allowed ${limit}`;
    const values = { limit, value: onDla.length, segment: from.name, macs: from.macs };
    const fix = { advice: 'Bring the nodes that split the network onto the DLA; the refusals above say how.' };
    return refuse(verdict, { ...rule, message, values, fix }, target);
  });
  const rest = limitLoadables(graph, verdicts, options);
  return { ...rest, demoted: rest.demoted + surplusCount };
}
