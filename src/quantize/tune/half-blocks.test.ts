import { describe, expect, it } from 'vitest';
import { chain } from '../testing/chain.ts';
import { halfBlocks } from './half-blocks.ts';
import { causeOf } from './loss-causes.ts';

describe('halfBlocks', () => {
  it('are convolutions, and what lies between them where each value has one reader', () => {
    const graph = chain(
      [
        'a = Conv(x, W1)',
        'three = Add(a, W2)',
        'six = Clip(three)',
        'swish = Mul(a, six)',
        'scaled = Mul(swish, W3)',
        'b = Conv(scaled, W4)',
        'sum = Add(b, scaled)',
        'y = Relu(sum)',
      ],
      ['y'],
    );
    const all = new Set(graph.nodes.map(({ name }) => name));
    expect(halfBlocks(graph, all).map(({ nodes }) => nodes.join(' '))).toEqual([
      'Conv_0',
      'Add_1 Clip_2 Mul_3 Mul_4',
      'Conv_5',
      'Add_6 Relu_7',
    ]);
    expect(halfBlocks(graph, all)[1]!.values).toEqual(['a', 'three', 'six', 'swish', 'scaled']);
    all.delete('Clip_2');
    expect(halfBlocks(graph, all).map(({ nodes }) => nodes.join(' '))).toContain('Mul_3 Mul_4');
  });
});

describe('causeOf', () => {
  const scales = new Map([['v', 10 / 127]]);
  const state = { scales, rangeChanges: [], rounded: new Map([['v', 'memory' as const]]) };
  const even = new Float32Array(8).fill(10);

  it('names the first reason that holds', () => {
    const change = { value: 'v', from: 1 / 127, to: 10 / 127, nodes: ['add'] };
    const uneven = Float32Array.of(10, 1, 1, 2, 1, 1, 1, 1);
    expect(causeOf('v', { ...state, rangeChanges: [change] }, 10, uneven)).toEqual({
      cause: 'equal-range',
      own: 1,
      range: 10,
      nodes: ['add'],
    });
    expect(causeOf('v', state, 10, uneven)).toEqual({ cause: 'outlier-channel', largest: 10, median: 1 });
    const small = { ...state, scales: new Map([['v', 5 / 127]]) };
    expect(causeOf('v', small, 10, even)).toEqual({ cause: 'saturated', largest: 10, range: 5 });
    expect(causeOf('v', { ...state, rounded: new Map([['v', 'table']]) }, 10, even)).toEqual({ cause: 'table' });
    expect(causeOf('v', state, 10, even)).toEqual({ cause: 'rounding' });
    expect(causeOf('v', state, undefined, undefined)).toEqual({ cause: 'rounding' });
  });
});
