/** The phases of a deconvolution, each a plain convolution, against the deconvolution as ONNX defines it. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../../base/random.ts';
import { float32Tensor, numbers, type Tensor } from '../../graph/tensor.ts';
import type { ConvShape } from '../operation.ts';
import { phasesOf, phaseWeights } from './deconvolution.ts';

type Size = readonly [height: number, width: number];

/** out[k][y·s + r·d − top][x·s + s·d − left] += w[c][k][r][s] · in[c][y][x] */
function scattered(shape: ConvShape, data: Tensor, weights: Tensor): number[] {
  const [, channels = 1, height = 1, width = 1] = data.shape;
  const { kernel, stride, dilation, padding, groups, output } = shape;
  const [input, values] = [numbers(data), numbers(weights)];
  const result = new Array<number>(output.channels * output.height * output.width).fill(0);
  const [inputs, kernels] = [channels / groups, output.channels / groups];
  for (let c = 0; c < channels; c++) {
    for (let k = 0; k < kernels; k++) {
      const plane = (Math.floor(c / inputs) * kernels + k) * output.height;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) {
          for (let r = 0; r < kernel.h; r++) {
            for (let s = 0; s < kernel.w; s++) {
              const row = y * stride.h + r * dilation.h - padding.top;
              const column = x * stride.w + s * dilation.w - padding.left;
              if (row < 0 || column < 0 || row >= output.height || column >= output.width) continue;
              result[(plane + row) * output.width + column]! +=
                input[(c * height + y) * width + x]! * values[((c * kernels + k) * kernel.h + r) * kernel.w + s]!;
            }
          }
        }
      }
    }
  }
  return result;
}

function convolved({ kernel, dilation, padding, groups, output }: ConvShape, data: Tensor, weights: Tensor) {
  const [, channels = 1, height = 1, width = 1] = data.shape;
  const [input, values] = [numbers(data), numbers(weights)];
  const [inputs, kernels] = [channels / groups, output.channels / groups];
  return (k: number, y: number, x: number): number => {
    let sum = 0;
    for (let c = 0; c < inputs; c++) {
      for (let r = 0; r < kernel.h; r++) {
        for (let s = 0; s < kernel.w; s++) {
          const row = y + r * dilation.h - padding.top;
          const column = x + s * dilation.w - padding.left;
          if (row < 0 || column < 0 || row >= height || column >= width) continue;
          const channel = Math.floor(k / kernels) * inputs + c;
          sum +=
            input[(channel * height + row) * width + column]! *
            values[((k * inputs + c) * kernel.h + r) * kernel.w + s]!;
        }
      }
    }
    return sum;
  };
}

describe('the phases of a deconvolution', () => {
  const axis = fc.record({
    size: fc.integer({ min: 1, max: 5 }),
    kernel: fc.integer({ min: 1, max: 6 }),
    stride: fc.integer({ min: 1, max: 4 }),
    dilation: fc.integer({ min: 1, max: 3 }),
    before: fc.nat({ max: 5 }),
    after: fc.nat({ max: 5 }),
    more: fc.nat({ max: 3 }),
  });
  const given = fc.record({
    h: axis,
    w: axis,
    groups: fc.integer({ min: 1, max: 3 }),
    inputs: fc.integer({ min: 1, max: 3 }),
    kernels: fc.integer({ min: 1, max: 3 }),
    seed: fc.nat(),
  });

  it('give what it gives, whatever its strides, padding and cropping', () => {
    fc.assert(
      fc.property(given, ({ h, w, groups, inputs, kernels, seed }) => {
        const along = ({ size, kernel, stride, dilation, before, after, more }: typeof h): number =>
          (size - 1) * stride + (kernel - 1) * dilation + 1 - before - after + Math.min(more, stride - 1);
        fc.pre(along(h) > 0 && along(w) > 0);
        const size: Size = [h.size, w.size];
        const shape: ConvShape = {
          kernel: { h: h.kernel, w: w.kernel },
          stride: { h: h.stride, w: w.stride },
          dilation: { h: h.dilation, w: w.dilation },
          padding: { top: h.before, left: w.before, bottom: h.after, right: w.after },
          groups,
          transposed: true,
          output: { channels: groups * kernels, height: along(h), width: along(w) },
        };
        const random = new Random(seed);
        const integers = (dims: readonly number[]) =>
          float32Tensor(
            dims,
            Array.from({ length: dims.reduce((count, dim) => count * dim, 1) }, () =>
              Math.round(random.between(-9, 9)),
            ),
          );
        const data = integers([1, groups * inputs, ...size]);
        const weights = integers([groups * inputs, kernels, h.kernel, w.kernel]);
        const result = new Array<number>(groups * kernels * along(h) * along(w)).fill(Number.NaN);
        for (const phase of phasesOf(shape, size)) {
          const { padding, kernel, dilation, output } = phase.shape;
          expect(Math.min(...Object.values(padding))).toBeGreaterThanOrEqual(0);
          // What the core makes of the input is just as large as the phase.
          expect(size[0] + padding.top + padding.bottom - (kernel.h - 1) * dilation.h).toBe(output.height);
          expect(size[1] + padding.left + padding.right - (kernel.w - 1) * dilation.w).toBe(output.width);
          const at = convolved(phase.shape, data, phaseWeights(weights, phase));
          for (let k = 0; k < groups * kernels; k++) {
            for (let y = 0; y < output.height; y++) {
              for (let x = 0; x < output.width; x++) {
                const [row, column] = [y * h.stride + phase.row, x * w.stride + phase.column];
                result[(k * along(h) + row) * along(w) + column] = at(k, y, x);
              }
            }
          }
        }
        expect(result.map((value) => value + 0)).toEqual(scattered(shape, data, weights).map((value) => value + 0));
      }),
      { numRuns: 300 },
    );
  });

  it('has no more taps than meet an output pixel', () => {
    const shape: ConvShape = {
      kernel: { h: 4, w: 4 },
      stride: { h: 2, w: 2 },
      dilation: { h: 1, w: 1 },
      padding: { top: 1, left: 1, bottom: 1, right: 1 },
      groups: 1,
      transposed: true,
      output: { channels: 8, height: 20, width: 20 },
    };
    const phases = phasesOf(shape, [10, 10]);
    expect(phases.map(({ rows, columns }) => [rows, columns])).toEqual([
      [
        [3, 1],
        [3, 1],
      ],
      [
        [3, 1],
        [2, 0],
      ],
      [
        [2, 0],
        [3, 1],
      ],
      [
        [2, 0],
        [2, 0],
      ],
    ]);
  });
});
