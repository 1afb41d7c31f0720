/** What the checker says: a verdict per node, and the segments that follow from the verdicts. */

import type { PrecisionName } from '../base/data-type.ts';

/**
 * Where a node runs.
 * - `dla`: every rule accepts it.
 * - `gpu`: a rule refuses it, or there is no rule for its operator, and TensorRT hands it to the GPU.
 * - `host`: the same beside an open NVDLA, which has no GPU.
 * - `build-time`: it vanishes before anything runs (constants, shapes, Identity).
 */
export type Placement = 'dla' | 'gpu' | 'host' | 'build-time';

export interface Refusal {
  /** Id of the rule, `pooling/window`; `no-rule` when no rule knows the operator. */
  readonly rule: string;
  /** The rule in a sentence, with the limit. */
  readonly doc: string;
  /** Where the rule is published. */
  readonly source: string;
  /** One sentence with the node's own numbers. */
  readonly message: string;
  /** The same numbers, for tools: limit and own value among them. */
  readonly values: Readonly<Record<string, number | string>>;
  readonly fix?: Fix;
}

export interface Fix {
  /** The rewrite pass that does away with the refusal: it was tried on this network (rewrite/offers.ts). */
  readonly rewrite?: string;
  /** What to change, as an imperative sentence. */
  readonly advice: string;
}

export interface Verdict {
  readonly node: string;
  readonly op: string;
  readonly placement: Placement;
  /** Why not the DLA; every rule that refuses, in rule order. */
  readonly refusals: readonly Refusal[];
  /** Accepted, with something to know (a CBUF test at the limit, a dtype promoted to FP16). */
  readonly warnings: readonly string[];
}

export interface CheckedSegment {
  readonly kind: 'dla' | 'gpu' | 'host';
  /** `{ForeignNode[first...last]}` for DLA segments, `GPU[first...last]` or `host[first...last]` for the others. */
  readonly name: string;
  readonly nodes: readonly string[];
  /** Multiply-accumulates of its nodes. */
  readonly macs: number;
  /** What keeps it apart from the DLA segments before it: `batch 1 beside batch 2`, `behind Softmax_3`, `16 loadables`. */
  readonly why?: string;
}

/** The verdicts on a network and the segments that follow. */
export interface Judgement {
  readonly network: string;
  readonly target: string;
  readonly release: string;
  readonly precision: PrecisionName;
  /** What runs the nodes that the DLA does not: TensorRT's GPU, or the host of an open NVDLA. */
  readonly elsewhere: 'gpu' | 'host';
  readonly verdicts: readonly Verdict[];
  readonly segments: readonly CheckedSegment[];
  /** Multiply-accumulates of the whole network and of its DLA segments. */
  readonly macs: { readonly total: number; readonly dla: number };
}

export interface CheckResult extends Judgement {
  /** Problems of the whole: too many loadables, dynamic shapes, weights of a segment too large. */
  readonly notes: readonly string[];
  /** Loadables that take more than a memory pool has: TensorRT does not build them, nor does the compiler here. They are among the notes. */
  readonly beyondPools?: readonly string[];
}

/** A place as users read it. */
export const placeNames = { dla: 'DLA', gpu: 'GPU', host: 'host' } as const;

/** What to show of a node: its placement, or that it is on the DLA and our own compiler cannot lower it. */
export type VerdictState = Placement | 'not-emulated';

export const verdictState = (verdict: Verdict, notEmulated?: ReadonlySet<string>): VerdictState =>
  verdict.placement === 'dla' && notEmulated?.has(verdict.node) ? 'not-emulated' : verdict.placement;
