/**
 * The pass that cuts the network into what runs where. The checker's segments say what the DLA accepts; nodes that the compiler
 * cannot lower leave them and become host segments of their own kind. Segments must run one after the other, so no path may leave
 * a segment and come back into it.
 *
 * Units are what must stay together: a checker's segment that is lowered whole, a fused operation, a host node. A unit's level is
 * how often the kind changes on the longest way to it. Units of one kind on one level make a segment: a path that left it through
 * another kind would come back on a higher level, so every segment is convex, and levels are an order to run them in.
 */

import { type Graph, type Node, readsOf as nodeReads } from '../graph/graph.ts';
import { lastNode, type Operation } from './operation.ts';

export type SegmentDraft =
  | {
      readonly kind: 'dla';
      /** Index of the checker's segment. */
      readonly checked: number;
      /** Whether the unit is all of the checker's segment. */
      readonly whole: boolean;
      readonly operations: readonly Operation[];
      readonly nodes: readonly Node[];
    }
  | { readonly kind: 'host'; readonly reason: HostReason; readonly nodes: readonly Node[] };

export interface Cut {
  readonly graph: Graph;
  /** Fused operations, in graph order. */
  readonly operations: readonly Operation[];
  readonly segmentOf: (operation: Operation) => number;
  /** Key of operations that may share a loadable: on a board, the checker's segment. */
  readonly loadableOf: (operation: Operation) => string;
  /** Nodes that run on the host, with the reason. */
  readonly host: ReadonlyMap<Node, HostReason>;
  /**
   * Whether host nodes of different reasons become different segments: nodes that are only not emulated run on a board's
   * DLA. Otherwise a segment has the rules' reason where one of its nodes has it.
   */
  readonly hostApart: boolean;
}

type HostReason = 'refused' | 'not emulated';

interface Unit {
  readonly key: string;
  readonly operations: Operation[];
  readonly nodes: Node[];
}

export function cutSegments(cut: Cut): readonly SegmentDraft[] {
  const broken = new Set<number>();
  const position = new Map(cut.graph.nodes.map((node, index) => [node, index] as const));
  const sizes = new Map<number, number>();
  for (const operation of cut.operations) {
    const segment = cut.segmentOf(operation);
    sizes.set(segment, (sizes.get(segment) ?? 0) + 1);
  }
  const ordered = levels(units(cut, broken)) ?? levels(units(cut, new Set(sizes.keys())));
  if (ordered === undefined) throw new Error('the nodes of the graph are not in topological order');

  const groups = new Map<string, { level: number; units: Unit[] }>();
  for (const { unit, level } of ordered) {
    const id = `${level} ${unit.key}`;
    const group = groups.get(id) ?? { level, units: [] };
    group.units.push(unit);
    groups.set(id, group);
  }
  const drafts = [...groups.values()].map(({ level, units: members }) => {
    const nodes = members.flatMap((unit) => unit.nodes).toSorted((a, b) => position.get(a)! - position.get(b)!);
    return { level, draft: draftOf(members, nodes) };
  });
  const first = ({ draft }: (typeof drafts)[number]) => position.get(draft.nodes[0]!)!;
  return drafts.toSorted((a, b) => a.level - b.level || first(a) - first(b)).map(({ draft }) => draft);

  function draftOf(members: readonly Unit[], nodes: readonly Node[]): SegmentDraft {
    if (cut.host.has(nodes[0]!)) {
      const refused = nodes.some((node) => cut.host.get(node) === 'refused');
      return { kind: 'host', reason: refused ? 'refused' : 'not emulated', nodes };
    }
    const operations = members
      .flatMap((unit) => unit.operations)
      .toSorted((a, b) => position.get(lastNode(a))! - position.get(lastNode(b))!);
    const checked = cut.segmentOf(operations[0]!);
    return { kind: 'dla', checked, whole: operations.length === sizes.get(checked), operations, nodes };
  }
}

/** @param broken checker's segments that are not kept whole */
function units(cut: Cut, broken: ReadonlySet<number>): readonly Unit[] {
  const made: Unit[] = [];
  const bySegment = new Map<number, Unit>();
  const byNode = new Map<Node, Unit>();
  for (const operation of cut.operations) {
    const segment = cut.segmentOf(operation);
    // The operations of one node (a Split) stay together.
    let unit = byNode.get(lastNode(operation)) ?? (broken.has(segment) ? undefined : bySegment.get(segment));
    if (unit === undefined) {
      unit = { key: `dla ${cut.loadableOf(operation)}`, operations: [], nodes: [] };
      made.push(unit);
      if (!broken.has(segment)) bySegment.set(segment, unit);
    }
    unit.operations.push(operation);
    for (const node of operation.nodes) {
      if (byNode.get(node) === unit) continue;
      byNode.set(node, unit);
      unit.nodes.push(node);
    }
  }
  for (const [node, reason] of cut.host) {
    made.push({ key: cut.hostApart ? reason : 'host', operations: [], nodes: [node] });
  }
  return made;
}

/** Units in topological order with their levels; undefined when they depend on one another in a circle. */
function levels(all: readonly Unit[]): readonly { readonly unit: Unit; readonly level: number }[] | undefined {
  const producer = new Map<string, Unit>();
  for (const unit of all) for (const node of unit.nodes) for (const value of node.outputs) producer.set(value, unit);
  producer.delete('');
  const sources = new Map<Unit, Set<Unit>>();
  const targets = new Map<Unit, Unit[]>(all.map((unit) => [unit, []]));
  for (const unit of all) {
    const from = new Set<Unit>();
    for (const node of unit.nodes) {
      for (const value of nodeReads(node)) {
        const source = producer.get(value);
        if (source !== undefined && source !== unit) from.add(source);
      }
    }
    sources.set(unit, from);
    for (const source of from) targets.get(source)!.push(unit);
  }
  const missing = new Map(all.map((unit) => [unit, sources.get(unit)!.size]));
  const level = new Map<Unit, number>();
  const ready = all.filter((unit) => missing.get(unit) === 0);
  for (const unit of ready) {
    let own = 0;
    for (const source of sources.get(unit)!) {
      own = Math.max(own, level.get(source)! + (source.key === unit.key ? 0 : 1));
    }
    level.set(unit, own);
    for (const target of targets.get(unit)!) {
      const left = missing.get(target)! - 1;
      missing.set(target, left);
      if (left === 0) ready.push(target);
    }
  }
  return ready.length === all.length ? ready.map((unit) => ({ unit, level: level.get(unit)! })) : undefined;
}
