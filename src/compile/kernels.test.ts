import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { roundHalfAway } from '../base/rounding.ts';
import type { Node } from '../graph/graph.ts';
import { float32Tensor, float32Values, type Tensor } from '../graph/tensor.ts';
import { weightScales } from '../quantize/scales.ts';
import { quantizeKernels } from './kernels.ts';
import { type ConvOperation, plainPoint } from './operation.ts';
import { nearestAway } from './testing/expected.ts';

const node: Node = { name: 'Conv_0', op: 'Conv', domain: '', inputs: [], outputs: [], attributes: {}, origin: [] };

function operation(weights: Tensor, bias?: readonly number[], transposed = false): ConvOperation {
  const [outer = 1, inner = 1, r = 1, s = 1] = weights.shape;
  const one = { h: 1, w: 1 };
  return {
    kind: 'conv',
    nodes: [node],
    input: 'x',
    output: 'y',
    shape: {
      kernel: { h: r, w: s },
      stride: one,
      dilation: one,
      padding: { top: 0, left: 0, bottom: 0, right: 0 },
      groups: 1,
      transposed,
      output: { channels: transposed ? inner : outer, height: 1, width: 1 },
    },
    weights,
    ...(bias && { bias: float32Tensor([bias.length], bias) }),
    point: plainPoint,
  };
}

const shapes = fc.tuple(
  fc.integer({ min: 1, max: 5 }),
  fc.integer({ min: 1, max: 5 }),
  fc.constantFrom(1, 2),
  fc.constantFrom(1, 3),
);
const weightTensor = shapes.chain((shape) => {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return fc
    .array(fc.float({ min: -8, max: 8, noNaN: true }), { minLength: count, maxLength: count })
    .map((values) => float32Tensor(shape, values));
});

describe('kernels', () => {
  it('are the nearest integers at the scales of quantize/, in either layout', () => {
    fc.assert(
      fc.property(
        weightTensor,
        fc.boolean(),
        fc.float({ min: Math.fround(0.001), max: 1, noNaN: true }),
        (weights, transposed, inputScale) => {
          const axis = transposed ? 1 : 0;
          const channels = weights.shape[axis]!;
          const bias = Float32Array.from({ length: channels }, (_, k) => (k - 1) * 3.7);
          const found = quantizeKernels(operation(weights, [...bias], transposed), inputScale, roundHalfAway);
          const scales = weightScales(weights, axis, { bias, inputScale });
          expect(found.scales).toEqual(scales);
          const inner = weights.shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
          const rounded = [...float32Values(weights)].map((value, index) =>
            nearestAway(value / scales[Math.floor(index / inner) % channels]!),
          );
          expect([...found.weights]).toEqual(rounded.map((value) => value + 0));
          expect(rounded.every((value) => Math.abs(value) <= 127)).toBe(true);
          const wanted = Array.from(bias, (value, k) => nearestAway(value / (inputScale * scales[k]!)));
          expect([...found.bias]).toEqual([...Int32Array.from(wanted)]);
        },
      ),
    );
  });

  it('are refused when their sum could leave the accumulator', () => {
    const count = 2 ** 31 / (127 * 128);
    const full = (length: number) => float32Tensor([1, length, 1, 1], new Float32Array(length).fill(1));
    expect(() => quantizeKernels(operation(full(Math.floor(count))), 1, roundHalfAway)).not.toThrow();
    expect(() => quantizeKernels(operation(full(Math.ceil(count))), 1, roundHalfAway)).toThrow(
      /compile\/accumulator-overflow/,
    );
    expect(() => quantizeKernels(operation(full(Math.floor(0.6 * count)), [2 ** 30 / 127]), 1, roundHalfAway)).toThrow(
      /Conv_0.*accumulator-overflow/,
    );
  });

  it('are refused when they are not finite, with the node', () => {
    const weights = float32Tensor([1, 2, 1, 1], [1, Number.NaN]);
    expect(() => quantizeKernels(operation(weights), 1, roundHalfAway)).toThrow(/node Conv_0.*calibrate\/value/);
    const fine = float32Tensor([1, 1, 1, 1], [1]);
    expect(() => quantizeKernels(operation(fine, [Number.POSITIVE_INFINITY]), 1, roundHalfAway)).toThrow(
      /node Conv_0.*calibrate\/value/,
    );
  });
});
