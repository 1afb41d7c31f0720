/**
 * What was fitted to NVIDIA's published throughput of six networks on Jetson AGX Orin 64GB, and what was set beside it.
 * Source of all: docs/hardware/estimate-model.md, a fit to the README of NVIDIA/Deep-Learning-Accelerator-SW (40 cells).
 * The structure was found by looking at the same cells, so errors on them are optimistic; leaving one network out at a
 * time gives 2.4 % on average and 5.8 % at most with the structure fixed, 4.5 % and 14 % with the structure chosen anew
 * each time.
 */

import {
  type Bytes,
  bytes,
  type Cycles,
  cycles,
  type GBps,
  gigabytesPerSecond,
  type MHz,
  type Microseconds,
  megahertz,
  microseconds,
} from '../../base/units.ts';
import type { Fact } from '../../targets/target.ts';

const fit = 'fitted to 40 published cells (docs/hardware/estimate-model.md#parameters)';

export interface ModelParameters {
  /** Share of the MAC array's peak that a convolution reaches inside. */
  readonly macEfficiency: Fact<number>;
  /** Elements that the point-wise stage passes on in a cycle. */
  readonly pointsPerCycle: Fact<number>;
  /** Bandwidth of one core while both are busy, at the reference memory clock on a bus of the reference width. */
  readonly bandwidth: Fact<GBps>;
  /** Rate at which the input is read again for each block of weights. */
  readonly rereadBandwidth: Fact<GBps>;
  /** Weights that stay inside while the input passes once. */
  readonly weightBlock: Fact<Bytes>;
  readonly overheadCycles: Fact<Cycles>;
  readonly overheadTime: Fact<Microseconds>;
  /** What every further image of a batch adds to a layer's overhead, as a share of it. */
  readonly batchShare: Fact<number>;
  readonly taskOverhead: Fact<Microseconds>;
  /** How compute and memory time overlap: 1 not at all, ∞ completely. */
  readonly overlap: Fact<number>;
  /** Memory time goes with the memory clock to this power. */
  readonly memoryClockExponent: Fact<number>;
  readonly referenceMemoryClock: Fact<MHz>;
  /** Peak bandwidth of the module that was fitted, at the reference clock. */
  readonly referencePeak: Fact<GBps>;
}

export const orinParameters: ModelParameters = {
  macEfficiency: { value: 0.99, status: 'assumed', source: `${fit}: set; a free fit gives the same` },
  pointsPerCycle: { value: 128, status: 'assumed', source: `${fit}: set; the fit hardly depends on it` },
  bandwidth: { value: gigabytesPerSecond(102.4), status: 'fitted', source: `${fit}: at its bound, not identified` },
  rereadBandwidth: {
    value: gigabytesPerSecond(29.8),
    status: 'fitted',
    source: `${fit}; only its ratio to the weight block is identified`,
  },
  weightBlock: { value: bytes(128 * 1024), status: 'assumed', source: `${fit}: set` },
  overheadCycles: { value: cycles(8100), status: 'fitted', source: fit },
  overheadTime: { value: microseconds(6.8), status: 'fitted', source: fit },
  batchShare: { value: 0.5, status: 'assumed', source: `${fit}: set; 0 to 1 fit alike` },
  taskOverhead: { value: microseconds(20), status: 'assumed', source: `${fit}: set` },
  overlap: { value: 1.95, status: 'fitted', source: fit },
  memoryClockExponent: { value: 1.345, status: 'fitted', source: `${fit}; only the 15W mode informs it` },
  referenceMemoryClock: {
    value: megahertz(3200),
    status: 'documented',
    source: 'LPDDR5 of AGX Orin 64GB (docs/hardware/orin.md#dram)',
  },
  referencePeak: { value: gigabytesPerSecond(204.8), status: 'derived', source: '256-bit LPDDR5 at 3200 MHz' },
};
