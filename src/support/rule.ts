/**
 * A support rule is data: which operators it is about, the sentence a user reads, where it is published, the
 * releases it holds for, and a test. One list (rules/) feeds the checker, SARIF and the documentation.
 *
 * A test sees one node and answers with what it found, or with nothing. It states the limit and the node's own value
 * in `values` (`limit`, `value`, and what else is needed to follow the arithmetic). Tests never throw: a model that
 * is malformed for its operator was refused when it was read, and what is not known (a dynamic shape) is another
 * rule's business.
 */

import type { Graph, Node } from '../graph/graph.ts';
import { consumers, producers, staticShape } from '../graph/graph.ts';
import type { Tensor } from '../graph/tensor.ts';
import { atLeast } from '../targets/releases.ts';
import type { Release, Target } from '../targets/target.ts';
import type { Fix } from './verdict.ts';

export type Version = readonly [major: number, minor: number, patch: number];

/**
 * How well a rule is known. `stated`: read in NVIDIA's own text. `second-hand`: read in a copy, digest or log.
 * `unverified`: from memory, or our reading where the documents are silent; marked so wherever it is shown.
 */
export type Confidence = 'stated' | 'second-hand' | 'unverified';

/** The rewrite passes that fixes name; rewrite/ has them all. */
export const fixPasses = [
  'arithmetic-to-scale',
  'crop-deconvolution',
  'fold-pad',
  'gemm-to-conv',
  'global-pool-to-pool',
  'merge-reshapes',
  'reconstruct-depth-to-space',
  'reconstruct-hard-sigmoid',
  'reconstruct-hard-swish',
  'reconstruct-neg',
  'remove-no-ops',
  'resize-scales',
  'simplify-clip',
  'sum-to-add',
] as const;

export interface KnownFix extends Fix {
  readonly rewrite?: (typeof fixPasses)[number];
}

export interface Finding {
  /** The node's own numbers in a clause, without the node's name: `kernel 33×3, allowed 1…32`. */
  readonly message: string;
  readonly values: { readonly limit: number | string; readonly value: number | string } & Readonly<
    Record<string, number | string>
  >;
  readonly fix?: KnownFix;
}

export interface Rule {
  /** `layer/what`; stable. */
  readonly id: string;
  /** ONNX operators; absent: every operator. */
  readonly operators?: readonly string[];
  readonly doc: string;
  readonly source: string;
  readonly confidence: Confidence;
  /** A warning leaves the node on the DLA. */
  readonly severity: 'refuse' | 'warn';
  /** The first TensorRT version it holds for, and the first it no longer holds for. */
  readonly since?: Version;
  readonly until?: Version;
  /** Absent: Orin and Xavier. */
  readonly generations?: readonly Target['generation'][];
  readonly precisions?: readonly Precision[];
  readonly test: (node: Node, context: RuleContext) => Finding | undefined;
}

export type Precision = 'int8' | 'fp16';

export interface RuleContext {
  readonly graph: Graph;
  readonly target: Target;
  readonly release: Release;
  readonly precision: Precision;
  /** The opset of ONNX's default domain. */
  readonly opset: number;
  /** The shape of a value when every dimension is known. */
  shape(value: string | undefined): readonly number[] | undefined;
  /** The tensor of a value that is known when the engine is built. */
  constant(value: string | undefined): Tensor | undefined;
  producer(value: string | undefined): Node | undefined;
  consumers(value: string | undefined): readonly Node[];
}

export interface CheckOptions {
  readonly target: Target;
  readonly release: Release;
  readonly precision: Precision;
}

export function ruleContext(graph: Graph, options: CheckOptions): RuleContext {
  const producedBy = producers(graph);
  const readBy = consumers(graph);
  return {
    graph,
    ...options,
    opset: graph.opsets[''] ?? 0,
    shape: (value) => (value ? staticShape(graph, value) : undefined),
    constant: (value) => (value ? graph.constants.get(value) : undefined),
    producer: (value) => (value ? producedBy.get(value) : undefined),
    consumers: (value) => (value ? (readBy.get(value) ?? []) : []),
  };
}

/** Whether a rule is about this operator on this hardware, software and precision. */
export function applies(rule: Rule, op: string, { target, release, precision }: CheckOptions): boolean {
  return (
    (rule.operators?.includes(op) ?? true) &&
    (rule.generations ?? ['orin', 'xavier']).includes(target.generation) &&
    (rule.precisions?.includes(precision) ?? true) &&
    (rule.since === undefined || atLeast(release.tensorrt, rule.since)) &&
    (rule.until === undefined || !atLeast(release.tensorrt, rule.until))
  );
}

/** The test of layers that exist for images only: the first input has four dimensions, where its rank is known. */
export const twoSpatialDimensions = (node: Node, context: RuleContext): Finding | undefined => {
  const rank = context.graph.values.get(node.inputs[0] ?? '')?.shape?.length;
  if (rank === undefined || rank === 4) return undefined;
  return {
    message: `${rank - 2} spatial dimension${rank === 3 ? '' : 's'}, allowed 2`,
    values: { limit: 2, value: rank - 2 },
  };
};

/** The test that an input is known when the network is compiled. */
export const constantInput =
  (index: number, what: string): Rule['test'] =>
  (node, context) => {
    const value = node.inputs[index];
    if (!value || context.constant(value)) return undefined;
    return {
      message: `${what} ${value} is computed at run time`,
      values: { limit: 'constant', value: 'run-time', input: value },
    };
  };

/** The rule's sentence as users see it. */
export const sentence = (rule: Rule): string =>
  rule.confidence === 'unverified' ? `${rule.doc} [unverified]` : rule.doc;

/** Where the rules are published, in full; every `source` is one or more of these. */
export const sources = {
  guide: 'TensorRT developer guide 8.2–8.5, "DLA supported layers and restrictions"',
  guide10: 'TensorRT documentation 10.x, "DLA layer restrictions"',
  header: 'TensorRT headers, include/NvInfer.h (DLA notes)',
  operatorPages: 'TensorRT operator pages, "DLA support"',
  matrix: 'NVIDIA/Deep-Learning-Accelerator-SW @ ea61780, operators/README.md',
  faq: 'NVIDIA/Deep-Learning-Accelerator-SW @ ea61780, FAQ',
  log: 'TensorRT build log',
  reading: 'our reading; no document at hand says it',
} as const;

/** `3×5`, as kernels, strides and shapes are shown. */
export const times = (numbers: readonly number[]): string => numbers.join('×');

/** Names the first thing outside a closed range, for rules of the form "each of these lies in a…b". */
export function outside(
  what: string,
  numbers: readonly number[],
  low: number,
  high: number,
  fix?: KnownFix,
): Finding | undefined {
  if (numbers.every((value) => Number.isInteger(value) && value >= low && value <= high)) return undefined;
  const limit = `${low}…${high}`;
  const value = numbers.length === 1 ? numbers[0]! : times(numbers);
  return { message: `${what} ${value}, allowed ${limit}`, values: { limit, value }, ...(fix && { fix }) };
}
