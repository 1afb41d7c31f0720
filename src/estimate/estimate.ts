/**
 * The time, traffic and throughput of a Plan on a module in a power mode, from its Programs alone. For orin and xavier the model is a
 * model of one compiler (JetPack 5.1.1) on one module: notes and the class of evidence say how far the numbers at hand are from
 * it. An open NVDLA has a model of its own (nvdla/stripe-estimate.ts), from its RTL.
 */

import { fail } from '../base/errors.ts';
import type { Plan } from '../program/program.ts';
import { isNvdla, type Module, type PowerMode, type Target } from '../targets/target.ts';
import type { Estimate } from './estimate-result.ts';
import { nvdlaConditions, type SystemChanges } from './nvdla/conditions.ts';
import { stripeEstimate } from './nvdla/stripe-estimate.ts';
import type { Bindings } from './orin/as-built.ts';
import { orinEstimate } from './orin/plan-estimate.ts';

export interface EstimateOptions {
  readonly target: Target;
  readonly module: Module;
  readonly powerMode: PowerMode;
  /** Cores that each run the whole network on batches of their own. */
  readonly cores: number;
  /** Formats of the network's inputs and outputs on orin and xavier; the DLA's own when not given. */
  readonly bindings?: Bindings;
  /** How the system of an open NVDLA differs from the module's. */
  readonly system?: SystemChanges;
}

/** @throws estimate/system, estimate/bindings, estimate/cores, loadable/target when the plan is for another target */
export function estimate(plan: Plan, options: EstimateOptions): Estimate {
  const { target, module, powerMode, cores, system, bindings } = options;
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
    if (bindings !== undefined) {
      fail(
        'estimate/bindings',
        'TensorRT binds inputs and outputs of orin and xavier; an open NVDLA has its own formats',
        {},
        { actual: target.name },
      );
    }
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
  return orinEstimate(plan, { ...options, target });
}
