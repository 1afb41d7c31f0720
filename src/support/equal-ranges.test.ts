/** Which tensors share an INT8 range, and by what. */

import { describe, expect, it } from 'vitest';
import type { Node } from '../graph/graph.ts';
import { equalRangeGroups, scaledValues } from './equal-ranges.ts';
import { network } from './testing/network.ts';

describe('equalRangeGroups', () => {
  const map = [1, 8, 4, 4];
  const graph = network({
    shapes: { x: map, a: map, p: map, b: map, c: [1, 16, 4, 4], d: map, y: map, r: map },
    constants: { k: [1] },
    nodes: [
      { op: 'MaxPool', name: 'pool', inputs: ['x'], outputs: ['p'], attributes: { kernel_shape: [1, 1] } },
      { op: 'Add', name: 'add', inputs: ['p', 'a'], outputs: ['b'] },
      { op: 'Mul', name: 'scale', inputs: ['b', 'k'], outputs: ['d'] },
      { op: 'Concat', name: 'concat', inputs: ['d', 'r'], outputs: ['c'], attributes: { axis: 1 } },
      { op: 'Relu', name: 'relu', inputs: ['d'], outputs: ['y'] },
    ],
  });

  const groupsOf = (nodes: readonly Node[]) =>
    equalRangeGroups(graph, scaledValues(graph), nodes).map(({ values }) => values.map(({ value }) => value));

  it('ties pooling, element-wise inputs and concatenation together, not constants', () => {
    expect(groupsOf(graph.nodes)).toEqual([
      ['x', 'a', 'p'],
      ['r', 'd', 'c'],
    ]);
  });

  it('looks at the nodes that it is told', () => {
    expect(groupsOf(graph.nodes.filter(({ name }) => name === 'add'))).toEqual([['a', 'p']]);
  });

  it('tells what only moves from what the DLA asks for', () => {
    const moved = network({
      shapes: { x: map, f: [1, 128], g: [1, 128] },
      nodes: [
        { op: 'Flatten', name: 'flatten', inputs: ['x'], outputs: ['f'] },
        { op: 'Relu', name: 'relu', inputs: ['f'], outputs: ['g'] },
      ],
    });
    expect(equalRangeGroups(moved, scaledValues(moved))).toEqual([
      {
        values: [
          { value: 'x', nodes: ['flatten'] },
          { value: 'f', nodes: ['flatten'] },
        ],
        by: 'nature',
      },
    ]);
  });
});
