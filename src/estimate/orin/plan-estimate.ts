/** The time of a Plan on orin or xavier: the cost of every launch, in a schedule of each task, one task after the other. */

import { bytes, type Microseconds, microseconds } from '../../base/units.ts';
import { withDependencies } from '../../program/dependencies.ts';
import type { Plan, Program } from '../../program/program.ts';
import type { JetsonTarget, PowerMode } from '../../targets/target.ts';
import type { EstimateOptions } from '../estimate.ts';
import type { Estimate, LayerEstimate, PlacedPart } from '../estimate-result.ts';
import { programWork } from '../layer-work.ts';
import { type AsBuiltPart, asBuilt } from './as-built.ts';
import { lanesOf } from './engines.ts';
import { evidenceOf } from './evidence.ts';
import { type Conditions, conditionsOf, estimateLayer, type LayerWork } from './layer-cost.ts';
import { estimateNotes } from './notes.ts';
import { dramTraffic } from './roofline.ts';
import { scheduleLaunches } from './schedule.ts';

type Options = EstimateOptions & { readonly target: JetsonTarget };

export function orinEstimate(plan: Plan, options: Options): Estimate {
  const { target, module, powerMode, cores, bindings = 'native' } = options;
  const { layers, parts, latency, sequential, longestChain } = runOnCore(plan, options, powerMode.dlaClock);
  const { fitted, notes } = estimateNotes(plan, options, { layers, parts });
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  const dram = layers.reduce((sum, layer) => sum + dramTraffic(layer), 0);
  const others = Array.from({ length: cores - 1 }, () =>
    powerMode.secondDlaClock ? runOnCore(plan, options, powerMode.secondDlaClock).latency : latency,
  );
  return {
    network: plan.network,
    target: target.name,
    module: module.id,
    powerMode: powerMode.name,
    dlaClock: powerMode.dlaClock.value,
    dramBandwidth: powerMode.dramBandwidth.value,
    cores,
    batch: plan.batch,
    layers,
    latency,
    imagesPerSecond: latency === 0 ? 0 : plan.batch * batchesPerSecond([latency, ...others], parts),
    utilisation: latency === 0 ? 0 : macs / (latency * conditionsOf(target, powerMode).peak),
    dramBytesPerImage: bytes(dram / plan.batch),
    evidence: evidenceOf({ plan, module, powerMode, layers, fitted, onlyDla: parts.length === 0 }),
    asBuilt: { bindings, parts, time: microseconds(parts.reduce((sum, { time }) => sum + time, 0)) },
    schedule: { sequential, longestChain },
    notes,
  };
}

/** The steady state: each core runs batches one after the other, and all of them share one GPU. */
function batchesPerSecond(latencies: readonly Microseconds[], parts: readonly PlacedPart[]): number {
  const ofCores = latencies.reduce((sum, latency) => sum + 1e6 / latency, 0);
  const onGpu = parts.reduce((sum, { kind, time }) => sum + (kind === 'hand-over' ? 0 : time), 0);
  return Math.min(ofCores, 1e6 / onGpu);
}

interface CoreRun {
  readonly layers: readonly LayerEstimate[];
  readonly parts: readonly PlacedPart[];
  readonly latency: Microseconds;
  readonly sequential: Microseconds;
  readonly longestChain: Microseconds;
}

/** One batch on one core at a clock: its tasks and what lies around them, one after the other. */
function runOnCore(
  plan: Plan,
  { target, powerMode, bindings = 'native' }: Options,
  dlaClock: PowerMode['dlaClock'],
): CoreRun {
  const conditions = conditionsOf(target, { ...powerMode, dlaClock });
  const layers: LayerEstimate[] = [];
  const around = asBuilt(plan, bindings, powerMode, conditions.parameters.asBuilt);
  const parts: PlacedPart[] = [];
  let [latency, sequential, longestChain] = [0, 0, 0];
  const spend = (part: AsBuiltPart) => {
    parts.push({ ...part, start: microseconds(latency), end: microseconds(latency + part.time) });
    latency += part.time;
    sequential += part.time;
    longestChain += part.time;
  };
  for (const [segment, part] of plan.segments.entries()) {
    const { before, after } = around[segment]!;
    before.forEach(spend);
    if (part.kind !== 'dla') continue;
    const task = taskEstimate(part.program, { segment, start: latency, target, conditions });
    layers.push(...task.layers);
    latency = task.end;
    sequential += task.sequential;
    longestChain += task.longestChain;
    after.forEach(spend);
  }
  const times = { latency: microseconds(latency), sequential: microseconds(sequential) };
  return { layers, parts, ...times, longestChain: microseconds(longestChain) };
}

interface TaskPlace {
  readonly segment: number;
  /** When the task is submitted. */
  readonly start: number;
  readonly target: JetsonTarget;
  readonly conditions: Conditions;
}

interface TaskEstimate {
  readonly layers: readonly LayerEstimate[];
  readonly end: number;
  readonly sequential: number;
  readonly longestChain: number;
}

/** One DLA task. Its own time comes first, since where it really falls is not known. */
function taskEstimate(program: Program, { segment, start, target, conditions }: TaskPlace): TaskEstimate {
  const { parameters, peak } = conditions;
  const { works, waits } = launchesOf(program, target);
  const costs = works.map((work) => estimateLayer(work, conditions));
  const places = scheduleLaunches(costs, waits, lanesOf(target));
  const begin = start + parameters.taskOverhead.value;
  const layers = program.layers.map((layer, index): LayerEstimate => {
    const { engine, lanes: _, ...cost } = costs[index]!;
    const { input, output } = works[index]!;
    const place = places[index]!;
    return {
      segment,
      layer: layer.id,
      name: layer.name,
      origin: layer.origin,
      kind: layer.kind,
      ...cost,
      utilisation: cost.macs / (cost.total * peak),
      inputMemory: input.resident ? 'managed_sram' : 'dram',
      outputMemory: output.resident ? 'managed_sram' : 'dram',
      placed: { engine, lanes: place.lanes, start: after(begin, place.start), end: after(begin, place.end) },
    };
  });
  const totals = costs.map(({ total }) => total);
  return {
    layers,
    end: Math.max(begin, ...layers.map(({ placed }) => placed!.end)),
    sequential: parameters.taskOverhead.value + totals.reduce((sum, total) => sum + total, 0),
    longestChain: parameters.taskOverhead.value + longest(totals, waits),
  };
}

interface Launches {
  readonly works: readonly LayerWork[];
  readonly waits: readonly (readonly number[])[];
}

/** A Program is priced in many power modes; what they have in common is found once. */
const known = new WeakMap<Program, Launches>();

function launchesOf(program: Program, target: JetsonTarget): Launches {
  const found = known.get(program) ?? {
    works: programWork(program).map((work) => placedWork(work, target)),
    waits: withDependencies(program).map(({ after: before }) => before),
  };
  known.set(program, found);
  return found;
}

/** Only Orin has its FP16 convolutions in Rubik. */
const placedWork = (work: LayerWork, { generation }: JetsonTarget): LayerWork =>
  work.halfPositions !== undefined && generation !== 'orin' ? { ...work, engine: 'cpipe' } : work;

const after = (begin: number, time: number): Microseconds => microseconds(begin + time);

/** The longest way through launches that wait for one another. */
function longest(totals: readonly number[], waits: readonly (readonly number[])[]): number {
  const ends: number[] = [];
  for (const [index, total] of totals.entries()) {
    ends.push(total + waits[index]!.reduce((latest, other) => Math.max(latest, ends[other]!), 0));
  }
  return Math.max(0, ...ends);
}
