import { describe, expect, it } from 'vitest';
import { chain } from '../quantize/testing/chain.ts';
import { propagateScales } from './propagate-scales.ts';

const found = (lines: readonly string[], outputs: readonly string[], scales: Readonly<Record<string, number>>) =>
  Object.fromEntries(
    [...propagateScales(chain(lines, outputs), new Map(Object.entries(scales)))].map(([value, { scale, from }]) => [
      value,
      [scale, from],
    ]),
  );

describe('propagateScales', () => {
  it('goes forwards through what keeps a range, as far as it reaches', () => {
    const lines = [
      'c = Conv(x, W1)',
      'r = Relu(c)',
      'p = MaxPool(r)',
      't = Transpose(p)',
      'd = Conv(t, W2)',
      'y = Relu(d)',
    ];
    expect(found(lines, ['y'], { c: 2 })).toEqual({ r: [2, 'c'], p: [2, 'r'], t: [2, 'p'] });
  });

  it('goes backwards as well', () => {
    const lines = ['c = Conv(x, W1)', 'k = Clip(c)', 'u = Resize(k, W3) mode=nearest', 'y = Conv(u, W2)'];
    expect(found(lines, ['y'], { u: 3 })).toEqual({ k: [3, 'u'], c: [3, 'k'] });
  });

  it('never gives a network output a scale', () => {
    const lines = ['c = Conv(x, W1)', 'y = Relu(c)', 'z = MaxPool(c)'];
    expect(found(lines, ['y', 'z'], { c: 1 })).toEqual({});
  });

  it('gives a concatenation the largest scale of its inputs, when all have one', () => {
    const lines = ['a = Conv(x, W1)', 'b = Conv(x, W2)', 'j = Concat(a, b)', 'y = Conv(j, W3)'];
    expect(found(lines, ['y'], { a: 1, b: 4 })).toEqual({ j: [4, 'b'] });
    expect(found(lines, ['y'], { a: 1 })).toEqual({});
    expect(found(lines, ['y'], { a: 1, j: 2 })).toEqual({ b: [2, 'j'] });
  });

  it('does not pass an operator that changes ranges', () => {
    const lines = ['a = Sigmoid(x)', 'l = Resize(a, W1) mode=linear', 's = AveragePool(l)', 'y = Conv(s, W2)'];
    expect(found(lines, ['y'], { x: 1 })).toEqual({});
  });
});
