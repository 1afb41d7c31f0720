import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rounding } from '../base/rounding.ts';
import { bytes } from '../base/units.ts';
import { Bus } from '../device/bus.ts';
import { cubeBytes, featureCube, featureValues, fillFeature } from '../device/testing/cubes.ts';
import type { Shape4, Surface, SurfaceFormat } from '../program/surface.ts';
import { dequantize, packSurface, quantize, unpackSurface } from './pack.ts';

/** The definition, with the tie decided on exact halves. */
function reference(x: number, scale: number, rounding: Rounding): number {
  const t = Math.fround(x / Math.fround(scale));
  const floor = Math.floor(t);
  const rest = t - floor;
  const below = rounding === 'half-even' ? floor % 2 === 0 : t < 0;
  const rounded = rest < 0.5 || (rest === 0.5 && below) ? floor : floor + 1;
  return Math.min(127, Math.max(-128, rounded)) + 0;
}

const roundings = fc.constantFrom<Rounding>('half-even', 'half-away');
const scales = fc.float({ min: Math.fround(2 ** -100), max: Math.fround(2 ** 100), noNaN: true });

describe('quantize', () => {
  it('rounds as the target does and saturates', () => {
    const values = [
      0,
      0.5,
      1.5,
      2.5,
      -0.5,
      -1.5,
      126.5,
      127.4,
      127.5,
      1e30,
      -127.5,
      -128.5,
      -1e30,
      Infinity,
      -Infinity,
    ];
    const integers = (rounding: Rounding) => [...(quantize(Float32Array.from(values), 1, rounding) as Int8Array)];
    expect(integers('half-even')).toEqual([0, 0, 2, 2, 0, -2, 126, 127, 127, 127, -128, -128, -128, 127, -128]);
    expect(integers('half-away')).toEqual([0, 1, 2, 3, -1, -2, 127, 127, 127, 127, -128, -128, -128, 127, -128]);
  });

  it('is the definition for any number and scale', () => {
    const real = fc.oneof(
      fc.float({ noNaN: true }),
      fc.integer({ min: -300, max: 300 }).map((n) => n / 2),
    );
    fc.assert(
      fc.property(
        fc.array(real, { minLength: 1, maxLength: 50 }),
        scales,
        fc.boolean(),
        roundings,
        (values, scale, relative, rounding) => {
          // Numbers near the integers of the scale are where rounding decides.
          const inputs = Float32Array.from(values, (value) => (relative ? value * scale : value)).map((v) =>
            Number.isNaN(v) ? 0 : v,
          );
          const expected = [...inputs].map((x) => reference(x, scale, rounding));
          expect([...(quantize(inputs, scale, rounding) as Int8Array)]).toEqual(expected);
        },
      ),
    );
  });

  it('undoes dequantize', () => {
    const every = Int8Array.from({ length: 256 }, (_, index) => index - 128);
    fc.assert(
      fc.property(scales, roundings, (scale, rounding) => {
        expect(quantize(dequantize(every, scale), scale, rounding)).toEqual(every);
      }),
    );
  });

  it('tells where the first NaN is', () => {
    expect(quantize(Float32Array.of(1, 2, Number.NaN, Number.NaN), 1, 'half-away')).toBe(2);
  });
});

const shapes = fc.tuple(
  fc.integer({ min: 1, max: 3 }),
  fc.integer({ min: 1, max: 70 }),
  fc.integer({ min: 1, max: 6 }),
  fc.integer({ min: 1, max: 9 }),
);

const surfaces: fc.Arbitrary<{ format: SurfaceFormat; shape: Shape4; slack: number }> = fc
  .record({
    format: fc.constantFrom<SurfaceFormat>('chw32', 'chw16', 'chw8', 'dla_linear', 'dla_hwc4'),
    shape: shapes,
    slack: fc.constantFrom(0, 0, 2),
  })
  .map(({ format, shape: [n, c, h, w], slack }) => ({
    format,
    shape: [n, format === 'dla_hwc4' ? ([1, 3, 4][c % 3] as number) : c, h, w] as const,
    slack,
  }));

describe('surfaces', () => {
  it('are laid out as the engines read them, and taken out as they write them', () => {
    fc.assert(
      fc.property(surfaces, fc.integer({ min: 0, max: 2 ** 31 - 1 }), ({ format, shape, slack }, seed) => {
        const bus = new Bus();
        const cube = featureCube(bus, shape, format, slack);
        const surface = surfaceOf(cube);
        const values = Int8Array.from({ length: shape.reduce((a, b) => a * b) }, (_, i) => (i * 73 + seed) % 256);
        const memory = new Uint8Array(cube.size).fill(0x5a);
        packSurface(values, surface, memory);
        bus.write(cube.address, memory);
        expect(featureValues(bus, cube)).toEqual([...values]);
        // What fills up atoms and rows is zero.
        expect(memory.filter((byte) => byte !== 0)).toHaveLength(values.filter((value) => value !== 0).length);
        expect(unpackSurface(surface, memory)).toEqual(values);
        const written = fillFeature(bus, featureCube(bus, shape, format, slack), values);
        expect(unpackSurface(surface, cubeBytes(bus, written))).toEqual(values);
      }),
    );
  });

  it('must be int8 features', () => {
    const cube = featureCube(new Bus(), [1, 1, 1, 1]);
    const weights: Surface = { ...surfaceOf(cube), format: 'kcrs' };
    expect(() => unpackSurface(weights, new Uint8Array(64))).toThrow(TypeError);
    expect(() => packSurface(new Int8Array(1), weights, new Uint8Array(64))).toThrow(TypeError);
  });
});

function surfaceOf(cube: ReturnType<typeof featureCube>): Surface {
  const { shape, dtype, format } = cube;
  return {
    id: 0,
    name: 'value',
    shape,
    dtype,
    format,
    lineStride: bytes(cube.lineStride),
    surfaceStride: bytes(cube.surfaceStride),
    batchStride: bytes(cube.batchStride),
    size: bytes(cube.size),
    memory: 'io',
    offset: bytes(0),
    scale: 1,
  };
}
