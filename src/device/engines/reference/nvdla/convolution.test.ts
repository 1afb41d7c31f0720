import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Conv, ConvCore } from '../../../../program/layer.ts';
import { pixelFormats } from '../../../../program/nvdla/pixel-formats.ts';
import { Bus } from '../../../bus.ts';
import type { Cube } from '../../../launch.ts';
import { referenceEngines } from '../engines.ts';
import { convolve } from './convolution.ts';

const base = 0x8000_0000n;
const weightsAt = base + 0x8000n;

const core: ConvCore = {
  precision: 'int8',
  kernelGroup: 8,
  channelBlock: 16,
  accumulatorChannels: 8,
  accumulatorBits: 34,
  cbuf: { dataBanks: 1, weightBanks: 1 },
  reuse: { data: false, weights: false },
  keep: { data: false, weights: false },
};

const vector = (size: number): Cube => ({
  address: weightsAt,
  shape: [1, size, 1, 1],
  dtype: 'int8',
  format: 'vector',
  lineStride: 0,
  surfaceStride: 0,
  batchStride: 0,
  size,
});

/** A convolution of 3 kernels over an image of 6 × 5 pixels. */
function overImage(rowsPerBlock: 1 | 2 | 4, order: readonly number[], rows: number): Conv<Cube> {
  return {
    input: {
      address: base,
      shape: [1, 4, 6, 5],
      dtype: 'int8',
      format: 'dla_hwc4',
      lineStride: 32,
      surfaceStride: 0,
      batchStride: 0,
      size: 5 * 32 + 20,
    },
    weights: vector(3 * rows * 2 * 4),
    kernel: { h: rows, w: 2 },
    stride: { h: 2, w: 1 },
    dilation: { h: 1, w: 1 },
    padding: { top: 1, left: 1, bottom: 1, right: 0 },
    padValue: 5,
    groups: 1,
    transposed: false,
    output: { channels: 3, height: Math.floor((8 - rows) / 2) + 1, width: 5 },
    sparse: false,
    truncate: 0,
    core: { ...core, image: { order, rowsPerBlock } },
  };
}

const bytes = (count: number) => fc.uint8Array({ minLength: count, maxLength: count });

function run(conv: Conv<Cube>, image: Uint8Array, weights: Uint8Array): readonly number[] {
  const bus = new Bus();
  bus.map(base, 0x10000);
  bus.write(base, image);
  bus.write(weightsAt, weights);
  return [...convolve(conv, bus, { engines: referenceEngines(), nvdla: {} }).data];
}

describe('convolution over an image', () => {
  it('equals the sum of its products, however many rows a block of weights has', () => {
    const extension = fc.constantFrom([1, 3] as const, [2, 3] as const, [2, 4] as const, [4, 5] as const);
    fc.assert(
      fc.property(extension, bytes(192), bytes(120), ([rowsPerBlock, rows], image, stream) => {
        const conv = overImage(rowsPerBlock, [0, 1, 2, 3], rows);
        const signed = (value: number): number => (value << 24) >> 24;
        // Block by block of rows, in each kernel by kernel.
        const weight = (k: number, r: number, s: number, c: number): number => {
          const first = Math.floor(r / rowsPerBlock) * rowsPerBlock;
          const height = Math.min(rowsPerBlock, rows - first);
          return signed(stream[first * 8 * 3 + (k * height + (r - first)) * 8 + s * 4 + c]!);
        };
        const pixel = (y: number, x: number, c: number): number =>
          y >= 0 && y < 6 && x >= 0 && x < 5 ? signed(image[y * 32 + x * 4 + c]!) : 5;
        const expected: number[] = [];
        for (let k = 0; k < 8; k++) {
          for (let y = 0; y < conv.output.height; y++) {
            for (let x = 0; x < 5; x++) {
              let sum = 0;
              for (let r = 0; r < rows; r++) {
                for (let s = 0; s < 2; s++) {
                  for (let c = 0; c < 4 && k < 3; c++) sum += weight(k, r, s, c) * pixel(y * 2 + r - 1, x + s - 1, c);
                }
              }
              expected.push(sum);
            }
          }
        }
        expect(run(conv, image, stream)).toEqual(expected);
      }),
      { numRuns: 60 },
    );
  });

  it('sees the same image in every order of components', () => {
    const orders = [...pixelFormats.values()].filter(({ type, order }) => type === 'int8' && order.length === 4);
    fc.assert(
      fc.property(fc.constantFrom(...orders), bytes(192), bytes(72), ({ order }, image, weights) => {
        const reordered = image.map((_, at) => image[at - (at % 4) + order.indexOf(at % 4)]!);
        expect(run(overImage(1, order, 3), reordered, weights)).toEqual(
          run(overImage(1, [0, 1, 2, 3], 3), image, weights),
        );
      }),
      { numRuns: 60 },
    );
  });

  it('subtracts the mean of each component and scales, unsigned pixels too', () => {
    const plain = overImage(1, [0, 1, 2, 3], 3);
    const image = new Uint8Array(192).fill(200);
    const weights = new Uint8Array(72).fill(1);
    const mean = [190, 200, 210, 200];
    const convert = { offset: 99, scale: 3, shift: 1 };
    const conv: Conv<Cube> = {
      ...plain,
      core: { ...core, convert, image: { order: [0, 1, 2, 3], unsigned: 8, mean, rowsPerBlock: 1 } },
    };
    const converted = image.map((_, at) => [15, 0, 0xf1, 0][at % 4]!);
    expect(run(conv, image, weights)).toEqual(run(plain, converted, weights));
  });
});
