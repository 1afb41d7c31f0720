/** An estimate: time, traffic and throughput of a Plan on a module in a power mode. */

import { type Bytes, type Cycles, type GBps, type MHz, type Microseconds, microseconds } from '../base/units.ts';
import type { EngineName, ReadClient } from '../program/layers/kind.ts';
import type { AsBuiltPart, Bindings } from './orin/as-built.ts';
import type { OrinEngine } from './orin/engines.ts';
import type { Evidence } from './orin/evidence.ts';

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
  /** Launches that the board needs besides, since it runs operators of the layer in FP16; they are in the times above. */
  readonly promoted?: readonly { readonly what: string; readonly total: Microseconds }[];
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
    /**
     * Reading the input again as weights come in blocks: fitted, not measured
     * (docs/hardware/estimate-model.md#structure).
     */
    readonly restream: Bytes;
  };
  /** Where the input and output live. */
  readonly inputMemory: 'managed_sram' | 'dram';
  readonly outputMemory: 'managed_sram' | 'dram';
  /** Where and when it runs, on orin and xavier. */
  readonly placed?: PlacedLayer;
  /** Where the cycles go, on an open NVDLA. */
  readonly stripe?: StripeLayer;
}

/** A launch in the schedule, from the beginning of the network on one core. */
export interface PlacedLayer {
  readonly engine: OrinEngine;
  /** Which of the engine's lanes: 0, 1 or both for the convolution pipes. */
  readonly lanes: readonly number[];
  readonly start: Microseconds;
  /** Later than start + total where it shares the machine with others. */
  readonly end: Microseconds;
}

/** What a TensorRT engine spends around the DLA's tasks (orin/as-built.ts). */
export interface AsBuilt {
  readonly bindings: Bindings;
  readonly parts: readonly PlacedPart[];
  /** Of all parts; it is in the latency. */
  readonly time: Microseconds;
}

/** A part, and when, from the beginning of the network on one core. */
export interface PlacedPart extends AsBuiltPart {
  readonly start: Microseconds;
  readonly end: Microseconds;
}

/** Totals of the schedule of all tasks, for one batch. */
export interface ScheduleTotals {
  /** All launches one after the other, and the tasks' own time: never less than the latency. */
  readonly sequential: Microseconds;
  /** The longest chain of launches that wait for one another: never more than the latency. */
  readonly longestChain: Microseconds;
}

/** Cycles of the core. */
export interface StripeLayer {
  /** The engines of the launch, and how long each works at its own rate. */
  readonly engines: readonly { readonly engine: EngineName; readonly busy: Cycles }[];
  /** Bytes that each client of the memory interface reads, and how long that takes at the client's rate. */
  readonly reads: readonly { readonly client: ReadClient; readonly size: Bytes; readonly busy: Cycles }[];
  readonly written: Bytes;
  readonly launch: Cycles;
  readonly fill: Cycles;
  readonly drain: Cycles;
  /** When the launch is enabled and when it is complete, in the schedule. */
  readonly start: Cycles;
  readonly end: Cycles;
  /** What bounds it: an engine, a read client, the memory that all share, or the time around the work. */
  readonly limit: EngineName | ReadClient | 'memory' | 'overhead';
  /** Why it takes longer than its multiplications would. */
  readonly reasons: readonly string[];
}

/** Totals of one image, in cycles of the core. */
export interface StripeTotals {
  readonly latencyCycles: Cycles;
  readonly outstanding: number;
  readonly launchCycles: Cycles;
  /** The time that is claimed: launches overlap where their engines and dependencies allow it. */
  readonly scheduled: Cycles;
  /** Launches one after the other: never less. */
  readonly sequential: Cycles;
  /** NVIDIA's spreadsheet of the same convolutions, without Winograd. */
  readonly sheet: Cycles;
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
  /**
   * One batch on the first core: the end of the schedules of all DLA segments and of what lies around them. Nodes on the GPU count as launches
   * there; nodes that are not emulated are not timed.
   */
  readonly latency: Microseconds;
  /**
   * The steady state with all cores busy. A core runs one task after the other, so a second batch in flight gains nothing
   * (docs/hardware/orin.md#engines): batch / latency of every core, at its own clock where the second has another. The cores share one
   * GPU, which may get through less.
   */
  readonly imagesPerSecond: number;
  /** MACs / (latency × clock × MACs per cycle of one core). */
  readonly utilisation: number;
  readonly dramBytesPerImage: Bytes;
  readonly evidence: Evidence;
  /** Present for orin and xavier. */
  readonly asBuilt?: AsBuilt;
  /** Present for orin and xavier. */
  readonly schedule?: ScheduleTotals;
  /** Present for an open NVDLA. */
  readonly stripe?: StripeTotals;
  readonly notes: readonly string[];
}

/** The latency without what lies around the DLA's tasks. */
export const dlaTime = ({ latency, asBuilt }: Estimate): Microseconds => microseconds(latency - (asBuilt?.time ?? 0));
