import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Graph, readsOf } from '../graph/graph.ts';
import { partition } from './partition.ts';
import { network } from './testing/network.ts';
import type { CheckedSegment, Placement } from './verdict.ts';

const map = [1, 8, 4, 4] as const;

/** `'d: a=x b=x'`: nodes by what they read, with the placement of each: `a(dla)`. */
function sketch(text: string): { graph: Graph; placement: Map<string, Placement> } {
  const placement = new Map<string, Placement>();
  const shapes: Record<string, readonly number[]> = { x: map };
  const nodes = text
    .trim()
    .split(/\s+/)
    .map((part) => {
      const [, name, kind, inputs] = /^(\w+)\((d|g|b)\)=([\w,]+)$/.exec(part)!;
      placement.set(name!, kind === 'd' ? 'dla' : kind === 'g' ? 'gpu' : 'build-time');
      shapes[name!] = map;
      return { name: name!, op: 'Sum', inputs: inputs!.split(','), outputs: [name!] };
    });
  return { graph: network({ shapes, nodes }), placement };
}

const shown = (text: string): string[] => {
  const { graph, placement } = sketch(text);
  return partition(graph, placement).map(({ kind, nodes }) => `${kind}:${nodes.join('+')}`);
};

describe('partition', () => {
  it('makes one segment of a chain, a residual block or an inception block', () => {
    expect(shown('a(d)=x b(d)=a c(d)=b')).toEqual(['dla:a+b+c']);
    expect(shown('a(d)=x b(d)=a c(d)=b,a d(d)=c')).toEqual(['dla:a+b+c+d']);
    expect(shown('a(d)=x b(d)=a c(d)=a e(d)=b,c')).toEqual(['dla:a+b+c+e']);
  });

  it('joins branches that meet, also when they start apart', () => {
    expect(shown('a(d)=x b(d)=x c(d)=a,b')).toEqual(['dla:a+b+c']);
  });

  it('splits where a GPU node lies between', () => {
    expect(shown('a(d)=x g(g)=a b(d)=g')).toEqual(['dla:a', 'gpu:g', 'dla:b']);
  });

  it('splits a block with a detour over the GPU, so that no loadable waits for itself', () => {
    expect(shown('a(d)=x g(g)=a b(d)=a,g c(d)=b')).toEqual(['dla:a', 'gpu:g', 'dla:b+c']);
  });

  it('does not delay a branch that needs no GPU result', () => {
    expect(shown('a(d)=x g(g)=x b(d)=a c(d)=b,g')).toEqual(['gpu:g', 'dla:a+b+c']);
  });

  it('keeps two clusters apart that would wait for one another', () => {
    // a → g → d and c → h → b: {a, b} and {c, d} would each need a result of the other.
    expect(shown('a(d)=x c(d)=x g(g)=a h(g)=c b(d)=a,h d(d)=c,g')).toEqual([
      'dla:c',
      'gpu:h',
      'dla:a+b',
      'gpu:g',
      'dla:d',
    ]);
  });

  it('looks through nodes that vanish', () => {
    expect(shown('a(d)=x i(b)=a b(d)=i')).toEqual(['dla:a+b']);
    expect(shown('a(d)=x g(g)=a i(b)=g b(d)=a,i')).toEqual(['dla:a', 'gpu:g', 'dla:b']);
  });

  it('joins GPU nodes that follow one another', () => {
    expect(shown('g(g)=x h(g)=x a(d)=g,h i(g)=a j(g)=i')).toEqual(['gpu:g+h', 'dla:a', 'gpu:i+j']);
  });

  it('gives nodes of different batch to different loadables', () => {
    const graph = network({
      shapes: { x: [4, 8, 4, 4], a: [4, 8, 4, 4], b: [2, 16, 4, 4], c: [2, 16, 4, 4] },
      nodes: ['a', 'b', 'c'].map((name, index) => ({
        name,
        op: 'Relu',
        inputs: [['x', 'a', 'b'][index]!],
        outputs: [name],
      })),
    });
    const all = new Map<string, Placement>(['a', 'b', 'c'].map((name) => [name, 'dla']));
    expect(partition(graph, all).map(({ name }) => name)).toEqual(['{ForeignNode[a]}', '{ForeignNode[b...c]}']);
  });

  it('says why DLA segments are apart', () => {
    const why = (text: string) => {
      const { graph, placement } = sketch(text);
      return partition(graph, placement).map((segment) => segment.why);
    };
    expect(why('a(d)=x g(g)=a b(d)=g')).toEqual([undefined, undefined, 'behind g']);
    expect(why('a(d)=x g(g)=a h(g)=a i(g)=a b(d)=g,h,i')).toEqual([undefined, undefined, 'behind g and 2 more']);
    expect(why('a(d)=x b(d)=x')).toEqual([undefined, 'no tensor in common']);
    // What the GPU does before any DLA node keeps nothing apart.
    expect(why('g(g)=x a(d)=g')).toEqual([undefined, undefined]);
    const graph = network({
      shapes: { x: [1, 8, 4, 4], y: [2, 8, 4, 4], a: [1, 8, 4, 4], b: [2, 8, 4, 4], c: [2, 8, 4, 4] },
      nodes: [
        { op: 'Relu', name: 'a', inputs: ['x'], outputs: ['a'] },
        { op: 'Relu', name: 'b', inputs: ['y'], outputs: ['b'] },
        { op: 'Relu', name: 'c', inputs: ['b'], outputs: ['c'] },
      ],
    });
    const all = new Map<string, Placement>(graph.nodes.map(({ name }) => [name, 'dla']));
    expect(partition(graph, all).map((segment) => segment.why)).toEqual([undefined, 'batch 1 beside batch 2']);
  });

  it('names DLA segments as the TensorRT log does', () => {
    const { graph, placement } = sketch('a(d)=x b(d)=a g(g)=b h(g)=g c(d)=h');
    expect(partition(graph, placement).map(({ name }) => name)).toEqual([
      '{ForeignNode[a...b]}',
      'GPU[g...h]',
      '{ForeignNode[c]}',
    ]);
  });

  it('is quick for a deep network that alternates in two branches', () => {
    const parts = ['a0(d)=x', 'g0(g)=x'];
    for (let i = 1; i < 3000; i += 1)
      parts.push(`a${i}(d)=a${i - 1}${i % 7 === 0 ? `,g${i - 1}` : ''}`, `g${i}(g)=g${i - 1},a${i - 1}`);
    const { graph, placement } = sketch(parts.join(' '));
    const start = performance.now();
    const segments = partition(graph, placement);
    expect(performance.now() - start).toBeLessThan(5000);
    expect(proven(graph, placement, segments)).toBe('');
  });
});

/** What is wrong with a partition; '' when it is complete, ordered and convex. */
function proven(graph: Graph, placement: ReadonlyMap<string, Placement>, segments: readonly CheckedSegment[]): string {
  const segmentOf = new Map<string, number>();
  for (const [index, segment] of segments.entries()) {
    if (segment.nodes.length === 0) return `segment ${index} is empty`;
    for (const node of segment.nodes) {
      if (segmentOf.has(node)) return `${node} is in two segments`;
      if (placement.get(node) !== segment.kind) return `${node} is in a ${segment.kind} segment`;
      segmentOf.set(node, index);
    }
  }
  // Values come from the segment of their node; what vanishes hands on the latest of what it reads.
  const producedIn = new Map<string, number>();
  for (const node of graph.nodes) {
    const own = segmentOf.get(node.name);
    if (own === undefined && placement.get(node.name) !== 'build-time') return `${node.name} is in no segment`;
    const latest = Math.max(-1, ...readsOf(node).map((value) => producedIn.get(value) ?? -1));
    // Segments run one after another and each waits only for earlier ones: that is convexity, and an order that works.
    if (own !== undefined && latest > own) return `${node.name} in segment ${own} waits for segment ${latest}`;
    for (const output of node.outputs) producedIn.set(output, own ?? latest);
  }
  const pairs = segments.slice(1).map((segment, index) => [segments[index]!, segment] as const);
  return pairs.some(([a, b]) => a.kind === 'gpu' && b.kind === 'gpu') ? 'two GPU segments in a row' : '';
}

describe('partition of random graphs', () => {
  const graphs = fc
    .array(
      fc.record({
        kind: fc.constantFrom<Placement>('dla', 'dla', 'dla', 'gpu', 'build-time'),
        reads: fc.array(fc.nat(), { minLength: 1, maxLength: 3 }),
        near: fc.boolean(),
      }),
      { minLength: 1, maxLength: 40 },
    )
    .map((list) => {
      const placement = new Map<string, Placement>();
      const nodes = list.map(({ kind, reads, near }, index) => {
        placement.set(`n${index}`, kind);
        const inputs = reads.map((read) => {
          const back = near ? (read % 4) + 1 : (read % (index + 1)) + 1;
          return index - back < 0 ? 'x' : `n${index - back}`;
        });
        return { name: `n${index}`, op: 'Sum', inputs, outputs: [`n${index}`] };
      });
      const shapes = Object.fromEntries(['x', ...nodes.map(({ name }) => name)].map((name) => [name, map]));
      return { graph: network({ shapes, nodes }), placement };
    });

  it('is complete, ordered and convex', () => {
    fc.assert(
      fc.property(graphs, ({ graph, placement }) => {
        expect(proven(graph, placement, partition(graph, placement))).toBe('');
      }),
      { numRuns: 500 },
    );
  });

  it('makes loadables of connected nodes only', () => {
    fc.assert(
      fc.property(graphs, ({ graph, placement }) => {
        for (const { kind, nodes } of partition(graph, placement)) {
          if (kind === 'dla') expect(connected(graph, placement, nodes)).toBe(true);
        }
      }),
    );
  });

  it('has one loadable where nothing runs on the GPU and all is connected', () => {
    fc.assert(
      fc.property(graphs, ({ graph }) => {
        const all = new Map(graph.nodes.map(({ name }): [string, Placement] => [name, 'dla']));
        const segments = partition(graph, all);
        const names = graph.nodes.map(({ name }) => name);
        expect(segments.length === 1).toBe(connected(graph, all, names));
      }),
    );
  });

  it('gives the same segments again', () => {
    fc.assert(
      fc.property(graphs, ({ graph, placement }) => {
        expect(partition(graph, placement)).toEqual(partition(graph, placement));
      }),
    );
  });
});

/** Whether the nodes hang together by what they read from one another, vanishing nodes looked through. */
function connected(graph: Graph, placement: ReadonlyMap<string, Placement>, names: readonly string[]): boolean {
  const from = new Map<string, readonly string[]>();
  const edges = new Map<string, Set<string>>(names.map((name) => [name, new Set()]));
  for (const node of graph.nodes) {
    const sources = readsOf(node).flatMap((value) => from.get(value) ?? []);
    from.set(node.name, placement.get(node.name) === 'build-time' ? sources : [node.name]);
    if (!edges.has(node.name) || placement.get(node.name) === 'build-time') continue;
    for (const source of sources) {
      edges.get(node.name)!.add(source);
      edges.get(source)?.add(node.name);
    }
  }
  const seen = new Set<string>();
  const open = [names[0]!];
  while (open.length > 0) {
    const name = open.pop()!;
    if (seen.has(name) || !edges.has(name)) continue;
    seen.add(name);
    open.push(...edges.get(name)!);
  }
  return seen.size === names.length;
}
