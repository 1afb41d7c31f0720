import { describe, expect, it } from 'vitest';
import { roundHalfAway } from '../../base/rounding.ts';
import { plainPoint } from '../operation.ts';
import { lookupTable, quantizePoint } from './point.ts';

describe('the single-point stage', () => {
  const noScale = (value: string): number => {
    throw new Error(value);
  };

  it('rounds bounds to the result’s integers and saturates them', () => {
    const stage = (low: number, high: number) =>
      quantizePoint({ ...plainPoint, low, high }, Float64Array.of(1), 0.5, noScale, roundHalfAway, 'n');
    expect(stage(Number.NEGATIVE_INFINITY, Number.POSITIVE_INFINITY)).toMatchObject({ low: -128, high: 127 });
    expect(stage(0, 6)).toMatchObject({ low: 0, high: 12 });
    expect(stage(0.25, 0.75)).toMatchObject({ low: 1, high: 2 });
    expect(stage(-1.25, 1.25)).toMatchObject({ low: -3, high: 3 });
    expect(stage(-1000, 1000)).toMatchObject({ low: -128, high: 127 });
  });

  it('puts the scales of both operands where layer.ts says', () => {
    const scaleOf = (value: string) => ({ b: 0.3 })[value]!;
    const point = (op: 'add' | 'mul') => ({ ...plainPoint, operand: { op, value: 'b' } });
    expect(quantizePoint(point('add'), Float64Array.of(0.1), 0.7, scaleOf, roundHalfAway, 'n')).toMatchObject({
      scale: Float32Array.of(0.1 / 0.7),
      operandScale: Math.fround(0.3 / 0.7),
    });
    expect(quantizePoint(point('mul'), Float64Array.of(0.1), 0.7, scaleOf, roundHalfAway, 'n')).toMatchObject({
      scale: Float32Array.of((0.1 * 0.3) / 0.7),
      operandScale: 1,
    });
  });

  it('refuses factors that are not finite', () => {
    expect(() => quantizePoint(plainPoint, Float64Array.of(1), 1e-300, noScale, roundHalfAway, 'n')).toThrow(
      /calibrate\/value/,
    );
  });

  it('fills tables for the integers −128 … 127', () => {
    const identity = lookupTable((x) => x, 0.5, 0.5, roundHalfAway);
    expect([...identity]).toEqual(Array.from({ length: 256 }, (_, index) => index - 128));
    const steep = lookupTable((x) => 100 * x, 1, 1, roundHalfAway);
    expect([steep[0], steep[127], steep[128], steep[255]]).toEqual([-128, -100, 0, 127]);
  });
});
