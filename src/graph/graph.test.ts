import { describe, expect, it } from 'vitest';
import { capturesOf, consumers, type Graph, type Node, readsOf } from './graph.ts';

const node = (name: string, inputs: readonly string[], outputs: readonly string[], body?: Graph): Node => ({
  name,
  op: body ? 'If' : 'Add',
  domain: '',
  inputs,
  outputs,
  attributes: body ? { then_branch: { kind: 'graph', value: body } } : {},
  origin: [name],
});

const graph = (nodes: readonly Node[], outputs: readonly string[]): Graph => ({
  name: 'g',
  opsets: { '': 17 },
  inputs: [],
  outputs,
  nodes,
  constants: new Map(),
  values: new Map(),
});

describe('what nodes read', () => {
  const innermost = graph([node('deep', ['far', 'own'], ['r'])], ['r']);
  const inner = graph(
    [node('make', ['near', 'near'], ['own']), node('choose', ['own'], ['s'], innermost)],
    ['s', 'out'],
  );
  const outer = node('if', ['', 'flag', 'near'], ['y'], inner);

  it('is what inputs name and subgraphs capture, however deep, once', () => {
    expect(readsOf(outer)).toEqual(['flag', 'near', 'far', 'out']);
    expect(capturesOf(inner)).toEqual(['near', 'far', 'out']);
  });

  it('makes consumers of those whose subgraphs read a value', () => {
    const add = node('add', ['far', 'far'], ['z']);
    const readers = consumers(graph([add, outer], ['y', 'z']));
    expect(readers.get('far')).toEqual([add, outer]);
    expect(readers.get('out')).toEqual([outer]);
    expect(readers.has('own')).toBe(false);
    expect(readers.has('')).toBe(false);
  });
});
