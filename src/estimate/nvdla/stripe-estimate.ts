/**
 * The time of a Plan on an open NVDLA: cycles of every launch, in a schedule, in the clock of the system. A batch of N
 * is N runs of the Programs, one after the other.
 */

import { bytes, cycles, type Microseconds, microseconds } from '../../base/units.ts';
import { type ConvolutionPrecision, kernelGroupOf } from '../../program/nvdla/convolution-buffer.ts';
import { type Plan, type Program, submissionsOf } from '../../program/program.ts';
import type { Estimate, LayerEstimate } from '../estimate-result.ts';
import { imageMacs } from '../layer-work.ts';
import { dramTraffic } from '../orin/roofline.ts';
import type { NvdlaConditions } from './conditions.ts';
import { type LayerCycles, layerCycles } from './layer-cycles.ts';
import { limitOf, reasonsOf } from './reasons.ts';
import { type Interval, scheduleLayers } from './schedule.ts';
import { sheetOfProgram } from './sheet-plan.ts';

export interface StripeSubject {
  readonly plan: Plan;
  readonly module: string;
  readonly powerMode: string;
  readonly cores: number;
}

export function stripeEstimate(
  { plan, module, powerMode, cores }: StripeSubject,
  conditions: NvdlaConditions,
): Estimate {
  const { target, clock, bandwidth, latency: latencyCycles, outstanding, launch: launchCycles } = conditions;
  const layers: LayerEstimate[] = [];
  let [busy, scheduled, sequential, sheet] = [0, 0, 0, 0];
  for (const [segment, part] of plan.segments.entries()) {
    if (part.kind !== 'dla') continue;
    const { program } = part;
    const submissions = submissionsOf(plan, program);
    const costs = program.layers.map((layer) => layerCycles(layer, program.surfaces, conditions));
    const intervals = scheduleLayers(program.layers, costs);
    for (const [index, { start, end }] of intervals.entries()) {
      const when = { start: cycles(scheduled + start), end: cycles(scheduled + end) };
      layers.push(layerEstimate(program, index, { segment, submissions, cost: costs[index]!, when }, conditions));
    }
    const length = Math.max(0, ...intervals.map(({ end }) => end));
    busy += submissions * length;
    scheduled += length;
    sequential += costs.reduce((sum, { total }) => sum + total, 0);
    sheet += sheetOfProgram(plan.network, program, conditions).total;
  }
  const latency = microseconds(busy / clock);
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  const traffic = layers.reduce((sum, layer) => sum + dramTraffic(layer), 0);
  return {
    network: plan.network,
    target: target.name,
    module,
    powerMode,
    dlaClock: clock,
    dramBandwidth: bandwidth,
    cores,
    batch: plan.batch,
    layers,
    latency,
    imagesPerSecond: latency === 0 ? 0 : (cores * plan.batch * 1e6) / latency,
    utilisation: latency === 0 ? 0 : macs / (latency * peakOf(precisionOf(plan), conditions)),
    dramBytesPerImage: bytes(traffic / plan.batch),
    evidence: timed.has(target.name)
      ? {
          class: 'unseen network',
          error: '1 % to 52 % on the RTL and FPGA figures that others publish (docs/estimates.md)',
        }
      : { class: 'never seen', error: 'not known' },
    stripe: {
      latencyCycles,
      outstanding,
      launchCycles,
      scheduled: cycles(scheduled),
      sequential: cycles(sequential),
      sheet: cycles(sheet),
    },
    notes: stripeNotes(plan, conditions),
  };
}

/** Configurations that others timed (docs/estimates.md). */
const timed: ReadonlySet<string> = new Set(['nv_small', 'nv_full']);

/** Multiply-accumulates a microsecond. */
const peakOf = (precision: ConvolutionPrecision, { target, clock }: NvdlaConditions): number =>
  target.atomic.c * kernelGroupOf(target, precision) * clock;

function precisionOf({ segments }: Plan): ConvolutionPrecision {
  const layers = segments.flatMap((segment) => (segment.kind === 'dla' ? segment.program.layers : []));
  return layers.find((layer) => layer.kind === 'conv')?.conv.core?.precision ?? 'int8';
}

interface Placed {
  readonly segment: number;
  readonly submissions: number;
  readonly cost: LayerCycles;
  readonly when: Interval;
}

function layerEstimate(
  { layers, surfaces }: Program,
  index: number,
  { segment, submissions, cost, when }: Placed,
  conditions: NvdlaConditions,
): LayerEstimate {
  const layer = layers[index]!;
  const { engines, reads, written, launch, fill, drain, compute, slowestClient, shared } = cost;
  const time = (count: number): Microseconds => microseconds((submissions * count) / conditions.clock);
  const memory = Math.max(slowestClient, shared);
  const limit = limitOf(cost);
  const macs = submissions * imageMacs(layer, surfaces);
  const total = time(cost.total);
  const precision = layer.kind === 'conv' ? layer.conv.core!.precision : 'int8';
  const moved = (...clients: readonly string[]) =>
    bytes(submissions * reads.reduce((sum, { client, size }) => sum + (clients.includes(client) ? size : 0), 0));
  return {
    segment,
    layer: layer.id,
    name: layer.name,
    origin: layer.origin,
    kind: layer.kind,
    macs,
    macCycles: cycles(submissions * (engines.find(({ engine }) => engine === 'conv')?.busy ?? 0)),
    compute: time(compute),
    memory: time(memory),
    overhead: time(launch + fill + drain),
    total,
    bound: limit === 'overhead' ? 'overhead' : compute >= memory ? 'compute' : 'memory',
    utilisation: macs / (total * peakOf(precision, conditions)),
    traffic: {
      input: moved('features', 'sdp', 'pdp', 'cdp', 'rubik', 'bdma'),
      operand: moved('sdp x1', 'sdp x2', 'sdp y'),
      weights: moved('weights'),
      output: bytes(submissions * written),
      restream: bytes(0),
    },
    inputMemory: 'dram',
    outputMemory: 'dram',
    stripe: {
      engines,
      reads,
      written,
      launch,
      fill,
      drain,
      ...when,
      limit,
      reasons: reasonsOf(layer, cost, { surfaces, before: layers.slice(0, index) }, conditions),
    },
  };
}

/** The limits of the estimate, which are shown beside it. */
function stripeNotes({ segments }: Plan, { latency, outstanding, launch }: NvdlaConditions): readonly string[] {
  const host = segments.filter(({ kind }) => kind === 'host').length;
  const tasks = segments.length - host;
  return [
    `Cycles by the RTL's stripes and a memory of ${latency} cycles of latency, ${outstanding} bursts under way per client, ` +
      `${launch} cycles to launch; how far such figures are from RTL and FPGA is in docs/estimates.md.`,
    'Not modelled: refresh and bank conflicts of the memory, other traffic on it, on-chip memory behind the second interface.',
    ...(tasks > 1 ? [`${tasks} DLA tasks; the time between them is not counted.`] : []),
    ...(host > 0 ? [`${host} segment${host > 1 ? 's' : ''} outside the DLA: not timed.`] : []),
  ];
}
