/**
 * From verdicts to segments. NVIDIA does not publish how TensorRT forms its `{ForeignNode[…]}`; this is our way.
 *
 * 1. Every node that runs is a cluster of its own. Nodes that vanish when the engine is built are looked through: who
 *    reads them reads what they read.
 * 2. In topological order, each DLA node joins the clusters of the DLA nodes it reads from, as long as the joint cluster
 *    would not depend on itself through something outside it (it stays *convex*), and as long as the batch is the same:
 *    a loadable has one. So branches of a residual block end up together, and a detour off the DLA splits.
 * 3. The clusters are put in an order in which all can run: every DLA cluster that is ready, then every node off the
 *    DLA that is ready, in turns. Nodes off the DLA that follow one another are one segment.
 *
 * Each DLA cluster is one loadable. The result is convex and complete, and deterministic; it is not proven to have the
 * fewest loadables possible.
 */

import { UnionFind } from '../base/union-find.ts';
import { type Graph, type Node, readsOf, staticShape } from '../graph/graph.ts';
import { macs } from './macs.ts';
import { batchOf } from './rules/general.ts';
import { type CheckedSegment, type CheckResult, type Placement, placeNames } from './verdict.ts';

/**
 * @param placement where each node runs; nodes that are not in it run off the DLA
 * @param off who runs those
 */
export function partition(
  graph: Graph,
  placement: ReadonlyMap<string, Placement>,
  off: CheckResult['elsewhere'] = 'gpu',
): readonly CheckedSegment[] {
  const places = graph.nodes.map((node) => placement.get(node.name) ?? off);
  const reads = predecessors(graph, places);
  const clusters = new Clusters(reads);
  const batches = graph.nodes.map((node) => nodeBatch(node, graph));
  reads.forEach((sources, index) => {
    if (places[index] !== 'dla') return;
    for (const source of sources) {
      if (places[source] === 'dla' && batches[source] === batches[index]) clusters.join(source, index);
    }
  });
  const cuts = { places, reads, clusters, batches };
  return schedule(graph, cuts, off);
}

interface Cuts {
  readonly places: readonly Placement[];
  readonly reads: readonly (readonly number[])[];
  readonly clusters: Clusters;
  readonly batches: readonly number[];
}

/** What keeps a DLA cluster from joining the DLA clusters that it waits for, by its root. A cluster that waits for none has no entry. */
function reasonsApart(graph: Graph, { places, reads, clusters, batches }: Cuts): ReadonlyMap<number, string> {
  const behindDla = reads.map(() => false);
  const found = new Map<number, { batch?: string; readonly between: string[] }>();
  reads.forEach((sources, index) => {
    behindDla[index] = sources.some((source) => places[source] === 'dla' || behindDla[source]!);
    if (places[index] !== 'dla') return;
    const root = clusters.find(index);
    for (const source of sources) {
      if (clusters.find(source) === root) continue;
      const reason = found.get(root) ?? { between: [] };
      if (places[source] !== 'dla' && behindDla[source]) reason.between.push(graph.nodes[source]!.name);
      if (places[source] === 'dla' && batches[source] !== batches[index]) {
        reason.batch = `batch ${batches[source]} beside batch ${batches[index]}`;
      }
      if (places[source] === 'dla' || behindDla[source]) found.set(root, reason);
    }
  });
  return new Map(
    [...found].map(([root, { batch, between }]) => [root, batch ?? `behind ${few(between) || 'a detour off the DLA'}`]),
  );
}

/** What keeps a DLA cluster that waits for none from the one that runs before it. */
const besides = (batch: number, before: number | undefined): string | undefined =>
  before === undefined ? undefined : before === batch ? 'no tensor in common' : `batch ${before} beside batch ${batch}`;

const few = (names: readonly string[]): string => {
  const [first = '', second, ...more] = new Set(names);
  if (second === undefined) return first;
  return more.length === 0 ? `${first} and ${second}` : `${first} and ${more.length + 1} more`;
};

/** For each node the nodes it waits for, build-time nodes looked through. Indices are those of `graph.nodes`. */
function predecessors(graph: Graph, places: readonly Placement[]): readonly (readonly number[])[] {
  const producedBy = new Map<string, readonly number[]>();
  return graph.nodes.map((node, index) => {
    const sources = [...new Set(readsOf(node).flatMap((value) => producedBy.get(value) ?? []))];
    const handed = places[index] === 'build-time' ? sources : [index];
    for (const output of node.outputs) if (output !== '') producedBy.set(output, handed);
    return places[index] === 'build-time' ? [] : sources;
  });
}

/** The batch of a node is that of its first result. */
const nodeBatch = (node: Node, graph: Graph): number => {
  const shape = staticShape(graph, node.outputs[0] ?? '');
  return shape ? batchOf(shape) : 1;
};

/** Disjoint sets of nodes and the sets each waits for; the graph of clusters never has a cycle. */
class Clusters {
  readonly #sets: UnionFind;
  readonly #first: number[];
  readonly #last: number[];
  /** Nodes outside the cluster that it waits for; read through {@link before}. */
  readonly #waits: Set<number>[];

  constructor(reads: readonly (readonly number[])[]) {
    this.#sets = new UnionFind(reads.length);
    this.#first = reads.map((_, index) => index);
    this.#last = [...this.#first];
    this.#waits = reads.map((sources) => new Set(sources));
  }

  find(node: number): number {
    return this.#sets.find(node);
  }

  /** The clusters that a cluster waits for. */
  before(cluster: number): ReadonlySet<number> {
    const roots = new Set<number>();
    for (const node of this.#waits[cluster]!) roots.add(this.find(node));
    roots.delete(cluster);
    this.#waits[cluster] = roots;
    return roots;
  }

  join(source: number, target: number): void {
    const [a, b] = [this.find(source), this.find(target)];
    if (a === b || this.#detour(a, b) || this.#detour(b, a)) return;
    this.#sets.join(a, b);
    this.#first[a] = Math.min(this.#first[a]!, this.#first[b]!);
    this.#last[a] = Math.max(this.#last[a]!, this.#last[b]!);
    for (const node of this.#waits[b]!) this.#waits[a]!.add(node);
  }

  /** Whether `to` waits for `from` through a third cluster. */
  #detour(from: number, to: number): boolean {
    const seen = new Set<number>([to]);
    const open = [...this.before(to)].filter((cluster) => cluster !== from);
    while (open.length > 0) {
      const cluster = open.pop()!;
      if (cluster === from) return true;
      // A cluster that ends before `from` begins cannot wait for it.
      if (seen.has(cluster) || this.#last[cluster]! < this.#first[from]!) continue;
      seen.add(cluster);
      open.push(...this.before(cluster));
    }
    return false;
  }
}

function schedule(graph: Graph, cuts: Cuts, off: CheckResult['elsewhere']): readonly CheckedSegment[] {
  const { places, clusters, batches } = cuts;
  const apart = reasonsApart(graph, cuts);
  const members = new Map<number, number[]>();
  places.forEach((place, index) => {
    if (place === 'build-time') return;
    const root = clusters.find(index);
    const list = members.get(root);
    if (list) list.push(index);
    else members.set(root, [index]);
  });
  const after = new Map<number, number[]>();
  const missing = new Map<number, number>();
  for (const root of members.keys()) {
    const before = clusters.before(root);
    missing.set(root, before.size);
    for (const source of before) {
      const list = after.get(source);
      if (list) list.push(root);
      else after.set(source, [root]);
    }
  }

  // Roots become ready in waves; within a wave they run in the order of their first nodes.
  const ready: { readonly dla: number[]; readonly off: number[] } = { dla: [], off: [] };
  const release = (root: number) => ready[places[members.get(root)![0]!] === 'dla' ? 'dla' : 'off'].push(root);
  for (const [root, count] of missing) if (count === 0) release(root);
  const finish = (root: number) => {
    for (const next of after.get(root) ?? []) {
      const left = missing.get(next)! - 1;
      missing.set(next, left);
      if (left === 0) release(next);
    }
  };

  const segments: CheckedSegment[] = [];
  /** The batch of the DLA segment before. */
  let before: number | undefined;
  const emit = (kind: CheckedSegment['kind'], indices: readonly number[], why?: string) => {
    const nodes = [...indices].sort((a, b) => a - b).map((index) => graph.nodes[index]!);
    const names = nodes.map((node) => node.name);
    const work = nodes.reduce((sum, node) => sum + macs(node, graph), 0);
    segments.push({
      kind,
      name: kind === 'dla' ? `{ForeignNode[${rangeOf(names)}]}` : `${placeNames[off]}[${rangeOf(names)}]`,
      nodes: names,
      macs: work,
      ...(why !== undefined && { why }),
    });
  };
  while (ready.dla.length > 0 || ready.off.length > 0) {
    while (ready.dla.length > 0) {
      const wave = ready.dla.splice(0).sort((a, b) => members.get(a)![0]! - members.get(b)![0]!);
      for (const root of wave) {
        const batch = batches[members.get(root)![0]!]!;
        emit('dla', members.get(root)!, apart.get(root) ?? besides(batch, before));
        before = batch;
        finish(root);
      }
    }
    const run: number[] = [];
    for (let root = ready.off.shift(); root !== undefined; root = ready.off.shift()) {
      run.push(...members.get(root)!);
      finish(root);
    }
    if (run.length > 0) emit(off, run);
  }
  return segments;
}

/** As TensorRT's log names a segment: by its first and last node. */
function rangeOf(nodes: readonly string[]): string {
  const [first = '', last = ''] = [nodes[0], nodes.at(-1)];
  return nodes.length === 1 ? first : `${first}...${last}`;
}
