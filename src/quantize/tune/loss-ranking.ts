/**
 * Which tensors lose most in INT8: each rounding by itself (rounding-loss.ts), as a share of what they all lose together, and why
 * (loss-causes.ts). What `dla tune` mends and what `dla evaluate` tells come from here.
 */

import { fail } from '../../base/errors.ts';
import type { Graph } from '../../graph/graph.ts';
import { causeOf, type Roundings, type TensorLoss } from './loss-causes.ts';
import { measureChannels } from './measure-channels.ts';
import { decibels, isWeighted, type LossContext, tensorLosses, weightsLoss } from './rounding-loss.ts';

/** A network as it was compiled, with what INT8 rounds of it. */
export interface RoundedNetwork extends Roundings {
  /** Its gates balanced. */
  readonly graph: Graph;
}

/** A rounding that makes a smaller share of all losses is left alone. */
const negligible = 0.001;
/** Tensors that are looked at closely. */
const closely = 40;

/** The values whose rounding is measured: the float32 tensors of the graph that have a scale. */
const measurable = ({ graph, scales, rounded }: RoundedNetwork): readonly string[] =>
  [...rounded.keys()].filter((value) => scales.has(value) && graph.values.get(value)?.dtype === 'float32');

/**
 * The relative noise that the roundings of a network add up to.
 *
 * @param losses relative noise of values at their scales, and of weights by their nodes: those that are known are not measured again,
 *   the others are added
 * @param exact names of nodes whose weights are not rounded
 * @param tell called with each value and each node before it is measured
 * @throws run/host-failed, and what `tell` throws
 */
export async function sumOfLosses(
  network: RoundedNetwork,
  context: LossContext,
  losses: Map<string, number>,
  exact: ReadonlySet<string>,
  tell: (name: string) => void,
): Promise<number> {
  const { graph, scales } = network;
  let sum = 0;
  for (const value of measurable(network)) {
    let loss = losses.get(value);
    if (loss === undefined) {
      tell(value);
      [loss = 0] = await tensorLosses(graph, value, [scales.get(value)!], context);
      losses.set(value, loss);
    }
    sum += loss;
  }
  for (const node of graph.nodes) {
    if (!isWeighted(node) || exact.has(node.name)) continue;
    let loss = losses.get(node.name);
    if (loss === undefined) {
      tell(node.name);
      loss = await weightsLoss(graph, node, context);
      if (loss === undefined) continue;
      losses.set(node.name, loss);
    }
    sum += loss;
  }
  return sum;
}

/** The values that make more than a negligible share of a loss, those that lose most first, with their relative noise. */
export const mostLosing = (
  losses: ReadonlyMap<string, number>,
  lost: number,
  { rounded }: RoundedNetwork,
): readonly (readonly [value: string, loss: number])[] =>
  [...losses]
    .filter(([value, loss]) => rounded.has(value) && loss > negligible * lost)
    .toSorted(([, a], [, b]) => b - a)
    .slice(0, closely);

/**
 * The tensors of a network that lose most, first, and why; measured on the samples of the context, whose largest numbers are those that
 * the reasons speak of. Undefined where no share can be told: all outputs hold integers, or zeros.
 *
 * @param context its expected results are those of the graph of `network` in floating point
 * @param exact names of nodes whose weights are not rounded
 * @param onProgress called with how many of the roundings are measured
 * @throws run/host-failed, cancelled
 */
export async function rankLosses(
  network: RoundedNetwork,
  context: LossContext,
  {
    exact,
    signal,
    onProgress,
  }: {
    readonly exact: ReadonlySet<string>;
    readonly signal?: AbortSignal | undefined;
    readonly onProgress?: ((done: number, total: number) => void) | undefined;
  },
): Promise<readonly TensorLoss[] | undefined> {
  const losses = new Map<string, number>();
  const total = measurable(network).length + network.graph.nodes.filter(isWeighted).length;
  let done = 0;
  const lost = await sumOfLosses(network, context, losses, exact, () => {
    if (signal?.aborted) fail('cancelled', 'the work was cancelled');
    onProgress?.(done++, total);
  });
  if (!Number.isFinite(lost)) return undefined;
  const ranking = mostLosing(losses, lost, network);
  const { graph } = network;
  const names = ranking.map(([value]) => value);
  const channels = await measureChannels(graph, names, context.samples, { ...context, ...(signal && { signal }) });
  onProgress?.(total, total);
  return ranking.map(([value, loss]) => {
    const each = channels.get(value)!;
    const planes = graph.values.get(value)?.shape?.length === 4 ? each : undefined;
    const largest = each.reduce((most, channel) => Math.max(most, channel), 0);
    return {
      value,
      share: loss / lost,
      snr: decibels(loss),
      reason: causeOf(value, network, largest, planes),
    };
  });
}
