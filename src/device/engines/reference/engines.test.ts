import fc from 'fast-check';
import { expect, test } from 'vitest';
import type { Conv, FloatScaleSdp, Pdp, Resize } from '../../../program/layer.ts';
import { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import { launch } from '../../launch.ts';
import { constantCube, cubeBytes, featureCube, featureValues, fillFeature, vectorCube } from '../../testing/cubes.ts';
import { referenceEngines } from './engines.ts';

const state = { engines: referenceEngines() };
const none = { top: 0, left: 0, bottom: 0, right: 0 };
const one = { h: 1, w: 1 };

const convDefaults = {
  kernel: one,
  stride: one,
  dilation: one,
  padding: none,
  padValue: 0,
  groups: 1,
  transposed: false,
  sparse: false,
  truncate: 0,
} satisfies Partial<Conv<Cube>>;

const sdpOf = (bus: Bus, output: Cube, more: Partial<FloatScaleSdp<Cube>> = {}): FloatScaleSdp<Cube> => ({
  arithmetic: 'float-scale',
  scale: vectorCube(bus, Float32Array.of(1)),
  low: -128,
  high: 127,
  output,
  ...more,
});

test('a 3×3 convolution by hand: padding, stride, bias', () => {
  const bus = new Bus();
  const input = fillFeature(bus, featureCube(bus, [1, 1, 3, 3]), [1, 2, 3, 4, 5, 6, 7, 8, 9]);
  const output = featureCube(bus, [1, 2, 2, 2]);
  const weights = Int8Array.from([...[1, 0, 0, 0, 1, 0, 0, 0, 1], ...[0, 0, 0, 0, -2, 0, 0, 0, 0]]);
  const conv: Conv<Cube> = {
    ...convDefaults,
    input,
    weights: constantCube(bus, [2, 1, 3, 3], weights),
    bias: vectorCube(bus, Int32Array.of(10, 0)),
    kernel: { h: 3, w: 3 },
    stride: { h: 2, w: 2 },
    padding: { top: 1, left: 1, bottom: 1, right: 1 },
    padValue: -1,
    output: { channels: 2, height: 2, width: 2 },
  };
  const result = launch({ kind: 'conv', conv, sdp: sdpOf(bus, output) }, bus, state);
  // Diagonal sums around the corners, with −1 in the padding, plus the bias; minus twice the corners.
  expect(featureValues(bus, output)).toEqual([
    -1 + 1 + 5 + 10,
    -1 + 3 - 1 + 10,
    -1 + 7 - 1 + 10,
    5 + 9 - 1 + 10,
    -2,
    -6,
    -14,
    -18,
  ]);
  expect(result.counters.macs).toBe(2 * 4 * 9);
  expect(result.writes).toEqual([output]);
  expect(result.events.map(({ engine }) => engine)).toEqual(['conv', 'sdp']);
});

test('a deconvolution spreads each pixel over its kernel', () => {
  const bus = new Bus();
  const input = fillFeature(bus, featureCube(bus, [1, 1, 1, 2]), [1, 10]);
  const output = featureCube(bus, [1, 1, 2, 4]);
  const weights = constantCube(bus, [1, 1, 2, 2], Int8Array.of(1, 2, 3, 4));
  const conv: Conv<Cube> = {
    ...convDefaults,
    input,
    weights,
    kernel: { h: 2, w: 2 },
    stride: { h: 2, w: 2 },
    transposed: true,
    output: { channels: 1, height: 2, width: 4 },
  };
  launch({ kind: 'conv', conv, sdp: sdpOf(bus, output) }, bus, state);
  expect(featureValues(bus, output)).toEqual([1, 2, 10, 20, 3, 4, 30, 40]);
});

test('the single-point steps come in their order', () => {
  const bus = new Bus();
  const input = fillFeature(bus, featureCube(bus, [1, 2, 1, 3]), [-10, 1, 100, -10, 1, 100]);
  const operand = fillFeature(bus, featureCube(bus, [1, 2, 1, 1]), [4, -4]);
  const output = featureCube(bus, [1, 2, 1, 3]);
  const lut = vectorCube(
    bus,
    Int8Array.from({ length: 256 }, (_, i) => -(i - 128) - 1),
  );
  const sdp = sdpOf(bus, output, {
    input,
    scale: vectorCube(bus, Float32Array.of(2, 0.5)),
    shift: vectorCube(bus, Float32Array.of(1)),
    operand: { op: 'add', input: operand, scale: 0.25 },
    slope: vectorCube(bus, Float32Array.of(0.5)),
    low: -9,
    lut,
  });
  const { counters } = launch({ kind: 'sdp', sdp }, bus, state);
  // −20+1+1 = −18 → −9; 2+1+1 = 4; 202 → 127 (saturated); −5+1−1 = −5 → −2.5 → −3; 0.5+1−1 = 0.5 → 1; 50+1−1 = 50.
  expect(featureValues(bus, output)).toEqual([-9, 4, 127, -3, 1, 50].map((v) => -v - 1));
  expect(counters.saturated).toBe(1);
});

test('averages with and without padding, and a convolution that feeds pooling without a surface', () => {
  const bus = new Bus();
  const input = fillFeature(bus, featureCube(bus, [1, 1, 2, 2]), [1, 2, 4, 8]);
  const base = {
    mode: 'average',
    kernel: { h: 2, w: 2 },
    stride: one,
    padding: { top: 1, left: 1, bottom: 0, right: 0 },
  } as const;
  for (const [countPadding, expected] of [
    [true, [0, 1, 1, 4]],
    [false, [1, 2, 3, 4]],
  ] as const) {
    const output = featureCube(bus, [1, 1, 2, 2]);
    const pdp: Pdp<Cube> = { ...base, countPadding, output };
    launch({ kind: 'pdp', pdp: { ...pdp, input } }, bus, state);
    expect(featureValues(bus, output)).toEqual(expected);
    const { output: _, ...sdp } = sdpOf(bus, output);
    const conv = {
      ...convDefaults,
      input,
      weights: constantCube(bus, [1, 1, 1, 1], Int8Array.of(1)),
      output: { channels: 1, height: 2, width: 2 },
    };
    const result = launch({ kind: 'conv', conv, sdp, pdp }, bus, state);
    expect(featureValues(bus, output)).toEqual(expected);
    expect(result.events.map(({ engine }) => engine)).toEqual(['conv', 'sdp', 'pdp']);
  }
});

test('linear resize is half-pixel interpolation from scale to scale, rounded and cut off once', () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 1, max: 4 }),
      fc.integer({ min: 1, max: 4 }),
      fc.array(fc.integer({ min: -128, max: 127 }), { minLength: 6, maxLength: 6 }),
      fc.constantFrom(1, 0.37, 3.1),
      (sy, sx, values, ratio) => {
        const bus = new Bus();
        const input = fillFeature(bus, featureCube(bus, [1, 1, 2, 3]), values);
        const output = featureCube(bus, [1, 1, 2 * sy, 3 * sx]);
        const resize: Resize<Cube> = {
          input,
          mode: 'linear',
          factor: Math.fround(ratio / (4 * sy * sx)),
          scale: { h: sy, w: sx },
          output,
        };
        launch({ kind: 'resize', resize }, bus, state);
        const at = (y: number, x: number) => values[Math.min(Math.max(y, 0), 1) * 3 + Math.min(Math.max(x, 0), 2)]!;
        featureValues(bus, output).forEach((value, i) => {
          const y = (Math.floor(i / (3 * sx)) + 0.5) / sy - 0.5;
          const x = ((i % (3 * sx)) + 0.5) / sx - 0.5;
          const [fy, fx] = [y - Math.floor(y), x - Math.floor(x)];
          const row = (r: number) => at(r, Math.floor(x)) * (1 - fx) + at(r, Math.floor(x) + 1) * fx;
          const real = ratio * (row(Math.floor(y)) * (1 - fy) + row(Math.floor(y) + 1) * fy);
          const exact = Math.min(Math.max(real, -128), 127);
          expect(Math.abs(value - exact)).toBeLessThanOrEqual(0.5001);
        });
      },
    ),
  );
});

test.each([
  ['asymmetric', 'floor', [0, 0, 0, 1, 1, 1]],
  ['half_pixel', 'half_down', [0, 0, 0, 1, 1, 1]],
  ['half_pixel', 'half_up', [0, 0, 0, 1, 1, 1]],
] as const)('nearest, %s %s', (coordinates, rounding, expected) => {
  const bus = new Bus();
  const input = fillFeature(bus, featureCube(bus, [1, 1, 1, 2]), [0, 1]);
  const output = featureCube(bus, [1, 1, 1, 6]);
  launch(
    { kind: 'resize', resize: { input, mode: 'nearest', coordinates, rounding, scale: { h: 1, w: 3 }, output } },
    bus,
    state,
  );
  expect(featureValues(bus, output)).toEqual(expected);
});

test('a copy moves its channels and leaves the others', () => {
  const bus = new Bus();
  const input = fillFeature(bus, featureCube(bus, [2, 3, 1, 1]), [1, 2, 3, 4, 5, 6]);
  const output = fillFeature(bus, featureCube(bus, [2, 4, 1, 1]), [9, 9, 9, 9, 8, 8, 8, 8]);
  launch({ kind: 'copy', copy: { input, inputChannel: 1, outputChannel: 2, channels: 2, output } }, bus, state);
  expect(featureValues(bus, output)).toEqual([9, 9, 2, 3, 8, 8, 5, 6]);
});

test('the channels that fill up the last atom are written as zeros', () => {
  const bus = new Bus();
  const input = fillFeature(bus, featureCube(bus, [1, 3, 1, 1], 'dla_linear'), [1, 2, 3]);
  const output = featureCube(bus, [1, 3, 1, 1]);
  bus.write(output.address, new Uint8Array(output.size).fill(77));
  launch({ kind: 'copy', copy: { input, inputChannel: 0, outputChannel: 0, channels: 3, output } }, bus, state);
  expect([...cubeBytes(bus, output)]).toEqual([1, 2, 3, ...new Array(29).fill(0)]);
});

test('a cube that leaves memory is a fault, and nothing is written', () => {
  const bus = new Bus();
  const input = featureCube(bus, [1, 32, 2, 2]);
  const output = featureCube(bus, [1, 32, 2, 2]);
  const sdp = sdpOf(bus, { ...output, lineStride: 1 << 20 }, { input });
  expect(() => launch({ kind: 'sdp', sdp }, bus, state)).toThrow('device/fault');
  expect(() => launch({ kind: 'sdp', sdp: { ...sdp, output: { ...output, lineStride: 1 } } }, bus, state)).toThrow(
    'device/fault',
  );
  expect(() =>
    launch({ kind: 'sdp', sdp: { ...sdp, input: { ...input, shape: [1, 32, 2, 2 ** 40] } } }, bus, state),
  ).toThrow('device/fault');
});
