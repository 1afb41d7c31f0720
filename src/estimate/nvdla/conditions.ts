/** The memory and the processor around an open NVDLA, as the numbers that the formulas use. */

import { fail } from '../../base/errors.ts';
import type { Cycles, GBps, MHz } from '../../base/units.ts';
import type { NvdlaFeatures, NvdlaSystem, NvdlaTarget, PowerMode } from '../../targets/target.ts';

/** Properties of the system that replace the module's. */
export interface SystemChanges {
  readonly clock?: MHz;
  readonly bandwidth?: GBps;
  readonly latency?: Cycles;
  /** Bursts that one read client can have under way. */
  readonly outstanding?: number;
  readonly launch?: Cycles;
}

export interface NvdlaConditions {
  readonly target: NvdlaTarget;
  readonly features: NvdlaFeatures;
  readonly clock: MHz;
  readonly bandwidth: GBps;
  readonly latency: Cycles;
  readonly outstanding: number;
  readonly launch: Cycles;
  /**
   * Bytes a cycle: of reading and writing together, of the interface in each direction, and of one read client. The
   * convolution core reads into the convolution buffer; the other clients' buffers were sized for a latency.
   */
  readonly rates: {
    readonly memory: number;
    readonly port: number;
    readonly convolution: number;
    readonly buffered: number;
  };
}

/** @throws estimate/system for what is not above 0 (latency and launch: below 0) */
export function nvdlaConditions(
  target: NvdlaTarget,
  { dlaClock, dramBandwidth }: PowerMode,
  system: NvdlaSystem,
  changes: SystemChanges = {},
): NvdlaConditions {
  const features = target.nvdla;
  const { width, burst, latency: builtFor } = features.primaryMemory;
  const {
    clock = dlaClock.value,
    bandwidth = dramBandwidth.value,
    latency = system.latency.value,
    outstanding = system.outstanding.value,
    launch = system.launch.value,
  } = changes;
  for (const [name, value, least] of [
    ['clock', clock, Number.MIN_VALUE],
    ['bandwidth', bandwidth, Number.MIN_VALUE],
    ['latency', latency, 0],
    ['outstanding', outstanding, 1],
    ['launch', launch, 0],
  ] as const) {
    if (!(value >= least && Number.isFinite(value))) {
      fail('estimate/system', `the ${name} is no number that a system has`, {}, { actual: String(value) });
    }
  }
  const rate = (underWay: number): number => Math.min(width, (underWay * width) / Math.max(1, latency));
  return {
    target,
    features,
    clock,
    bandwidth,
    latency,
    outstanding,
    launch,
    rates: {
      memory: (bandwidth * 1000) / clock,
      port: width,
      convolution: rate(outstanding * burst),
      buffered: rate(Math.min(outstanding * burst, builtFor)),
    },
  };
}
