/** Drivers for tests: of a device of their own, and submissions that run to their end there and then. */

import { Bus } from '../../../device/bus.ts';
import { referenceEngines } from '../../../device/engines/reference/engines.ts';
import type { ImmediateEngines } from '../../../device/state.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import { JobQueue } from '../../job-queue.ts';
import type { LaunchedOperation } from '../dla-task.ts';
import { KernelDriver } from '../kernel-driver.ts';
import type { StockNetwork } from '../user-driver.ts';

export function driverOf(
  target: NvdlaTarget,
  bus = new Bus({ maximum: 2 ** 26 }),
  engines: ImmediateEngines = referenceEngines(),
): KernelDriver {
  return new KernelDriver({ target, bus, engines, queue: new JobQueue() });
}

export function submitNow(network: StockNetwork, onLaunch?: (launched: LaunchedOperation) => void): void {
  for (const job of network.jobs()) {
    for (let launched = job.step(); launched !== undefined; launched = job.step()) onLaunch?.(launched);
  }
}
