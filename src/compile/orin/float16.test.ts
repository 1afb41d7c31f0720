import { describe, expect, it } from 'vitest';
import { sigmoid, tanh } from '../../base/elementary.ts';
import { float16Bits, float16Value } from '../../base/float16.ts';
import { asFloat32, float32Tensor } from '../../graph/tensor.ts';
import { type ConvOperation, plainPoint } from '../operation.ts';
import { halfKernels, halfPoint, halfTable, withBias } from './float16.ts';

const noScale = (value: string): number => {
  throw new Error(value);
};

describe('FP16 of orin', () => {
  it('multiplies only where there is a factor, and bounds only where there is a bound', () => {
    const one = Float64Array.of(1);
    expect(halfPoint(plainPoint, one, noScale, 'n')).toEqual({});
    expect(halfPoint({ ...plainPoint, low: 0, high: 6.1 }, one, noScale, 'n')).toEqual({
      low: 0,
      high: Math.fround(6.1),
    });
    expect(halfPoint({ ...plainPoint, multiply: Float64Array.of(2, 3) }, Float64Array.of(0.1), noScale, 'n')).toEqual({
      scale: Float32Array.of(0.2, 0.3 + 2 ** -54),
    });
  });

  it('takes a bias through the factor behind it', () => {
    const point = { ...plainPoint, multiply: Float64Array.of(2, 4), add: Float64Array.of(1) };
    expect(withBias(point, Float64Array.of(10, 20)).add).toEqual(Float64Array.of(21, 81));
    expect(withBias(point, undefined)).toBe(point);
  });

  it.each([
    ['sigmoid', sigmoid],
    ['tanh', tanh],
    ['x · sigmoid', (x: number) => x * sigmoid(x)],
  ])('has %s of every number, rounded once', (_, evaluate) => {
    const table = halfTable(evaluate);
    const wrong: number[] = [];
    for (let bits = 0; bits < 65_536; bits++) {
      const x = float16Value(bits);
      if (!Number.isFinite(x)) continue;
      const exact = evaluate(x);
      const unit = 2 ** (Math.max(Math.floor(Math.log2(Math.abs(exact) || 2 ** -14)), -14) - 10);
      if (!(Math.abs(float16Value(table[bits]!) - exact) <= 0.5001 * unit)) wrong.push(x);
    }
    expect(wrong).toEqual([]);
    expect(table[0x7e00]).toBe(0x7e00);
  });

  it('has the largest number where a function leaves the range', () => {
    const table = halfTable((x) => 100 * x);
    expect([30_000, -30_000, 655].map((x) => float16Value(table[float16Bits(x)]!))).toEqual([65504, -65504, 65504]);
  });

  it('refuses weights that binary16 does not hold', () => {
    const operation = (value: number) =>
      ({
        nodes: [{ name: 'conv' }],
        weights: float32Tensor([1, 1, 1, 2], Float32Array.of(1, value)),
      }) as unknown as ConvOperation;
    expect([...halfKernels(operation(-65519), asFloat32)]).toEqual([0x3c00, 0xfbff]);
    for (const value of [65520, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => halfKernels(operation(value), asFloat32)).toThrow(
        /node conv: weight 1 is too large for FP16.*calibrate\/value/,
      );
    }
  });
});
