/**
 * A network twice as large takes twice as long, not four times: counted in looks at what nodes read, and at where surfaces lie, since time
 * would tell of the machine.
 */

import { describe, expect, it } from 'vitest';
import type { Graph } from '../src/graph/graph.ts';
import { check, compile, prepare } from '../src/index.ts';
import { withDependencies } from '../src/program/dependencies.ts';
import type { Program } from '../src/program/program.ts';
import { Network } from '../src/rewrite/testing/network.ts';

const image = [1, 4, 8, 8];

const networks: Readonly<Record<string, (n: Network, count: number) => string[]>> = {
  'a chain': (n, count) => {
    let x = n.input('x', image);
    for (let index = 0; index < count; index += 3) x = n.op('Add', [n.op('Relu', [convolution(n, x)]), x]);
    return [x];
  },
  'branches that meet in a tree': (n, count) => {
    const x = n.input('x', image);
    let row = Array.from({ length: count / 3 }, () => n.op('Relu', [convolution(n, x)]));
    while (row.length > 1) {
      const pairs = Array.from({ length: row.length >> 1 }, (_, at) => n.op('Add', [row[2 * at]!, row[2 * at + 1]!]));
      row = row.length % 2 === 0 ? pairs : [...pairs, row.at(-1)!];
    }
    return row;
  },
  'branches that leave the DLA': (n, count) => {
    const x = n.input('x', image);
    return Array.from({ length: count / 3 }, () => convolution(n, n.op('Erf', [convolution(n, x)])));
  },
  'a chain of refused reshapes': (n, count) => {
    let x = n.input('x', image);
    for (let index = 0; index < count; index += 3) {
      x = n.op('Reshape', [n.op('Erf', [n.op('Reshape', [x, n.ints([1, 256])])]), n.ints(image)]);
    }
    return [x];
  },
  'a chain with normalizations': (n, count) => {
    let x = n.input('x', image);
    for (let index = 0; index < count; index += 3) x = n.op('Relu', [n.batchNorm(convolution(n, x), 4)]);
    return [x];
  },
};

const convolution = (n: Network, x: string): string => n.op('Conv', [x, n.weights([4, 4, 1, 1])]);

function networkOf(build: (n: Network, count: number) => string[], count: number): Graph {
  const network = new Network();
  return network.graph(...build(network, count));
}

/** An object that counts how often its members are looked at. */
const counted = <Value extends object>(value: Value, count: () => void): Value =>
  new Proxy(value, {
    get(target, key, receiver) {
      count();
      return Reflect.get(target, key, receiver);
    },
  });

/** How often the lists of what nodes read are looked at. */
function looks(graph: Graph, work: (graph: Graph) => unknown): number {
  let found = 0;
  const nodes = graph.nodes.map((node) => ({ ...node, inputs: counted(node.inputs, () => found++) }));
  work({ ...graph, nodes });
  return found;
}

/** Twice as much for twice the network, and a little for what does not grow and for what grows by the logarithm. */
const most = 2.3;

describe('work grows with the network', () => {
  for (const [what, build] of Object.entries(networks)) {
    for (const target of ['orin', 'nv_small']) {
      it(`${what}, ${target}`, () => {
        const verbs = {
          check: (graph: Graph) => check(graph, { target }),
          prepare: (graph: Graph) => prepare(graph, { target }),
          compile: (graph: Graph) => compile({ original: graph, graph, applied: [] }, { target }),
        };
        for (const [verb, work] of Object.entries(verbs)) {
          const [small, large] = [150, 300].map((count) => looks(networkOf(build, count), work)) as [number, number];
          expect(small, verb).toBeGreaterThan(100);
          expect(large / small, verb).toBeLessThan(most);
        }
      });
    }
  }

  it('the waits of layers', () => {
    const [small, large] = [150, 300].map((count) => {
      const graph = networkOf(networks['a chain']!, count);
      const { segments } = compile({ original: graph, graph, applied: [] }).network.plan;
      const [segment] = segments;
      if (segment?.kind !== 'dla') throw new Error('not on the DLA');
      let found = 0;
      const surfaces = segment.program.surfaces.map((surface) => counted(surface, () => found++));
      const program: Program = { ...segment.program, surfaces };
      expect(withDependencies(program)).toEqual(segment.program.layers);
      return found;
    }) as [number, number];
    expect(large / small).toBeLessThan(most);
  });
});
