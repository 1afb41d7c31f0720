/**
 * What a tensor without a scale does. TensorRT runs every layer that touches one in FP16 (docs/hardware/dla-software.md#missing-scales):
 * such layers are islands in an INT8 network, many times slower, with a conversion at each border. There is one exception: a
 * convolution whose result goes to an Add and nowhere else. With DLA software from 3.13 on, a scale of exactly 1 on that result says
 * that it has none: the addition runs in the convolution's launch, and the result never exists in INT8. NVIDIA's translator of
 * Q/DQ networks writes that mark.
 */

import { UnionFind } from '../base/union-find.ts';
import { consumers, type Graph, type Node, producers } from '../graph/graph.ts';
import { type PropagatedScales, propagateScales } from '../support/propagate-scales.ts';
import { atLeast } from '../targets/releases.ts';
import type { Release } from '../targets/target.ts';
import { linearActivations, neededScales } from './scaled-values.ts';

/** What would give a tensor a scale. `fuse`: the mark of a convolution before an Add. */
export type Remedy = 'calibrate' | 'propagate' | 'fuse';

export interface MissingScale {
  readonly value: string;
  /** The nodes that run in FP16 because of it. */
  readonly nodes: readonly string[];
  readonly remedy: Remedy;
}

export interface ScaleCoverage {
  /** How many tensors need a scale. */
  readonly needed: number;
  readonly missing: readonly MissingScale[];
  /** Nodes that run in FP16, each with the tensor that has no scale. */
  readonly half: ReadonlyMap<string, string>;
  /** The same nodes, those together that hand on to one another. */
  readonly islands: readonly (readonly string[])[];
  /** Results of convolutions that say by a mark that they have no scale. */
  readonly fused: readonly string[];
  readonly propagated: PropagatedScales;
}

/** The coverage of a network of which no tensor lacks a scale. */
export const fullCoverage = (needed: number): ScaleCoverage => ({
  needed,
  missing: [],
  half: new Map(),
  islands: [],
  fused: [],
  propagated: new Map(),
});

const convolving = new Set(['Conv', 'ConvTranspose']);

/** Whether a value is what a convolution hands to one Add of two tensors, and to nothing else. */
function joinsAdd(
  value: string,
  graph: Graph,
  made: ReadonlyMap<string, Node>,
  read: ReadonlyMap<string, readonly Node[]>,
) {
  const [reader, ...others] = read.get(value) ?? [];
  if (!reader || others.length > 0 || graph.outputs.includes(value)) return false;
  if (reader.op !== 'Add' || reader.domain !== '' || !convolving.has(made.get(value)?.op ?? '')) return false;
  return (
    reader.inputs.filter((input) => input === value).length === 1 &&
    !reader.inputs.some((input) => graph.constants.has(input))
  );
}

/** The values that could be handed to an Add within one launch, of which one alone of each Add is. */
function fusableIntoAdd(graph: Graph): ReadonlySet<string> {
  const [made, read] = [producers(graph), consumers(graph)];
  return new Set([...made.keys()].filter((value) => joinsAdd(value, graph, made, read)));
}

/** The mark "no scale; fuse". */
export const fuseMark = 1;

/** Whether the DLA of a release adds what has no scale within the launch of the convolution that makes it. */
export const fusesUnscaled = ({ dla }: Release): boolean => atLeast(dla, [3, 13, 0]);

/**
 * The scales, with marks for results of convolutions that are added to a tensor of another scale, or that have none: within the
 * launch neither matters, and the other tensor keeps the scale that it has.
 */
export function markFusable(graph: Graph, scales: ReadonlyMap<string, number>): ReadonlyMap<string, number> {
  const fusable = fusableIntoAdd(graph);
  const marked = new Map(scales);
  const position = new Map(
    graph.nodes.flatMap(({ outputs }, index) => outputs.map((value) => [value, index] as const)),
  );
  for (const { op, domain, inputs } of graph.nodes) {
    const [a = '', b = ''] = inputs;
    if (op !== 'Add' || domain !== '' || inputs.length !== 2 || scales.get(a) === scales.get(b)) continue;
    // Of two results, the later one stays in its launch, unless it alone has a scale.
    const unscaled = inputs.filter((value) => fusable.has(value) && !scales.has(value));
    const later = inputs
      .filter((value) => fusable.has(value))
      .sort((one, other) => position.get(other)! - position.get(one)!);
    const [value] = unscaled.length > 0 ? unscaled : later;
    if (value !== undefined && scales.has(value === a ? b : a)) marked.set(value, fuseMark);
  }
  return marked;
}

/** The scales without marks, and the values that had one. */
export function withoutMarks(
  graph: Graph,
  scales: ReadonlyMap<string, number>,
): { readonly scales: ReadonlyMap<string, number>; readonly fused: readonly string[] } {
  const fusable = fusableIntoAdd(graph);
  const fused = [...scales].flatMap(([value, scale]) => (scale === fuseMark && fusable.has(value) ? [value] : []));
  if (fused.length === 0) return { scales, fused };
  const marked = new Set(fused);
  return { scales: new Map([...scales].filter(([value]) => !marked.has(value))), fused };
}

/**
 * @param scales without marks
 * @param onDla the values that the DLA touches
 * @param own the values that can lack a scale; others get what they need on the way
 */
export function scaleCoverage(
  graph: Graph,
  scales: ReadonlyMap<string, number>,
  fused: readonly string[],
  onDla: ReadonlySet<string> | undefined,
  own: ReadonlySet<string> | undefined,
): ScaleCoverage {
  const marked = new Set(fused);
  const needed = neededScales(graph).filter((value) => (onDla?.has(value) ?? true) && !marked.has(value));
  const missing = needed.filter((value) => !scales.has(value) && (own?.has(value) ?? true));
  if (missing.length === 0) return { ...fullCoverage(needed.length), fused };
  const [made, read] = [producers(graph), consumers(graph)];
  const half = new Map<string, string>();
  for (const value of missing) {
    for (const node of touching(value, graph, made, read, onDla)) if (!half.has(node.name)) half.set(node.name, value);
  }
  const reachable = propagateScales(graph, scales);
  const fusable = fusableIntoAdd(graph);
  return {
    needed: needed.length,
    missing: missing.map((value) => ({
      value,
      nodes: touching(value, graph, made, read, onDla).map(({ name }) => name),
      remedy:
        fusable.has(value) && otherIsScaled(value, read, scales)
          ? 'fuse'
          : reachable.has(value)
            ? 'propagate'
            : 'calibrate',
    })),
    half,
    islands: islandsOf(graph, half, made),
    fused,
    propagated: new Map(),
  };
}

/** Whether the other operand of the Add has a scale: of two results, one alone can stay in the launch. */
function otherIsScaled(
  value: string,
  read: ReadonlyMap<string, readonly Node[]>,
  scales: ReadonlyMap<string, number>,
): boolean {
  const [reader] = read.get(value) ?? [];
  return reader?.inputs.every((input) => input === value || scales.has(input)) ?? false;
}

/** The nodes that make or read a value, and those that run in one launch with them. */
function touching(
  value: string,
  graph: Graph,
  made: ReadonlyMap<string, Node>,
  read: ReadonlyMap<string, readonly Node[]>,
  onDla: ReadonlySet<string> | undefined,
): readonly Node[] {
  const nodes = new Set<Node>();
  const add = (node: Node | undefined): void => {
    if (!node || nodes.has(node) || !node.outputs.some((output) => onDla?.has(output) ?? true)) return;
    nodes.add(node);
    // What a convolution hands to its activation never exists apart from it.
    const [output = ''] = node.outputs;
    const [reader, ...others] = read.get(output) ?? [];
    if (reader && others.length === 0 && linearActivations.has(reader.op) && !graph.outputs.includes(output))
      add(reader);
    const maker = linearActivations.has(node.op) ? made.get(node.inputs[0] ?? '') : undefined;
    if (maker && (read.get(maker.outputs[0]!)?.length ?? 0) === 1 && !linearActivations.has(maker.op)) add(maker);
  };
  add(made.get(value));
  for (const node of read.get(value) ?? []) add(node);
  return graph.nodes.filter((node) => nodes.has(node));
}

function islandsOf(
  graph: Graph,
  half: ReadonlyMap<string, string>,
  made: ReadonlyMap<string, Node>,
): readonly (readonly string[])[] {
  const nodes = graph.nodes.filter(({ name }) => half.has(name));
  const position = new Map(nodes.map((node, index) => [node, index]));
  const sets = new UnionFind(nodes.length);
  for (const [index, node] of nodes.entries()) {
    for (const value of node.inputs) {
      const before = position.get(made.get(value) as Node);
      if (before !== undefined) sets.join(before, index);
    }
  }
  const islands = new Map<number, string[]>();
  for (const [index, { name }] of nodes.entries()) {
    const root = sets.find(index);
    islands.set(root, [...(islands.get(root) ?? []), name]);
  }
  return [...islands.values()];
}
