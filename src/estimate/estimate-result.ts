/** What the estimator says of a Plan on a module in a power mode. */

import type { Bytes, Cycles, GBps, MHz, Microseconds } from '../graph/units.ts';

export interface LayerEstimate {
  /** Index of the segment in the Plan, and of the layer in its Program. */
  readonly segment: number;
  readonly layer: number;
  readonly name: string;
  readonly origin: readonly string[];
  readonly kind: string;
  /** Multiply-accumulates of the network (not of the padded hardware geometry), whole batch. */
  readonly macs: number;
  readonly macCycles: Cycles;
  readonly compute: Microseconds;
  readonly memory: Microseconds;
  readonly overhead: Microseconds;
  /** (computeᵠ + memoryᵠ)^(1/q) + overhead. */
  readonly total: Microseconds;
  /** The largest of the three. */
  readonly bound: 'compute' | 'memory' | 'overhead';
  /** macs / (total × clock × MACs per cycle). */
  readonly utilisation: number;
  /** DRAM bytes of the whole batch; 0 for what stays in SRAM. Biases and scales are not counted. */
  readonly traffic: {
    readonly input: Bytes;
    readonly operand: Bytes;
    readonly weights: Bytes;
    readonly output: Bytes;
    /** Effective re-read of the input when weights come in blocks (perf-model section 2); a fitted term, not measured traffic. */
    readonly restream: Bytes;
  };
  /** Where the input and output live. */
  readonly inputMemory: 'managed_sram' | 'dram';
  readonly outputMemory: 'managed_sram' | 'dram';
}

export interface Estimate {
  readonly network: string;
  readonly target: string;
  readonly module: string;
  readonly powerMode: string;
  readonly dlaClock: MHz;
  readonly dramBandwidth: GBps;
  readonly cores: number;
  readonly batch: number;
  readonly layers: readonly LayerEstimate[];
  /** One task on one core, all DLA segments; host segments are not timed. */
  readonly latency: Microseconds;
  /** All cores busy: cores × batch / latency. */
  readonly imagesPerSecond: number;
  /** MACs / (latency × clock × MACs per cycle of one core). */
  readonly utilisation: number;
  readonly dramBytesPerImage: Bytes;
  /** Whether the module and the kind of network were held against published measurements. */
  readonly validated: boolean;
  readonly notes: readonly string[];
}
