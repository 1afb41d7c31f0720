import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { elementCount, float32Tensor, type Tensor, type WeightScales } from './tensor.ts';
import { multipliedScales, reshaped, scalesAlong, transposedScales } from './weight-scales.ts';

/** The scale of the element at an index. */
function scaleAt({ shape, values }: WeightScales, index: readonly number[]): number {
  const at = shape.reduce((sum, dim, axis) => sum * dim + (dim === 1 ? 0 : index[axis]!), 0);
  return values[at]!;
}

const indexOf = (shape: readonly number[], at: number): number[] =>
  shape.map((dim, axis) => Math.floor(at / elementCount(shape.slice(axis + 1))) % dim);

const dims = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });

/** A tensor with scales along some of its axes. */
const scaled = dims.chain((shape) =>
  fc.array(fc.boolean(), { minLength: shape.length, maxLength: shape.length }).map((along): Tensor => {
    const wide = shape.map((dim, axis) => (along[axis] ? dim : 1));
    const values = Float32Array.from({ length: elementCount(wide) }, (_, at) => at + 1);
    const elements = Float32Array.from({ length: elementCount(shape) }, (_, at) => at);
    return { ...float32Tensor(shape, elements), scales: { shape: wide, values } };
  }),
);

describe('scales of weights', () => {
  it('follow their elements through a reshape', () => {
    fc.assert(
      fc.property(scaled, fc.boolean(), (tensor, flat) => {
        const count = elementCount(tensor.shape);
        const shape = flat ? [count] : [...tensor.shape.slice(1), tensor.shape[0]!];
        const result = reshaped(tensor, shape);
        for (let at = 0; at < count; at++) {
          expect(scaleAt(result.scales!, indexOf(shape, at))).toBe(scaleAt(tensor.scales!, indexOf(tensor.shape, at)));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('follow their elements through a transposition', () => {
    const withOrder = scaled.chain((tensor) =>
      fc.tuple(
        fc.constant(tensor),
        fc.shuffledSubarray(
          tensor.shape.map((_, axis) => axis),
          { minLength: tensor.shape.length },
        ),
      ),
    );
    fc.assert(
      fc.property(withOrder, ([tensor, order]) => {
        const result = transposedScales(tensor.scales!, order);
        const shape = order.map((axis) => tensor.shape[axis]!);
        for (let at = 0; at < elementCount(shape); at++) {
          const index = indexOf(shape, at);
          const from = tensor.shape.map((_, axis) => index[order.indexOf(axis)]!);
          expect(scaleAt(result, index)).toBe(scaleAt(tensor.scales!, from));
        }
      }),
      { numRuns: 200 },
    );
  });

  it('are one for each channel where they vary along no other axis', () => {
    const tensor = (shape: number[], along: number[]): Tensor => ({
      ...float32Tensor([2, 3], new Float32Array(6)),
      scales: { shape, values: Float32Array.from(along) },
    });
    expect(scalesAlong(tensor([1, 1], [5]), 1)).toEqual(Float32Array.of(5, 5, 5));
    expect(scalesAlong(tensor([1, 3], [1, 2, 3]), 1)).toEqual(Float32Array.of(1, 2, 3));
    expect(scalesAlong(tensor([2, 1], [1, 2]), 1)).toBeUndefined();
    expect(scalesAlong(float32Tensor([2], [0, 0]), 0)).toBeUndefined();
  });

  it('grow and shrink with factors, and keep what a factor of 0 leaves of them', () => {
    const scales = { shape: [1, 1], values: Float32Array.of(0.5) };
    const factors = [2, -1, 0];
    const result = multipliedScales(scales, [2, 3], 1, (at) => factors[at]!);
    expect(result).toEqual({ shape: [1, 3], values: Float32Array.of(1, 0.5, 0.5) });
  });
});
