/**
 * What was fitted to NVIDIA's published throughput of six networks on Jetson AGX Orin 64GB (40 cells) and to nine layers of one of
 * them, and what was set beside it. The structure was found by looking at the same figures, so errors on them are optimistic
 * (docs/hardware/estimate-model.md#trust). `npm run evidence -- estimates` fits the parameters anew.
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
import { type AsBuiltParameters, asBuiltParameters } from './as-built.ts';
import { type HalfParameters, halfParameters } from './half.ts';

const fit = 'fitted to 40 published cells and nine layers (docs/hardware/estimate-model.md#parameters)';

/** A number that was fitted, and where it goes when one network (of other fits: one row) at a time is left out. */
export interface Fitted<T> extends Fact<T> {
  readonly status: 'fitted';
  readonly range: readonly [low: number, high: number];
}

export interface ModelParameters {
  /** Share of the MAC array's peak that a convolution reaches inside. */
  readonly macEfficiency: Fact<number>;
  /** Elements that the point-wise stage passes on in a cycle. */
  readonly pointsPerCycle: Fact<number>;
  /**
   * Rates at which memory time counts, at the reference memory clock on a bus of the reference width: of the input and the
   * weights, of a second operand, of the output, and of the input when it is read again for each block of weights. They are
   * effective: what hides behind the work anyway is in them.
   */
  readonly readBandwidth: Fitted<GBps>;
  readonly operandBandwidth: Fitted<GBps>;
  readonly writeBandwidth: Fitted<GBps>;
  readonly rereadBandwidth: Fitted<GBps>;
  /** Weights that stay inside while the input passes once. */
  readonly weightBlock: Fact<Bytes>;
  readonly overheadCycles: Fitted<Cycles>;
  readonly overheadTime: Fitted<Microseconds>;
  /** What every further image of a batch adds to a layer's overhead, as a share of it. */
  readonly batchShare: Fact<number>;
  readonly taskOverhead: Fact<Microseconds>;
  /** How compute and memory time overlap: 1 not at all, ∞ completely. */
  readonly overlap: Fitted<number>;
  /** Memory time goes with the memory clock to this power. */
  readonly memoryClockExponent: Fitted<number>;
  readonly referenceMemoryClock: Fact<MHz>;
  /** Peak bandwidth of the module that was fitted, at the reference clock. */
  readonly referencePeak: Fact<GBps>;
  readonly half: HalfParameters;
  readonly asBuilt: AsBuiltParameters;
}

export const orinParameters: ModelParameters = {
  macEfficiency: { value: 0.99, status: 'assumed', source: `${fit}: set; a free fit gives the same` },
  pointsPerCycle: { value: 128, status: 'assumed', source: `${fit}: set; the fit hardly depends on it` },
  readBandwidth: { value: gigabytesPerSecond(130), status: 'fitted', range: [79, 228], source: fit },
  operandBandwidth: { value: gigabytesPerSecond(388), status: 'fitted', range: [368, 1000], source: fit },
  writeBandwidth: { value: gigabytesPerSecond(151), status: 'fitted', range: [146, 278], source: fit },
  rereadBandwidth: {
    value: gigabytesPerSecond(30.6),
    status: 'fitted',
    range: [26.7, 31.1],
    source: `${fit}; only its ratio to the weight block is identified`,
  },
  weightBlock: { value: bytes(128 * 1024), status: 'assumed', source: `${fit}: set` },
  overheadCycles: { value: cycles(8395), status: 'fitted', range: [7913, 9069], source: fit },
  overheadTime: { value: microseconds(7.36), status: 'fitted', range: [6.74, 8.02], source: fit },
  batchShare: { value: 0.5, status: 'assumed', source: `${fit}: set; 0 to 1 fit alike` },
  taskOverhead: { value: microseconds(20), status: 'assumed', source: `${fit}: set` },
  overlap: { value: 1.609, status: 'fitted', range: [1.49, 1.77], source: fit },
  memoryClockExponent: {
    value: 1.29,
    status: 'fitted',
    range: [1.17, 1.35],
    source: `${fit}; only the 15W mode informs it`,
  },
  referenceMemoryClock: {
    value: megahertz(3200),
    status: 'documented',
    source: 'LPDDR5 of AGX Orin 64GB (docs/hardware/orin.md#dram)',
  },
  referencePeak: { value: gigabytesPerSecond(204.8), status: 'derived', source: '256-bit LPDDR5 at 3200 MHz' },
  half: halfParameters,
  asBuilt: asBuiltParameters,
};
