/**
 * A support rule is data: which operators it is about, what each release allows, the sentence a user reads, and a test.
 * One list (rules/) feeds the checker, SARIF and the documentation.
 *
 * What a release changes is a number or a word, seldom the rule: a rule keeps its id and lists its limits, each with the
 * releases it holds for, where it is published, and how well that is known. Sentence, test and message are functions of
 * the limit, so that a release that moves one is one line. A release that no limit covers does not have the rule.
 *
 * A test sees one node and answers with what it found, or with nothing. It states the limit and the node's own value
 * in `values` (`limit`, `value`, and what else is needed to follow the arithmetic). Tests read nodes through the views of
 * graph/operators, which throw where a node breaks its operator's specification: such a model was refused when it was
 * read. What is not known (a dynamic shape) is another rule's business.
 */

import type { Precision } from '../base/data-type.ts';
import type { Graph, Node } from '../graph/graph.ts';
import { consumers, producers, staticShape } from '../graph/graph.ts';
import { type Window, windowOf } from '../graph/operators/window.ts';
import type { Tensor } from '../graph/tensor.ts';
import { atLeast } from '../targets/releases.ts';
import type { Release, Target } from '../targets/target.ts';
import type { Fix } from './verdict.ts';

export type Version = readonly [major: number, minor: number, patch: number];

/**
 * How a limit is known. `documented`: a guide, a page or a README states it. `header`: the headers of TensorRT do. `log`:
 * somebody's build log or issue shows it. `inferred`: from memory, or our reading where the documents are silent; marked
 * so wherever it is shown.
 */
export type Evidence = 'documented' | 'header' | 'log' | 'inferred';

/** A warning leaves the node on the DLA. */
export type Severity = 'refuse' | 'warn';

/** What releases of TensorRT allow: from `since` on, before `until`; every release where neither is given. */
export interface Limit<Value = unknown> {
  readonly value: Value;
  readonly since?: Version;
  readonly until?: Version;
  readonly source: string;
  readonly evidence: Evidence;
  /** Where these releases treat a node beyond the limit otherwise than the rule says. */
  readonly severity?: Severity;
}

export interface Finding {
  /** The node's own numbers in a clause, without the node's name: `kernel 33×3, allowed 1…32`. */
  readonly message: string;
  readonly values: { readonly limit: number | string; readonly value: number | string } & Readonly<
    Record<string, number | string>
  >;
  readonly fix?: Fix;
}

export interface Rule<Value = unknown> {
  /** `layer/what`; stable. */
  readonly id: string;
  /** ONNX operators; absent: every operator. */
  readonly operators?: readonly string[];
  readonly severity: Severity;
  /** Absent: Orin and Xavier. */
  readonly generations?: readonly Target['generation'][];
  readonly precisions?: readonly Precision[];
  /** Oldest first; no two hold for one release. */
  readonly limits: readonly Limit<Value>[];
  /** The sentence that users read. */
  readonly doc: string | ((limit: Value) => string);
  readonly test: (node: Node, context: RuleContext, limit: Value) => Finding | undefined;
}

/** A rule as a member of a list: what its limits are, it alone knows. */
export const rule = <const Value>(it: Rule<Value>): Rule => it as Rule;

/** The limits of a rule that no release has changed. */
export const always = <const Value>(
  value: Value,
  source: string,
  evidence: Evidence = 'documented',
): readonly Limit<Value>[] => [{ value, source, evidence }];

/** A closed range. */
export type Range = readonly [low: number, high: number];

/** `1…32` */
export const span = ([low, high]: Range): string => `${low}…${high}`;

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
  /** The window of a convolution or pooling (graph/operators/window.ts), read once for all rules. @throws onnx/graph */
  window(node: Node): Window | undefined;
}

export interface CheckOptions {
  readonly target: Target;
  readonly release: Release;
  readonly precision: Precision;
  /** Nodes by name that run in another precision than the network. */
  readonly precisions?: ReadonlyMap<string, Precision>;
}

export function ruleContext(graph: Graph, options: CheckOptions): RuleContext {
  const producedBy = producers(graph);
  const readBy = consumers(graph);
  const windows = new Map<Node, Window | undefined>();
  const context: RuleContext = {
    graph,
    ...options,
    opset: graph.opsets[''] ?? 0,
    shape: (value) => (value ? staticShape(graph, value) : undefined),
    constant: (value) => (value ? graph.constants.get(value) : undefined),
    producer: (value) => (value ? producedBy.get(value) : undefined),
    consumers: (value) => (value ? (readBy.get(value) ?? []) : []),
    window(node) {
      if (!windows.has(node)) windows.set(node, windowOf(node, context));
      return windows.get(node);
    },
  };
  return context;
}

/** The limit of a list that a release has. */
export const limitIn = <Value>(limits: readonly Limit<Value>[], { tensorrt }: Release): Limit<Value> | undefined =>
  limits.find(
    ({ since, until }) =>
      (since === undefined || atLeast(tensorrt, since)) && (until === undefined || !atLeast(tensorrt, until)),
  );

/** The limit that a rule sets for an operator on this hardware, software and precision; undefined where it sets none. */
export function limitFor(
  { operators, generations = ['orin', 'xavier'], precisions, limits }: Rule,
  op: string,
  { target, release, precision }: CheckOptions,
): Limit | undefined {
  const concerned =
    (operators?.includes(op) ?? true) &&
    generations.includes(target.generation) &&
    (precisions?.includes(precision) ?? true);
  return concerned ? limitIn(limits, release) : undefined;
}

/** The test of layers over images: the first input has so many dimensions besides batch and channels, where its rank is known. */
export const spatialDimensions = (node: Node, context: RuleContext, limit: number): Finding | undefined => {
  const rank = context.graph.values.get(node.inputs[0] ?? '')?.shape?.length;
  if (rank === undefined || rank - 2 === limit) return undefined;
  return {
    message: `${rank - 2} spatial dimension${rank === 3 ? '' : 's'}, allowed ${limit}`,
    values: { limit, value: rank - 2 },
  };
};

/** The test that an input is known when the network is compiled. */
export const constantInput =
  (index: number, what: string) =>
  (node: Node, context: RuleContext): Finding | undefined => {
    const value = node.inputs[index];
    if (!value || context.constant(value)) return undefined;
    return {
      message: `${what} ${value} is computed at run time`,
      values: { limit: 'constant', value: 'run-time', input: value },
    };
  };

/** The rule's sentence as users see it. */
export function sentence({ doc }: Pick<Rule, 'doc'>, { value, evidence }: Limit): string {
  const text = typeof doc === 'string' ? doc : doc(value);
  return evidence === 'inferred' ? `${text} [inferred]` : text;
}

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

/** `3, 5 or 7` */
export const either = (choices: readonly (number | string)[]): string =>
  choices.length < 2 ? choices.join() : `${choices.slice(0, -1).join(', ')} or ${choices.at(-1)}`;

/** `3×5`, as kernels, strides and shapes are shown. */
export const times = (numbers: readonly number[]): string => numbers.join('×');

/** Names the first thing outside a closed range, for rules of the form "each of these lies in a…b". */
export function outside(
  what: string,
  numbers: readonly number[] | undefined,
  range: Range,
  fix?: Fix,
): Finding | undefined {
  const [low, high] = range;
  if (!numbers || numbers.every((value) => Number.isInteger(value) && value >= low && value <= high)) return undefined;
  const limit = span(range);
  const value = numbers.length === 1 ? numbers[0]! : times(numbers);
  return { message: `${what} ${value}, allowed ${limit}`, values: { limit, value }, ...(fix && { fix }) };
}
