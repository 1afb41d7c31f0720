/**
 * A report: everything dlakit knows of one network on one target, as one readonly value. Terminal text, the HTML page
 * and JSON are views of it; schema/report.schema.json describes the JSON form.
 */

import type { PrecisionName } from '../base/data-type.ts';
import type { Estimate } from '../estimate/estimate-result.ts';
import type { Evaluation } from '../evaluate/evaluate.ts';
import type { Plan } from '../program/program.ts';
import type { MemoryName } from '../program/surface.ts';
import type { CheckResult } from '../support/verdict.ts';

export interface ReportNode {
  readonly name: string;
  readonly op: string;
  /** `build-time` nodes vanish before anything runs. */
  readonly placement: 'dla' | 'gpu' | 'host' | 'not emulated' | 'build-time';
  /** Shape of the first output, when known. */
  readonly shape?: readonly (number | string)[];
  /** Rule ids, or the compiler's reason. */
  readonly why?: string;
}

export interface ReportEdge {
  readonly from: string;
  readonly to: string;
}

export interface MemoryBlock {
  readonly surface: string;
  readonly memory: MemoryName;
  readonly offset: number;
  readonly size: number;
  /** Layer indices, inclusive. */
  readonly first: number;
  readonly last: number;
}

export interface SegmentSummary {
  readonly kind: 'dla' | 'host';
  readonly name: string;
  readonly nodes: number;
  /** Hardware layers; 0 for host segments. */
  readonly layers: number;
  readonly weightBytes: number;
  readonly sramBytes: number;
  readonly localDramBytes: number;
  readonly layerNames: readonly string[];
  readonly memory: readonly MemoryBlock[];
}

/** One thing to change in the network, with what it brings. */
export interface Change {
  readonly rule: string;
  readonly rewrite?: string;
  readonly advice: string;
  readonly nodes: readonly string[];
  readonly gain?: Gain;
}

/** The same network checked, compiled and estimated before and after a rewrite. */
export interface Gain {
  /** Nodes that the GPU runs (beside an open NVDLA: the host). */
  readonly gpuNodes: readonly [before: number, after: number];
  readonly loadables: readonly [before: number, after: number];
  /** Tensors that the DLA hands to the GPU, or the GPU to the DLA. */
  readonly crossings: readonly [before: number, after: number];
  /** Share of multiply-accumulates on the DLA. */
  readonly dlaMacs: readonly [before: number, after: number];
  /**
   * Estimated time of the DLA segments, in microseconds, in the module's fastest mode; 0 when there is none. What runs on
   * the GPU is not timed, so this rises with the work that the DLA takes over. Absent when either cannot be compiled.
   */
  readonly dlaTime?: readonly [before: number, after: number];
  /** Microseconds of the whole engine, with what lies around the DLA; absent as above. */
  readonly latency?: readonly [before: number, after: number];
}

export interface Report {
  readonly dlakit: string;
  readonly network: string;
  readonly target: string;
  readonly release: string;
  readonly precision: PrecisionName;
  /** The network as it was given. */
  readonly original: CheckResult;
  /** The network as the board gets it, after rewriting. */
  readonly prepared: CheckResult;
  readonly applied: readonly { readonly pass: string; readonly nodes: readonly string[] }[];
  readonly nodes: readonly ReportNode[];
  readonly edges: readonly ReportEdge[];
  readonly batch: number;
  readonly ranges: Plan['ranges'];
  readonly segments: readonly SegmentSummary[];
  /** One estimate for each power mode. */
  readonly estimates: readonly Estimate[];
  readonly evaluation?: Evaluation;
  readonly changes: readonly Change[];
  /** The gain of all rewrites together: the network as given against the prepared one. */
  readonly gain: Gain;
}
