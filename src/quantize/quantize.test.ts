import { describe, expect, it } from 'vitest';
import { DlakitError } from '../base/errors.ts';
import { scaledValues } from '../support/equal-ranges.ts';
import { quantize } from './quantize.ts';
import { neededScales } from './scaled-values.ts';
import { dummyRanges } from './scales.ts';
import { chain } from './testing/chain.ts';

const graph = chain(
  [
    'c = Conv(x, W1)',
    'r = Relu(c)',
    'p = MaxPool(r)',
    'd = Conv(p, W2)',
    's = Sigmoid(d)',
    'j = Concat(s, p)',
    'y = Flatten(j)',
  ],
  ['y'],
);

describe('scaled values', () => {
  it('are the float inputs and everything that is computed', () => {
    expect(scaledValues(graph)).toEqual(['x', 'c', 'r', 'p', 'd', 's', 'j', 'y']);
  });

  it('are needed but for what a convolution hands to its activation', () => {
    expect(neededScales(graph)).toEqual(['x', 'r', 'p', 'd', 's', 'j', 'y']);
    expect(neededScales({ ...graph, outputs: ['y', 'c'] })).toContain('c');
  });

  it('are not needed for an input that nothing reads', () => {
    const values = new Map([...graph.values, ['unread', { dtype: 'float32', shape: [1, 4, 6, 6] }] as const]);
    const more = { ...graph, inputs: [...graph.inputs, 'unread'], values };
    expect(neededScales(more)).toEqual(neededScales(graph));
    expect(quantize(more, dummyRanges(more), { ranges: 'dummy' }).quantized.scales.has('unread')).toBe(false);
  });
});

describe('dummyRanges', () => {
  it("are trtexec's: layer by layer, inputs first, only where unset", () => {
    const ranges = Object.fromEntries(
      [...dummyRanges(graph)].map(([value, scale]) => [value, Math.round(scale * 127)]),
    );
    // Conv sets its output ±4; whatever reads it later finds it set. MaxPool sets ±2, Concat would set its inputs ±4.
    expect(ranges).toEqual({ x: 2, c: 4, r: 4, p: 2, d: 4, s: 4, j: 4, y: 4 });
    const fresh = chain(['j = Concat(x0, x1)', 'y = Relu(x1)'], ['j', 'y']);
    expect([...dummyRanges(fresh).values()].map((scale) => Math.round(scale * 127))).toEqual([4, 4, 4, 4]);
  });

  it('become a QuantizedGraph that says so', () => {
    const quantized = quantize(graph, dummyRanges(graph), { ranges: 'dummy' }).quantized;
    expect(quantized.ranges).toBe('dummy');
    expect(quantized.scales.get('p')).toBe(quantized.scales.get('r'));
  });
});

describe('quantize', () => {
  it('takes a cache that leaves out what is never int8, and knows what must agree', () => {
    const scales = new Map([
      ['x', 0.5],
      ['r', 0.25],
      ['d', 0.125],
      ['y', 2],
      ['unrelated', 9],
    ]);
    const quantized = quantize(graph, scales).quantized;
    expect(quantized.ranges).toBe('calibrated');
    expect(Object.fromEntries(quantized.scales)).toEqual({ x: 0.5, r: 2, p: 2, d: 0.125, s: 2, j: 2, y: 2 });
  });

  it('names the tensors that have no scale', () => {
    expect(() => quantize(graph, new Map([['y', 1]]))).toThrow(
      /value x: 2 tensors have no scale: x, d \(expected 7 scales, found 5\) \[calibrate\/cache-missing\]/,
    );
  });

  it.each([0, 1e-60, -1, Number.NaN, Number.POSITIVE_INFINITY])(
    'refuses the scale %s by the name of its tensor',
    (scale) => {
      const scales = new Map([...dummyRanges(graph), ['d', scale]]);
      expect(() => quantize(graph, scales)).toThrow(DlakitError);
      expect(() => quantize(graph, scales)).toThrow(/value d: the scale of a tensor .*\[calibrate\/value\]/);
      const elsewhere = quantize(graph, scales, { onDla: new Set(['x', 'r', 'p', 's', 'j', 'y']) });
      expect(elsewhere.quantized.scales.has('d')).toBe(false);
    },
  );
});
