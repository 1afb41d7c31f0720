/**
 * The pass that decides, node by node, who runs it: an operation of a DLA segment, the host, or nobody (constants). A node that the
 * rules accept goes to the host all the same when the compiler cannot lower it, and the reason is kept.
 *
 * A node in INT8 that reads or writes a tensor without a scale runs in FP16 where the hardware has both, as under trtexec's --int8
 * --fp16 (docs/hardware/orin.md#int8-ranges), and on the host elsewhere.
 *
 * A node that moves no data (a Reshape of [N, C, 1, 1] to [N, C]) costs nothing on either side, whatever the rules say of it: it
 * joins the segment that makes its input, or the one that alone reads its output.
 */

import type { Precision } from '../base/data-type.ts';
import { fail } from '../base/errors.ts';
import { type Graph, type Node, readsOf as nodeReads } from '../graph/graph.ts';
import type { QuantizedGraph } from '../quantize/quantize.ts';
import { isFloat } from '../support/equal-ranges.ts';
import type { CheckResult } from '../support/verdict.ts';
import { type FuseContext, fuse } from './fuse.ts';
import { type Operation, readsOf, scaledValues, surfaceShape } from './operation.ts';
import { movesNothing, select } from './select/select.ts';

export interface Assignment {
  /** Fused, in graph order. */
  readonly operations: readonly Operation[];
  /** Index of the checker's segment that an operation belongs to. */
  readonly segmentOf: (operation: Operation) => number;
  readonly host: ReadonlyMap<Node, 'refused' | 'not emulated'>;
  /** Why nodes that the rules accept are not lowered. */
  readonly notEmulated: ReadonlyMap<string, string>;
  /** The given scales, and those that aliases pass on. */
  readonly scales: ReadonlyMap<string, number>;
  readonly precisionOf: (operation: Operation) => Precision;
}

/** The decisions in which targets differ: which nodes the hardware runs, and what one launch does. */
export interface LaunchPolicy extends Pick<FuseContext, 'fits' | 'poolFuses' | 'joinsAverages'> {
  readonly precision: Precision;
  /** Whether one network may have both precisions. */
  readonly mixes: boolean;
  /** The operation as this hardware has it. */
  readonly adapt: (operation: Operation) => Operation;
  /** Operators that the hardware has in FP16 alone, also in an INT8 network. */
  readonly halfOperators: ReadonlySet<string>;
  /** Why the hardware cannot do an operation that stands alone, as the end of "is not emulated: …". */
  readonly obstacle: (operation: Operation) => string | undefined;
}

export function assign(
  graph: Graph,
  checked: CheckResult,
  { scales: given, half = new Map() }: Pick<QuantizedGraph, 'scales' | 'half'>,
  policy: LaunchPolicy,
  asked: ReadonlyMap<string, Precision> = new Map(),
): Assignment {
  const live = liveNodes(graph);
  const segments = new Map<Node, number>();
  const byName = new Map<string, number>();
  for (const [index, segment] of checked.segments.entries()) {
    if (segment.kind === 'dla') for (const name of segment.nodes) byName.set(name, index);
  }
  for (const node of live) {
    const segment = byName.get(node.name);
    if (segment !== undefined) segments.set(node, segment);
  }
  const scales = new Map(given);
  const free = live.filter((node) => !segments.has(node) && movesNothing(node, graph));
  adopt(graph, live, free, segments);

  const reasons = new Map<Node, string>();
  const selected = new Map<Node, readonly Operation[]>();
  for (const node of live) {
    if (!segments.has(node)) continue;
    const unscaled = half.get(node.name);
    if (unscaled !== undefined && !policy.mixes) {
      reasons.set(node, `tensor ${unscaled} has no INT8 scale`);
      continue;
    }
    const found = select(node, graph);
    const selection = typeof found === 'string' ? found : found.map(policy.adapt);
    const obstacle =
      typeof selection === 'string' ? selection : selection.map(policy.obstacle).find((reason) => reason !== undefined);
    if (obstacle !== undefined) reasons.set(node, obstacle);
    else if (typeof selection !== 'string') selected.set(node, selection);
  }
  passOnScales([...selected.values()].flat(), scales);

  const segmentOf = (operation: Operation): number => segments.get(operation.nodes[0]!)!;
  const halves = new Set<Node>();
  for (const node of live) {
    if (!policy.mixes) break;
    const value = half.get(node.name);
    const promoted = selected.has(node) && policy.halfOperators.has(node.op);
    if (value === undefined && !promoted) continue;
    if (asked.get(node.name) === 'int8') {
      if (value !== undefined) unscaledInt8(node, value);
      fail('compile/precision', `${node.op} runs in FP16, also in an INT8 network`, { node: node.name });
    }
    halves.add(node);
  }
  const precisionOfNode = (node: Node): Precision =>
    halves.has(node) ? 'float16' : (asked.get(node.name) ?? policy.precision);
  for (;;) {
    const candidates = live.flatMap((node) => (reasons.has(node) ? [] : (selected.get(node) ?? [])));
    const operations = fuse(candidates, {
      partOf: (operation) => `${segmentOf(operation)} ${precisionOfNode(operation.nodes[0]!)}`,
      external: readElsewhere(graph, live, (node) => selected.has(node) && !reasons.has(node)),
      sameShape: (a, b) => `${surfaceShape(graph, a)}` === `${surfaceShape(graph, b)}`,
      hasScale: (value) => policy.precision !== 'int8' || scales.has(value),
      fits: policy.fits,
      poolFuses: policy.poolFuses,
      joinsAverages: policy.joinsAverages,
    });
    const before = reasons.size + halves.size;
    for (const operation of operations) {
      const other = scaledValues(operation).find((name) => !isFloat(graph, name));
      if (other !== undefined) {
        for (const node of operation.nodes) reasons.set(node, `tensor ${other} is not in floating point`);
        continue;
      }
      if (precisionOfNode(operation.nodes[0]!) !== 'int8') continue;
      const value = scaledValues(operation).find((name) => !scales.has(name));
      if (value === undefined) continue;
      const named = operation.nodes.find((node) => asked.get(node.name) === 'int8');
      if (named) unscaledInt8(named, value);
      for (const node of operation.nodes) {
        if (policy.mixes) halves.add(node);
        else reasons.set(node, `tensor ${value} has no INT8 scale`);
      }
    }
    if (reasons.size + halves.size === before) {
      const accepted = (node: Node) => byName.has(node.name);
      const host = new Map<Node, 'refused' | 'not emulated'>();
      for (const node of live) {
        if (segments.has(node) && !reasons.has(node)) continue;
        host.set(node, accepted(node) ? 'not emulated' : 'refused');
      }
      const notEmulated = new Map<string, string>();
      for (const [node, why] of reasons) if (accepted(node)) notEmulated.set(node.name, why);
      const precisionOf = followed(operations, (operation) => {
        const node = operation.nodes.find(({ name }) => asked.has(name)) ?? operation.nodes[0]!;
        return { precision: precisionOfNode(node), chosen: asked.has(node.name) || halves.has(node) };
      });
      return { operations, segmentOf, host, notEmulated, scales, precisionOf };
    }
  }
}

const unscaledInt8 = ({ name: node }: Node, value: string): never =>
  fail('calibrate/cache-missing', 'it was asked to run in INT8, and a tensor has no scale', { node, value });

/**
 * The precision of each operation. What moves or selects numbers, and that nobody chose a precision for, follows what feeds it: FP16 where
 * all of that is FP16, so that nothing is converted for it.
 */
function followed(
  operations: readonly Operation[],
  own: (operation: Operation) => { readonly precision: Precision; readonly chosen: boolean },
): (operation: Operation) => Precision {
  const precisions = new Map<Operation, Precision>();
  const makers = new Map(operations.map((operation) => [operation.output, operation]));
  for (const operation of operations) {
    const { precision, chosen } = own(operation);
    const makerPrecision = (value: string) => precisions.get(makers.get(value) ?? operation);
    const follows = !chosen && operation.kind !== 'conv' && operation.kind !== 'point';
    const halved = follows && readsOf(operation).every((value) => makerPrecision(value) === 'float16');
    precisions.set(operation, halved ? 'float16' : precision);
  }
  return (operation) => precisions.get(operation)!;
}

/** The nodes that something at run time depends on and that are not constant, in graph order. */
function liveNodes(graph: Graph): readonly Node[] {
  const needed = new Set(graph.outputs);
  return graph.nodes
    .toReversed()
    .filter((node) => {
      const live = node.outputs.some((value) => needed.has(value) && !graph.constants.has(value));
      if (live) for (const value of nodeReads(node)) needed.add(value);
      return live;
    })
    .reverse();
}

/** Gives nodes that move nothing to a neighbour's segment. */
function adopt(graph: Graph, live: readonly Node[], free: readonly Node[], segments: Map<Node, number>): void {
  const producer = new Map(live.flatMap((node) => node.outputs.map((value) => [value, node] as const)));
  for (const node of free) {
    const source = producer.get(node.inputs[0]!);
    const segment = source && segments.get(source);
    if (segment !== undefined) segments.set(node, segment);
  }
  for (const node of free.toReversed()) {
    const output = node.outputs[0]!;
    if (segments.has(node) || graph.outputs.includes(output)) continue;
    const readers = live.filter((other) => nodeReads(other).includes(output));
    const [segment, ...others] = new Set(readers.map((reader) => segments.get(reader)));
    if (segment !== undefined && others.length === 0) segments.set(node, segment);
  }
}

/** Gives the scale of one side of an alias to the other, which has the same integers. */
function passOnScales(operations: readonly Operation[], scales: Map<string, number>): void {
  const pass = (from: string, to: string) => {
    const scale = scales.get(from);
    if (scale !== undefined && !scales.has(to)) scales.set(to, scale);
  };
  const aliases = operations.filter((operation) => operation.kind === 'alias');
  for (const { input, output } of aliases) pass(input, output);
  for (const { input, output } of aliases.toReversed()) pass(output, input);
}

function readElsewhere(graph: Graph, live: readonly Node[], lowered: (node: Node) => boolean): ReadonlySet<string> {
  const values = new Set(graph.outputs);
  for (const node of live) if (!lowered(node)) for (const value of nodeReads(node)) values.add(value);
  return values;
}
