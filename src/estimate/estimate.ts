/**
 * The time, traffic and throughput of a Plan on a module in a power mode, from its Programs alone. For orin and xavier the model is a
 * model of one compiler (JetPack 5.1.1) on one module: notes and the `validated` flag say how far the numbers at hand are from
 * it. An open NVDLA has a model of its own (nvdla/stripe-estimate.ts), from its RTL.
 */

import { fail } from '../base/errors.ts';
import { bytes, type Microseconds, microseconds } from '../base/units.ts';
import type { Plan, Program } from '../program/program.ts';
import { isNvdla, type Module, type PowerMode, type Target } from '../targets/target.ts';
import type { Estimate, LayerEstimate } from './estimate-result.ts';
import { programWork } from './layer-work.ts';
import { nvdlaConditions, type SystemChanges } from './nvdla/conditions.ts';
import { stripeEstimate } from './nvdla/stripe-estimate.ts';
import { type Conditions, conditionsOf, estimateLayer } from './orin/layer-cost.ts';
import { estimateNotes } from './orin/notes.ts';
import { orinParameters } from './orin/parameters.ts';
import { dramTraffic } from './orin/roofline.ts';

export interface EstimateOptions {
  readonly target: Target;
  readonly module: Module;
  readonly powerMode: PowerMode;
  /** Cores that each run the whole network on batches of their own. */
  readonly cores: number;
  /** How the system of an open NVDLA differs from the module's. */
  readonly system?: SystemChanges;
}

/** @throws estimate/system, estimate/cores, loadable/target when the plan is for another target */
export function estimate(plan: Plan, options: EstimateOptions): Estimate {
  const { target, module, powerMode, cores, system } = options;
  if (plan.target !== target.name) {
    fail('loadable/target', 'the plan was made for another target', {}, { expected: target.name, actual: plan.target });
  }
  if (!(Number.isInteger(cores) && cores >= 1 && cores <= module.dlaCores)) {
    fail(
      'estimate/cores',
      `${module.title} has another number of DLA cores`,
      {},
      { expected: `1 to ${module.dlaCores}`, actual: cores },
    );
  }
  if (isNvdla(target)) {
    const subject = { plan, module: module.id, powerMode: powerMode.name, cores };
    return stripeEstimate(subject, nvdlaConditions(target, powerMode, module.system!, system));
  }
  if (system) {
    fail(
      'estimate/system',
      'clock, memory and launch can be given for an open NVDLA; this target has power modes',
      {},
      { expected: 'nv_small, nv_full, …', actual: target.name },
    );
  }
  const conditions = conditionsOf(target, powerMode);
  const peak = target.atomic.c * target.atomic.k * target.atomic.pixels * powerMode.dlaClock.value;
  const layers: LayerEstimate[] = [];
  let tasks = 0;
  for (const [index, segment] of plan.segments.entries()) {
    if (segment.kind !== 'dla') continue;
    tasks++;
    layers.push(...programEstimate(segment.program, index, conditions, peak));
  }
  const latency = taskTime(layers, tasks);
  const { validated, notes } = estimateNotes(plan, options);
  const macs = layers.reduce((sum, layer) => sum + layer.macs, 0);
  const dram = layers.reduce((sum, layer) => sum + dramTraffic(layer), 0);
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
    imagesPerSecond: latency === 0 ? 0 : (cores * plan.batch * 1e6) / latency,
    utilisation: latency === 0 ? 0 : macs / (latency * peak),
    dramBytesPerImage: bytes(dram / plan.batch),
    validated,
    notes,
  };
}

/** One DLA task: its layers one after the other. `peak` is MACs per microsecond of one core. */
function programEstimate(
  program: Program,
  segment: number,
  conditions: Conditions,
  peak: number,
): readonly LayerEstimate[] {
  return programWork(program).map((work, index) => {
    const layer = program.layers[index]!;
    const cost = estimateLayer(work, conditions);
    return {
      segment,
      layer: layer.id,
      name: layer.name,
      origin: layer.origin,
      kind: layer.kind,
      ...cost,
      utilisation: cost.macs / (cost.total * peak),
      inputMemory: work.input.resident ? 'managed_sram' : 'dram',
      outputMemory: work.output.resident ? 'managed_sram' : 'dram',
    };
  });
}

function taskTime(layers: readonly LayerEstimate[], tasks: number): Microseconds {
  const work = layers.reduce((sum, { total }) => sum + total, 0);
  return microseconds(work + tasks * orinParameters.taskOverhead.value);
}
