import { describe, expect, it } from 'vitest';
import { float32Tensor } from '../graph/tensor.ts';
import { weightScales } from './scales.ts';

describe('weight scales', () => {
  it('are float32(max|w| / 127) for each channel, on either axis', () => {
    const weights = float32Tensor([2, 3, 1, 1], [1, -2, 3, 0.5, 0.25, -8]);
    expect([...weightScales(weights, 0)]).toEqual([3 / 127, 8 / 127].map(Math.fround));
    expect([...weightScales(weights, 1)]).toEqual([1 / 127, 2 / 127, 8 / 127].map(Math.fround));
  });

  it('give a channel without weights the largest scale of the others', () => {
    expect([...weightScales(float32Tensor([2, 2], [0, 0, 1, -127]))]).toEqual([1, 1]);
    expect([...weightScales(float32Tensor([2, 1], [0, 0]))]).toEqual([1 / 127, 1 / 127].map(Math.fround));
  });

  it('grow where the bias would not fit', () => {
    const weights = float32Tensor([2, 1], [1e-9, 1]);
    const bias = Float32Array.of(0.5, 0.5);
    const scales = weightScales(weights, 0, { bias, inputScale: 0.02 });
    expect(Math.abs(bias[0]! / (scales[0]! * 0.02))).toBeLessThanOrEqual(2 ** 30 * (1 + 1e-6));
    expect(scales[1]).toBe(Math.fround(1 / 127));
  });

  it('refuse weights that are not finite', () => {
    expect(() => weightScales(float32Tensor([1, 2], [1, Number.NaN]))).toThrow(/weight 1 .*calibrate\/value/);
  });
});
