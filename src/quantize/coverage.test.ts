import { describe, expect, it } from 'vitest';
import { fuseMark, fusesUnscaled, markFusable, withoutMarks } from './coverage.ts';
import { unmatchedNames } from './match-names.ts';
import { quantize } from './quantize.ts';
import { chain } from './testing/chain.ts';

const block = chain(
  ['a = Conv(x, W1)', 'b = Conv(x, W2)', 's = Add(a, b)', 'r = Relu(s)', 'c = Conv(r, W3)', 'y = Relu(c)'],
  ['y'],
);
const own = new Set(block.values.keys());
const coverageOf = (scales: Readonly<Record<string, number>>) =>
  quantize(block, new Map(Object.entries(scales)), { own }).coverage;

describe('scale coverage', () => {
  it('is full where everything that is ever int8 has a scale', () => {
    const { needed, missing, half } = coverageOf({ x: 1, a: 2, b: 2, r: 3, y: 4 });
    expect([needed, missing, [...half]]).toEqual([5, [], []]);
  });

  it('says which nodes run in FP16, in how many islands, and what helps', () => {
    const { missing, islands, half } = coverageOf({ x: 1, b: 2, r: 3 });
    expect(missing).toEqual([
      { value: 'a', nodes: ['Conv_0', 'Add_2', 'Relu_3'], remedy: 'fuse' },
      { value: 'y', nodes: ['Conv_4', 'Relu_5'], remedy: 'calibrate' },
    ]);
    expect(islands).toEqual([['Conv_0', 'Add_2', 'Relu_3', 'Conv_4', 'Relu_5']]);
    expect(half.get('Relu_5')).toBe('y');
    const graph = chain(
      ['a = Conv(x, W1)', 'p = MaxPool(a)', 'b = Conv(p, W2)', 'c = Conv(b, W3)', 'y = Conv(c, W4)'],
      ['y'],
    );
    const scales = new Map(Object.entries({ x: 1, a: 1, b: 1, c: 1 }));
    const split = quantize(graph, scales, { own: new Set(graph.values.keys()) }).coverage;
    expect(split.missing.map(({ value, remedy }) => [value, remedy])).toEqual([
      ['p', 'propagate'],
      ['y', 'calibrate'],
    ]);
    expect(split.islands).toEqual([['MaxPool_1', 'Conv_2'], ['Conv_4']]);
  });

  it('takes the scale 1 of a convolution before an Add as none, and no other', () => {
    const scales = new Map(Object.entries({ x: 1, a: 1, b: 2, r: 1, y: 4 }));
    expect(withoutMarks(block, scales).fused).toEqual(['a']);
    const { quantized, coverage, changes } = quantize(block, scales, { own });
    expect(coverage).toMatchObject({ missing: [], fused: ['a'] });
    expect(quantized.scales.get('b')).toBe(2);
    expect(changes).toEqual([]);
  });

  it('marks one of two results that are added, the one without a scale or the later', () => {
    const marked = (scales: Readonly<Record<string, number>>) => {
      const result = markFusable(block, new Map(Object.entries(scales)));
      return [...result]
        .filter(([value, scale]) => scale === fuseMark && scales[value] !== fuseMark)
        .map(([value]) => value);
    };
    expect(marked({ b: 2 })).toEqual(['a']);
    expect(marked({ a: 3, b: 2 })).toEqual(['b']);
    expect(marked({ a: 2, b: 2 })).toEqual([]);
    expect(marked({})).toEqual([]);
    expect(
      [
        [3, 12, 3],
        [3, 13, 0],
      ].map((dla) => fusesUnscaled({ name: '', tensorrt: [8, 6, 0], dla: dla as [number, number, number] })),
    ).toEqual([false, true]);
  });

  it('refuses ranges that are of no tensor at all', () => {
    expect(() => coverageOf({ other: 1 })).toThrow(/calibrate\/cache-missing/);
  });
});

describe('names of ranges', () => {
  it('are told from those that mean nothing, with what they may have meant', () => {
    const graph = chain(['layer1.conv = Conv(x, W1)', 'layer2.conv = Relu(layer1.conv)'], ['layer2.conv']);
    const original = { ...graph, values: new Map([...graph.values, ['folded', { dtype: 'float32' } as const]]) };
    const names = ['x', 'folded', 'Layer1.convs', 'conv1 + relu1', '(Unnamed Layer* 3) [Convolution]_output', 'zzz'];
    expect(unmatchedNames(names, graph, original)).toEqual([
      { name: 'folded', kind: 'rewritten', nearest: [] },
      { name: 'Layer1.convs', kind: 'unknown', nearest: ['layer1.conv', 'layer2.conv'] },
      { name: 'conv1 + relu1', kind: 'fused', nearest: [] },
      { name: '(Unnamed Layer* 3) [Convolution]_output', kind: 'fused', nearest: [] },
      { name: 'zzz', kind: 'unknown', nearest: [] },
    ]);
  });
});
