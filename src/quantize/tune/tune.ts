/**
 * Tuning: which remedies win back most of what INT8 loses, for the least estimated time.
 *
 *     1. losses      each rounding by itself (rounding-loss.ts): which tensors matter, and by how much
 *     2. channels    regions around those tensors are balanced (balance-channels.ts), where that makes the losses smaller
 *     3. ranges      for each of those tensors, or group of tensors with one range, the calibrator with the smallest loss
 *     4. FP16        block after block (half-blocks.ts): the one that takes away most loss for the time it adds
 *
 * The first three cost no time, but for a table that no longer takes in the scale behind it once that has a factor for each channel. Losses of single roundings propose, since they add up: of two roundings that spoil a network, neither
 * remedy shows by itself. After each remedy the network as it was compiled runs on the device beside FP32; those that are better than
 * all before are the trade-off curve.
 */

import { DlakitError, fail } from '../../base/errors.ts';
import type { Microseconds } from '../../base/units.ts';
import { type Graph, producers } from '../../graph/graph.ts';
import type { OnnxRuntime, OnnxSession } from '../../onnx/session.ts';
import type { PreparedNetwork } from '../../rewrite/rewrite.ts';
import { equalRangeGroups, scaledValues } from '../../support/equal-ranges.ts';
import { calibrationOf, type Measurement, measure, type Samples } from '../calibrate.ts';
import type { Histogram } from '../histogram.ts';
import { rangeOf } from '../range-of.ts';
import { scaleOfRange } from '../scales.ts';
import {
  balanceChannels,
  type ChannelRanges,
  type ChannelRegion,
  channelFactors,
  channelRegions,
} from './balance-channels.ts';
import { type HalfBlock, halfBlocks } from './half-blocks.ts';
import { causeOf, type TensorLoss } from './loss-causes.ts';
import { mostLosing, type RoundedNetwork, sumOfLosses } from './loss-ranking.ts';
import { measureChannels } from './measure-channels.ts';
import {
  decibels,
  type Feeds,
  type LossContext,
  relativeNoise,
  resultsOf,
  runAll,
  tensorLosses,
  weightsLoss,
} from './rounding-loss.ts';

/** A network as it was compiled, as far as tuning asks. */
export interface Candidate extends RoundedNetwork {
  /** Names of the nodes on the DLA. */
  readonly onDla: ReadonlySet<string>;
  /** Estimated latency. */
  readonly time: Microseconds;
}

/** What the compiler takes. */
export interface TunedNetwork {
  /** With its channels balanced, where they are. */
  readonly network: PreparedNetwork;
  readonly scales: ReadonlyMap<string, number>;
  /** Nodes that run in FP16; absent where there are none. */
  readonly layerPrecisions?: ReadonlyMap<string, 'fp16'>;
}

/** What tuning needs of the rooms below: a compiler with its estimate, and a device. */
export interface TuneMachine<C extends Candidate> {
  /** @throws compile/*, calibrate/* */
  readonly compile: (remedies: TunedNetwork) => C;
  readonly open: (candidate: C) => Promise<OnnxSession>;
  /** Whether one network may have INT8 and FP16. */
  readonly mixes: boolean;
}

export interface SearchOptions {
  readonly runtime: OnnxRuntime;
  readonly threads?: number;
  readonly signal?: AbortSignal;
  /** The values that the DLA touches. */
  readonly onDla: ReadonlySet<string>;
  /** Samples on which remedies are judged, the first ones. */
  readonly judged: number;
  /** How much longer the chosen network may take: 0.15 is 15 %. */
  readonly addedTime: number;
  readonly onProgress?: (step: string) => void;
}

/** A network with remedies, measured. `compile(point.network, point)` compiles it. */
export interface TunePoint extends TunedNetwork {
  /** What was done since the point before. */
  readonly remedy: string;
  /** dB of the outputs beside FP32, on the samples that judge. */
  readonly snr: number;
  /** Estimated latency. */
  readonly time: Microseconds;
}

export interface Tuning {
  /** The network as it was, then with one remedy after the other, each better than the one before it. */
  readonly points: readonly TunePoint[];
  /** The best of them within the time that may be added. */
  readonly chosen: TunePoint;
  /** Of the network as it was: the tensors of which the rounding costs most, first. */
  readonly losses: readonly TensorLoss[];
  /** Of the calibration. */
  readonly samples: number;
}

/** Samples over which single roundings are measured. */
const few = 2;
/** Blocks that may go to FP16. */
const mostBlocks = 24;
/** Largest factor beside smallest: channels that are nearer than this are not balanced. */
const leastSpread = 1.5;
/** A loss after a remedy beside the one before it: what is nearer is not worth the change. */
const leastBetter = 0.9;
/** A block that takes away a smaller share of what is lost stays in INT8. */
const leastGain = 0.01;
/** Shares of the network's time: the curve ends at twice its time, and a remedy that is free counts as this dear. */
const longestTime = 2;
const leastTime = 1e-4;

/** Ranges that are tried for a tensor. */
const ranges: readonly ((histogram: Histogram) => number)[] = [
  (histogram) => rangeOf(histogram, 'mse'),
  (histogram) => rangeOf(histogram, 'min-max'),
  (histogram) => rangeOf(histogram, 'entropy'),
  (histogram) => rangeOf(histogram, 'percentile', 99.9),
  (histogram) => rangeOf(histogram, 'percentile', 99.99),
  (histogram) => rangeOf(histogram, 'percentile', 99.999),
];

/**
 * @param given prepared
 * @param samples gives the calibration data from its beginning, each time
 * @throws calibrate/no-samples, calibrate/value, run/input, run/host-failed, cancelled; compile/* where the network cannot be compiled
 *   without remedies; compile/unsupported where it states its ranges
 */
export function searchRemedies<C extends Candidate>(
  given: Graph,
  samples: () => Samples,
  machine: TuneMachine<C>,
  options: SearchOptions,
): Promise<Tuning> {
  if (given.scales) fail('compile/unsupported', 'the network states its ranges (Q/DQ): there is nothing to tune');
  // The tuned network is written to a file, after which its nodes are of no other model.
  const graph = { ...given, nodes: given.nodes.map((node) => ({ ...node, origin: [node.name] })) };
  return new RemedySearch(graph, samples, machine, options).run();
}

class RemedySearch<C extends Candidate> {
  readonly #points: TunePoint[] = [];
  /** Remedies since the last point, which were no better by themselves. */
  #taken: string[] = [];
  /** Relative noise of values at their scales, and of weights by their nodes. */
  readonly #losses = new Map<string, number>();
  /** For what is measured often, and for what decides. */
  #few!: LossContext;
  #all!: LossContext;

  constructor(
    readonly given: Graph,
    readonly samples: () => Samples,
    readonly machine: TuneMachine<C>,
    readonly options: SearchOptions,
  ) {}

  async run(): Promise<Tuning> {
    const { given, samples, machine, options } = this;
    this.#tell('calibrating');
    const plain = await measure(given, samples(), this.#measuring());
    await this.#reference();
    const asIs = tunedOf(given, calibrationOf(plain).scales);
    const base = machine.compile(asIs);
    await this.#judge('as calibrated', base, asIs);
    const lost = await this.#predict(base);
    const ranking = mostLosing(this.#losses, lost, base);
    const important = new Set(ranking.map(([value]) => value));
    const channels = await this.#channels(important);
    const balanced = await this.#balance(plain, { ...asIs, candidate: base }, important, channels);
    const ranged = await this.#choose(balanced, important);
    if (machine.mixes) await this.#half(ranged, important);
    const [first] = this.#points;
    const within = this.#points.filter(({ time }) => time <= first!.time * (1 + options.addedTime));
    return {
      points: this.#points,
      chosen: within.at(-1)!,
      losses: ranking.map(([value, loss]) => ({
        value,
        share: loss / lost,
        snr: decibels(loss),
        reason: causeOf(value, base, plain.histograms.get(value)?.max, channels.get(value)),
      })),
      samples: plain.samples,
    };
  }

  async #reference(): Promise<void> {
    const { runtime, threads, judged } = this.options;
    const samples: Feeds[] = [];
    for await (const sample of this.samples()) if (samples.push(sample) === judged) break;
    const where = { runtime, ...(threads !== undefined && { threads }), samples };
    this.#all = { ...where, expected: await resultsOf(this.given, where) };
    this.#few = { ...where, samples: samples.slice(0, few), expected: this.#all.expected.slice(0, few) };
  }

  #measuring() {
    const { runtime, threads, signal, onDla } = this.options;
    return { runtime, onDla, ...(threads !== undefined && { threads }), ...(signal && { signal }) };
  }

  #tell(step: string): void {
    if (this.options.signal?.aborted) fail('cancelled', 'tuning was cancelled');
    this.options.onProgress?.(step);
  }

  /** Runs the network on the device; where it is better than the last point, it becomes the next. A remedy that is taken stays either way. */
  async #judge(remedy: string, candidate: C, remedies: TunedNetwork): Promise<void> {
    this.#tell(remedy);
    const session = await this.machine.open(candidate);
    try {
      const { samples, expected } = this.#all;
      const snr = decibels(relativeNoise(expected, await runAll(session, this.given, samples)));
      const last = this.#points.at(-1);
      this.#taken.push(remedy);
      if (last !== undefined && !(snr > last.snr)) return;
      this.#points.push({ ...remedies, remedy: this.#taken.join(', '), snr, time: candidate.time });
      this.#taken = [];
    } finally {
      await session.close();
    }
  }

  /** Undefined where the network cannot be compiled so. */
  #compile(remedies: TunedNetwork): C | undefined {
    try {
      return this.machine.compile(remedies);
    } catch (error) {
      if (error instanceof DlakitError) return undefined;
      throw error;
    }
  }

  /** The loss that the roundings of a network add up to. */
  #predict(candidate: C, half: ReadonlySet<string> = new Set()): Promise<number> {
    return sumOfLosses(candidate, this.#few, this.#losses, half, (value) => this.#tell(`what ${value} loses`));
  }

  #channels(important: ReadonlySet<string>): Promise<ChannelRanges> {
    const { given } = this;
    const names = new Set(channelRegions(given).flatMap(({ values }) => values));
    for (const value of important) if (given.values.get(value)?.shape?.length === 4) names.add(value);
    const made = [...producers(given).keys()].filter((value) => names.has(value));
    this.#tell('measuring channels');
    return measureChannels(given, made, this.samples(), this.#measuring());
  }

  /** The network with those regions balanced whose losses that makes smaller. */
  async #balance(
    plain: Measurement,
    base: Compiled<C>,
    important: ReadonlySet<string>,
    channels: ChannelRanges,
  ): Promise<State<C>> {
    const { given } = this;
    const unchanged = { ...base, histograms: plain.histograms };
    const regions = channelRegions(given)
      .filter(({ values }) => values.some((value) => important.has(value)))
      .map((region) => ({ region, factors: channelFactors(given, region, stored(region, base.candidate, channels)) }))
      .filter(({ factors }) => Math.max(...factors) > leastSpread * Math.min(...factors));
    if (regions.length === 0) return unchanged;
    const all = balanceChannels(given, regions);
    this.#tell('calibrating with balanced channels');
    const measured = await measure(all, this.samples(), this.#measuring());
    const candidate = this.#compile(tunedOf(all, calibrationOf(measured).scales));
    if (candidate === undefined) return unchanged;
    const kept: typeof regions = [];
    const better = new Map<string, number>();
    for (const balanced of regions) {
      const after = await this.#lossesOf(balanced.region, candidate);
      const names = [...balanced.region.values.filter((value) => base.candidate.rounded.has(value)), ...after.keys()];
      const before = sum([...new Set(names)].map((name) => this.#losses.get(name) ?? 0));
      if (sum(after.values()) >= leastBetter * before) continue;
      kept.push(balanced);
      for (const [name, loss] of after) better.set(name, loss);
    }
    if (kept.length === 0) return unchanged;
    const changed = new Set(kept.flatMap(({ region }) => region.values));
    const histograms = new Map(
      [...plain.histograms].map(([value, own]) => [value, changed.has(value) ? measured.histograms.get(value)! : own]),
    );
    const { scales } = calibrationOf({ samples: plain.samples, histograms });
    const remedies = tunedOf(balanceChannels(given, kept), scales);
    const result = this.#compile(remedies);
    if (result === undefined) return unchanged;
    for (const [name, loss] of better) this.#losses.set(name, loss);
    const count = kept.length === 1 ? 'one tensor' : `${kept.length} tensors`;
    await this.#judge(`channels of ${count} balanced`, result, remedies);
    return { ...remedies, candidate: result, histograms };
  }

  /** What the values of a region lose and the weights that take in its factors, by name. */
  async #lossesOf({ values, readers }: ChannelRegion, { graph, scales, rounded }: C) {
    const losses = new Map<string, number>();
    for (const value of values) {
      const scale = rounded.has(value) ? scales.get(value) : undefined;
      if (scale === undefined) continue;
      this.#tell(`${value} with balanced channels`);
      losses.set(value, (await tensorLosses(graph, value, [scale], this.#few))[0]!);
    }
    for (const node of graph.nodes.filter(({ name }) => readers.includes(name))) {
      const loss = await weightsLoss(graph, node, this.#few);
      if (loss !== undefined) losses.set(node.name, loss);
    }
    return losses;
  }

  /** The range of each important tensor, or of the group whose range it shares, with the smallest loss. */
  async #choose(state: State<C>, important: ReadonlySet<string>): Promise<State<C>> {
    const { candidate, histograms, network } = state;
    const order = scaledValues(network.graph).filter((value) => histograms.has(value));
    const groups = equalRangeGroups(network.graph, order).map(({ values }) => values.map(({ value }) => value));
    const grouped = new Set(groups.flat());
    const scales = new Map(state.scales);
    let changes = 0;
    for (const group of [...groups, ...order.filter((value) => !grouped.has(value)).map((value) => [value])]) {
      const matter = group.filter((value) => important.has(value) && candidate.rounded.has(value));
      if (matter.length === 0) continue;
      this.#tell(`ranges of ${matter[0]}`);
      const tried = ranges.map((range) => {
        const own = new Map(group.map((value) => [value, scaleOfRange(range(histograms.get(value)!))]));
        return { own, common: [...own.values()].reduce((most, scale) => Math.max(most, scale), 0) };
      });
      const different = tried.filter(({ common }, at) => tried.findIndex((other) => other.common === common) === at);
      const commons = different.map(({ common }) => common);
      const losses = new Map<string, readonly number[]>();
      for (const value of matter) losses.set(value, await tensorLosses(candidate.graph, value, commons, this.#few));
      const sums = commons.map((_, at) => sum([...losses.values()].map((found) => found[at]!)));
      const best = sums.reduce((least, loss, at) => (loss < leastBetter * sums[least]! ? at : least), 0);
      if (best === 0) continue;
      changes++;
      for (const [value, scale] of different[best]!.own) scales.set(value, scale);
      for (const [value, found] of losses) this.#losses.set(value, found[best]!);
    }
    const remedies = { network, scales };
    const result = changes === 0 ? undefined : this.#compile(remedies);
    if (result === undefined) return state;
    const what = changes === 1 ? 'another range for one tensor' : `another range for ${changes} tensors`;
    await this.#judge(what, result, remedies);
    return { ...remedies, candidate: result, histograms };
  }

  /** One block after the other in FP16. */
  async #half({ network, scales, candidate }: State<C>, important: ReadonlySet<string>): Promise<void> {
    const named = ({ values, nodes }: HalfBlock) => [...values, ...nodes];
    const waiting = halfBlocks(network.graph, candidate.onDla)
      // A list of layer precisions has commas between its names.
      .filter((block) => named(block).some((name) => important.has(name)) && !block.nodes.join('').includes(','))
      .map((block) => ({ block, lost: sum(named(block).map((name) => this.#losses.get(name) ?? 0)) }))
      .toSorted((a, b) => b.lost - a.lost)
      .slice(0, mostBlocks)
      .map(({ block }) => ({ block, worth: Number.POSITIVE_INFINITY }));
    const longest = candidate.time * longestTime;
    let current = { half: [] as readonly string[], candidate, loss: await this.#predict(candidate) };
    for (;;) {
      const looked: { readonly entry: (typeof waiting)[number]; readonly next: typeof current }[] = [];
      waiting.sort((a, b) => b.worth - a.worth);
      // What a block is worth shrinks as others are taken: an old figure is the most that it can be.
      for (const entry of [...waiting]) {
        const best = looked.reduce((most, { entry: { worth } }) => Math.max(most, worth), 0);
        if (best > 0 && best >= entry.worth) break;
        this.#tell(`${entry.block.nodes.at(-1)} in FP16`);
        const half = [...current.half, ...entry.block.nodes];
        const found = this.#compile(withHalf({ network, scales }, half));
        if (found === undefined || found.time > longest) {
          waiting.splice(waiting.indexOf(entry), 1);
          continue;
        }
        const loss = await this.#predict(found, new Set(half));
        const added = Math.max(found.time - current.candidate.time, leastTime * candidate.time);
        entry.worth = Math.max(0, current.loss - loss) / added;
        if (loss < current.loss * (1 - leastGain)) looked.push({ entry, next: { half, candidate: found, loss } });
      }
      const best = looked.toSorted((a, b) => b.entry.worth - a.entry.worth)[0];
      if (best === undefined) return;
      waiting.splice(waiting.indexOf(best.entry), 1);
      current = best.next;
      const { nodes } = best.entry.block;
      const what = nodes.length === 1 ? nodes[0] : `${nodes[0]} to ${nodes.at(-1)}`;
      await this.#judge(`${what} in FP16`, current.candidate, withHalf({ network, scales }, current.half));
    }
  }
}

interface Compiled<C> extends TunedNetwork {
  readonly candidate: C;
}

interface State<C> extends Compiled<C> {
  readonly histograms: Measurement['histograms'];
}

const tunedOf = (graph: Graph, scales: ReadonlyMap<string, number>): TunedNetwork => ({
  network: { original: graph, graph, applied: [] },
  scales,
});

const withHalf = (remedies: TunedNetwork, half: readonly string[]): TunedNetwork => ({
  ...remedies,
  layerPrecisions: new Map(half.map((node) => [node, 'fp16'])),
});

const sum = (numbers: Iterable<number>): number => [...numbers].reduce((total, number) => total + number, 0);

/** The ranges of those values of a region that lie in memory, or of all where none does. */
function stored({ values }: ChannelRegion, { rounded }: Candidate, channels: ChannelRanges): ChannelRanges {
  const own = values.filter((value) => rounded.has(value));
  return new Map([...channels].filter(([value]) => (own.length > 0 ? own : values).includes(value)));
}
