/** Random pipelines for property tests of the engines: every parameter that changes which bytes come out. */

import fc from 'fast-check';
import { float16Bits } from '../../base/float16.ts';
import type { Conv, Float16Sdp, FloatScaleSdp, Pdp, Pipeline, Resize } from '../../program/layer.ts';
import type { Shape4, SurfaceFormat } from '../../program/surface.ts';
import type { Bus } from '../bus.ts';
import type { Cube } from '../launch.ts';
import { constantCube, featureCube, fillFeature, vectorCube } from './cubes.ts';
import { extent, type Next, randomInts } from './random.ts';

/** Puts a pipeline and its data on a bus; the same seed gives the same bytes on every bus. */
export interface Scenario {
  readonly label: string;
  build(bus: Bus): { readonly pipeline: Pipeline<Cube>; readonly output: Cube };
}

type Fill = 'random' | 'small' | 'lowest' | 'highest' | 'ends';

/** The types of what a launch reads and writes. */
export interface Types {
  readonly input: 'int8' | 'float16';
  readonly operand: 'int8' | 'float16';
  readonly output: 'int8' | 'float16';
}

const onlyIntegers = fc.constant<Types>({ input: 'int8', operand: 'int8', output: 'int8' });

/** Everything but int8 throughout; FP16 alone more often than what mixes. */
export const withHalves: fc.Arbitrary<Types> = fc.oneof(
  fc.constant<Types>({ input: 'float16', operand: 'float16', output: 'float16' }),
  fc
    .record({ input: types(), operand: types(), output: types() })
    .filter(({ input, operand, output }) => [input, operand, output].includes('float16')),
);

function types(): fc.Arbitrary<'int8' | 'float16'> {
  return fc.constantFrom('int8', 'float16');
}

function int8Data(length: number, fill: Fill, next: Next): Int8Array {
  const one = {
    random: () => next(-128, 127),
    small: () => next(-3, 3),
    lowest: () => -128,
    highest: () => 127,
    ends: () => (next(0, 1) ? 127 : -128),
  }[fill];
  return Int8Array.from({ length }, one);
}

/** Zeros, the smallest and the largest numbers, infinities, NaN with several patterns. */
const ends = [0, 0x8000, 1, 0x8001, 0x3ff, 0x400, 0x3c00, 0x7bff, 0xfbff, 0x7c00, 0xfc00, 0x7e00, 0xfc01];

/** Bits of halves. `random`: sums of them stay in the range of halves, mostly. */
function halfData(length: number, fill: Fill, next: Next): Uint16Array {
  const one = {
    random: () => (next(0, 1) << 15) | (next(8, 18) << 10) | next(0, 1023),
    small: () => float16Bits(next(-12, 12) / 4),
    lowest: () => 0xfbff,
    highest: () => 0x7bff,
    ends: () => (next(0, 3) > 0 ? next(0, 0x7bff) : ends[next(0, ends.length - 1)]!),
  }[fill];
  return Uint16Array.from({ length }, one);
}

const elements = (dtype: 'int8' | 'float16', length: number, fill: Fill, next: Next) =>
  dtype === 'int8' ? int8Data(length, fill, next) : halfData(length, fill, next);

/** Weights are finite. */
const weightData = (dtype: 'int8' | 'float16', length: number, fill: Fill, next: Next) =>
  dtype === 'int8'
    ? int8Data(length, fill, next)
    : halfData(length, fill, next).map((bits) => ((bits & 0x7c00) === 0x7c00 ? bits & 0xbfff : bits));

/** As many bytes in an atom of either type. */
function formatFor(dtype: 'int8' | 'float16', format: SurfaceFormat): SurfaceFormat {
  if (dtype === 'int8') return format;
  return format === 'chw32' ? 'chw16' : format === 'chw16' ? 'chw8' : format;
}

const feature = (bus: Bus, shape: Shape4, dtype: 'int8' | 'float16', format: SurfaceFormat, slack = 0): Cube =>
  featureCube(bus, shape, formatFor(dtype, format), slack, dtype);

const fills = fc.constantFrom<Fill>('random', 'random', 'small', 'lowest', 'highest', 'ends');
const formats = fc.constantFrom<SurfaceFormat>('chw32', 'chw32', 'chw32', 'chw16', 'dla_linear');

/** Scales: ordinary ones, powers of two that make ties, ones that saturate, and zero. */
const scales = fc.oneof(
  fc.double({ min: 1e-4, max: 0.02, noNaN: true }),
  fc.constantFrom(0.5, 0.25, 0.125, 1 / 64, 1 / 1024, 1, 3, 1000, -0.5, 0),
);

const sdpOptions = fc.record({
  perChannel: fc.boolean(),
  scale: scales,
  shift: fc.option(fc.constantFrom(0.5, -0.5, 3.25, -1e9), { nil: undefined }),
  slope: fc.option(fc.constantFrom(0.1, 0.5, -1, 0), { nil: undefined }),
  operand: fc.option(
    fc.record({
      op: fc.constantFrom('add', 'add', 'sub', 'mul', 'max', 'min' as const),
      scale: fc.constantFrom(1, 0.5, 0.3, 0.017),
      broadcast: fc.boolean(),
      inPlace: fc.boolean(),
      fill: fills,
    }),
    { nil: undefined },
  ),
  clamp: fc.constantFrom<readonly [number, number]>([-128, 127], [-128, 127], [0, 127], [-128, 0], [3, 90], [-7, -7]),
  lut: fc.boolean(),
  format: formats,
  slack: fc.integer({ min: 0, max: 2 }),
});

type SdpOptions = typeof sdpOptions extends fc.Arbitrary<infer T> ? T : never;

function buildSdp(
  bus: Bus,
  options: SdpOptions,
  { operand: operandType, output: type }: Types,
  shape: Shape4,
  next: Next,
  isLast: boolean,
) {
  const channels = shape[1];
  const vector = (value: number) =>
    vectorCube(
      bus,
      Float32Array.from({ length: options.perChannel ? channels : 1 }, (_, c) => value * (c % 5 === 4 ? 0.75 : 1)),
    );
  const output = isLast ? feature(bus, shape, type, options.format, options.slack) : undefined;
  const operand = options.operand && { ...options.operand, inPlace: options.operand.inPlace && operandType === type };
  const broadcast = operand?.broadcast && !operand.inPlace;
  const operandShape: Shape4 = broadcast ? [shape[0], channels, 1, 1] : shape;
  const operandCube =
    operand && (operand.inPlace && output ? output : feature(bus, operandShape, operandType, options.format));
  if (operand && operandCube) {
    fillFeature(
      bus,
      operandCube,
      elements(
        operandType,
        operandShape.reduce((a, b) => a * b),
        operand.fill,
        next,
      ),
    );
  }
  const [low, high] = options.clamp;
  const common = {
    scale: vector(options.scale),
    ...(options.shift !== undefined && { shift: vector(options.shift) }),
    ...(options.slope !== undefined && { slope: vector(options.slope) }),
    ...(operand && operandCube && { operand: { op: operand.op, input: operandCube, scale: operand.scale } }),
    ...(output && { output }),
  };
  if (type === 'int8') {
    const lut = options.lut && { lut: vectorCube(bus, int8Data(256, 'random', next)) };
    const sdp: FloatScaleSdp<Cube> = { arithmetic: 'float-scale', ...common, low, high, ...lut };
    return { sdp, output };
  }
  const { scale, ...unscaled } = common;
  const sdp: Float16Sdp<Cube> = {
    arithmetic: 'float16',
    ...unscaled,
    // Where there is no factor at all, nothing is multiplied.
    ...(options.scale !== 1 && { scale }),
    ...(low > -128 && { low }),
    ...(high < 127 && { high }),
    ...(options.lut && { lut: vectorCube(bus, halfData(65_536, 'ends', next)) }),
  };
  return { sdp, output };
}

const poolOptions = fc.record({
  mode: fc.constantFrom('max', 'min', 'average' as const),
  kernel: extent(1, 4),
  stride: extent(1, 3),
  pad: extent(0, 3),
  countPadding: fc.boolean(),
  format: formats,
});

type PoolOptions = typeof poolOptions extends fc.Arbitrary<infer T> ? T : never;

function buildPool(bus: Bus, options: PoolOptions, type: Types['output'], input: Shape4): Pdp<Cube> {
  const kernel = { h: Math.min(options.kernel.h, input[2]), w: Math.min(options.kernel.w, input[3]) };
  const top = Math.min(options.pad.h, kernel.h - 1);
  const left = Math.min(options.pad.w, kernel.w - 1);
  const { stride } = options;
  const height = Math.floor((input[2] + top - kernel.h) / stride.h) + 1;
  const width = Math.floor((input[3] + left - kernel.w) / stride.w) + 1;
  return {
    mode: options.mode,
    kernel,
    stride,
    padding: { top, left, bottom: 0, right: 0 },
    countPadding: options.countPadding,
    output: feature(bus, [input[0], input[1], height, width], type, options.format),
  };
}

const tooLarge = 800_000;

const convOptions = fc.record({
  seed: fc.integer(),
  batch: fc.integer({ min: 1, max: 3 }),
  shape: fc.constantFrom(
    'dense',
    'dense',
    'dense',
    'grouped',
    'depthwise',
    'transposed',
    'transposed grouped' as const,
  ),
  format: fc.constantFrom<SurfaceFormat>('chw32', 'chw32', 'chw32', 'dla_hwc4', 'dla_linear', 'chw16'),
  channels: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(16, 32, 48, 64, 96, 130)),
  kernels: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(8, 32, 64, 72)),
  groups: fc.integer({ min: 1, max: 6 }),
  size: extent(1, 11),
  kernel: extent(1, 4),
  stride: extent(1, 3),
  dilation: extent(1, 2),
  pad: fc.record({ top: fc.nat(3), left: fc.nat(3), bottom: fc.nat(3), right: fc.nat(3) }),
  padValue: fc.constantFrom(0, 0, -128, 5),
  bias: fc.option(fc.constantFrom(0, 1000, 2 ** 31 - 1, -(2 ** 31)), { nil: undefined }),
  data: fills,
  weights: fills,
  sdp: sdpOptions,
  pool: fc.option(poolOptions, { nil: undefined, freq: 3 }),
});

type ConvOptions = typeof convOptions extends fc.Arbitrary<infer T> ? T : never;

function convScenario(o: ConvOptions, types: Types): Scenario & { readonly work: number } {
  const transposed = o.shape.startsWith('transposed');
  const groups = o.shape === 'dense' || o.shape === 'transposed' ? 1 : o.groups;
  const format = o.format;
  const limit = format === 'dla_hwc4' ? 4 : 200;
  const half = types.input === 'float16';
  let channels = Math.min(o.channels, limit);
  let kernels = o.kernels;
  if (groups > 1) {
    channels = Math.max(groups, channels - (channels % groups));
    kernels = Math.max(groups, kernels - (kernels % groups));
  }
  if (format === 'dla_hwc4') channels = Math.min(3, channels);
  const depthwise = o.shape === 'depthwise';
  if (depthwise) kernels = channels;
  const realGroups = depthwise ? channels : channels % groups === 0 && kernels % groups === 0 ? groups : 1;
  const span = (size: number, taps: number, stride: number, dilation: number, pads: number) => {
    const reach = dilation * (taps - 1) + 1;
    return transposed ? (size - 1) * stride + reach - pads : Math.floor((size + pads - reach) / stride) + 1;
  };
  const height = span(o.size.h, o.kernel.h, o.stride.h, o.dilation.h, o.pad.top + o.pad.bottom);
  const width = span(o.size.w, o.kernel.w, o.stride.w, o.dilation.w, o.pad.left + o.pad.right);
  const taps = o.kernel.h * o.kernel.w;
  const work =
    height < 1 || width < 1
      ? Number.POSITIVE_INFINITY
      : (o.batch * height * width * kernels * channels * taps) / realGroups;
  return {
    label: JSON.stringify({ ...o, ...types, channels, kernels, groups: realGroups, height, width }),
    work,
    build(bus) {
      const next = randomInts(o.seed);
      const inShape: Shape4 = [o.batch, channels, o.size.h, o.size.w];
      const outShape: Shape4 = [o.batch, kernels, height, width];
      const weightShape: Shape4 = transposed
        ? [channels, kernels / realGroups, o.kernel.h, o.kernel.w]
        : [kernels, channels / realGroups, o.kernel.h, o.kernel.w];
      const count = (shape: Shape4) => shape.reduce((a, b) => a * b);
      const conv: Conv<Cube> = {
        input: fillFeature(
          bus,
          feature(bus, inShape, types.input, format, o.sdp.slack),
          elements(types.input, count(inShape), o.data, next),
        ),
        weights: constantCube(bus, weightShape, weightData(types.input, count(weightShape), o.weights, next)),
        ...(o.bias !== undefined &&
          !half && {
            bias: vectorCube(
              bus,
              Int32Array.from({ length: kernels }, (_, k) => o.bias! - (o.bias! > 0 ? k : -k)),
            ),
          }),
        kernel: o.kernel,
        stride: o.stride,
        dilation: o.dilation,
        padding: o.pad,
        padValue: half ? 0 : o.padValue,
        groups: realGroups,
        transposed,
        output: { channels: kernels, height, width },
        sparse: false,
        truncate: 0,
      };
      const pdp = o.pool && buildPool(bus, o.pool, types.output, outShape);
      const { sdp, output } = buildSdp(bus, o.sdp, types, outShape, next, !pdp);
      return { pipeline: { kind: 'conv', conv, sdp, ...(pdp && { pdp }) }, output: pdp?.output ?? output! };
    },
  };
}

/** Convolutions: dense, grouped, depthwise, transposed; from every input format; into SDP and perhaps pooling. */
export const convScenariosOf = (types: fc.Arbitrary<Types>): fc.Arbitrary<Scenario> =>
  fc
    .tuple(convOptions, types)
    .map(([options, of]) => convScenario(options, of))
    .filter(({ work }) => work <= tooLarge);

export const convScenarios: fc.Arbitrary<Scenario> = convScenariosOf(onlyIntegers);

const plainConv: ConvOptions = {
  seed: 7,
  batch: 1,
  shape: 'dense',
  format: 'chw32',
  channels: 64,
  kernels: 24,
  groups: 1,
  size: { h: 14, w: 14 },
  kernel: { h: 3, w: 3 },
  stride: { h: 1, w: 1 },
  dilation: { h: 1, w: 1 },
  pad: { top: 1, left: 1, bottom: 1, right: 1 },
  padValue: 0,
  bias: 1000,
  data: 'random',
  weights: 'random',
  sdp: {
    perChannel: true,
    scale: 1 / 4096,
    shift: undefined,
    slope: undefined,
    operand: undefined,
    clamp: [-128, 127],
    lut: false,
    format: 'chw32',
    slack: 0,
  },
  pool: undefined,
};

/** Layers large enough for every loop of the kernels' blocking: several chunks, blocks of pairs, splits and row units. */
const largeConvs = [
  {},
  { channels: 200, kernels: 40, batch: 2 },
  {
    channels: 1030,
    kernels: 72,
    size: { h: 5, w: 5 },
    kernel: { h: 1, w: 1 },
    pad: { top: 0, left: 0, bottom: 0, right: 0 },
  },
  {
    format: 'dla_hwc4',
    channels: 3,
    kernels: 33,
    size: { h: 41, w: 40 },
    kernel: { h: 4, w: 4 },
    stride: { h: 2, w: 2 },
  },
  { shape: 'depthwise', channels: 70, size: { h: 61, w: 40 } },
  { shape: 'grouped', channels: 96, kernels: 60, groups: 3 },
  { shape: 'transposed', kernels: 17, kernel: { h: 4, w: 4 }, stride: { h: 2, w: 2 }, size: { h: 12, w: 13 } },
  { data: 'lowest', weights: 'ends', channels: 160, sdp: { ...plainConv.sdp, scale: 1 / 8192, clamp: [0, 127] } },
] satisfies readonly Partial<ConvOptions>[];

export const largeConvScenarios: readonly Scenario[] = largeConvs.map((options) =>
  convScenario({ ...plainConv, ...options }, { input: 'int8', operand: 'int8', output: 'int8' }),
);

export const largeHalfScenarios: readonly Scenario[] = largeConvs.map((options) =>
  convScenario({ ...plainConv, ...options }, { input: 'float16', operand: 'float16', output: 'float16' }),
);

const featureShapes = fc
  .record({
    batch: fc.integer({ min: 1, max: 3 }),
    channels: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(64, 100)),
    size: extent(1, 13),
  })
  .map(({ batch, channels, size }): Shape4 => [batch, channels, size.h, size.w]);

/** SDP alone, pooling alone, resize, copy, and of float16 softmax and LRN. */
export const otherScenariosOf = (types: fc.Arbitrary<Types>): fc.Arbitrary<Scenario> =>
  fc
    .record({
      types,
      seed: fc.integer(),
      kind: fc.constantFrom('sdp', 'sdp', 'pdp', 'nearest', 'linear', 'copy', 'softmax', 'lrn' as const),
      shape: featureShapes,
      format: formats,
      data: fills,
      sdp: sdpOptions,
      pool: poolOptions,
      poolToo: fc.boolean(),
      scale: extent(1, 4),
      coordinates: fc.constantFrom('asymmetric', 'half_pixel' as const),
      rounding: fc.constantFrom('floor', 'half_down', 'half_up' as const),
      ratio: fc.constantFrom(1, 1, 0.3, 2.5, 1000),
      axis: fc.constantFrom('c', 'h', 'w' as const),
      lrn: fc.record({
        size: fc.constantFrom(1, 3, 5, 9),
        alpha: fc.constantFrom(0, 1, Math.fround(0.0001), Math.fround(3e9)),
        beta: fc.constantFrom(0.5, 0.75, 1, Math.fround(7.3)),
        bias: fc.constantFrom(1, 2, Math.fround(1e-5)),
      }),
      inPlace: fc.boolean(),
      copy: fc.record({ from: fc.nat(40), to: fc.nat(40), channels: fc.nat(70), room: fc.nat(40) }),
    })
    .filter(({ kind, types }) => types.input === 'float16' || (kind !== 'softmax' && kind !== 'lrn'))
    .map(
      (o): Scenario => ({
        label: JSON.stringify(o),
        build(bus) {
          const next = randomInts(o.seed);
          const { types } = o;
          const count = o.shape.reduce((a, b) => a * b);
          const input = fillFeature(
            bus,
            feature(bus, o.shape, types.input, o.format, o.sdp.slack),
            elements(types.input, count, o.data, next),
          );
          const [batch, channels, height, width] = o.shape;
          switch (o.kind) {
            case 'sdp': {
              const pdp = o.poolToo ? buildPool(bus, o.pool, types.output, o.shape) : undefined;
              const { sdp, output } = buildSdp(bus, o.sdp, types, o.shape, next, !pdp);
              return {
                pipeline: { kind: 'sdp', sdp: { ...sdp, input }, ...(pdp && { pdp }) },
                output: pdp?.output ?? output!,
              };
            }
            case 'pdp': {
              const pdp = buildPool(bus, o.pool, types.input, o.shape);
              return { pipeline: { kind: 'pdp', pdp: { ...pdp, input } }, output: pdp.output };
            }
            case 'softmax':
            case 'lrn': {
              const output = o.inPlace ? input : feature(bus, o.shape, types.input, o.sdp.format, o.sdp.slack);
              const pipeline: Pipeline<Cube> =
                o.kind === 'softmax'
                  ? { kind: o.kind, softmax: { input, axis: o.axis, output } }
                  : { kind: o.kind, lrn: { input, ...o.lrn, output } };
              return { pipeline, output };
            }
            case 'copy': {
              const inputChannel = o.copy.from % channels;
              const moved = 1 + (o.copy.channels % (channels - inputChannel));
              const outShape: Shape4 = [batch, o.copy.to + moved + o.copy.room, height, width];
              const output = feature(bus, outShape, types.input, o.sdp.format, 1);
              fillFeature(
                bus,
                output,
                elements(
                  types.input,
                  outShape.reduce((a, b) => a * b),
                  'random',
                  next,
                ),
              );
              const copy = { input, inputChannel, outputChannel: o.copy.to, channels: moved, output };
              return { pipeline: { kind: 'copy', copy }, output };
            }
            default: {
              const output = feature(
                bus,
                [batch, channels, height * o.scale.h, width * o.scale.w],
                types.input,
                o.sdp.format,
              );
              const { coordinates, rounding, scale } = o;
              const common = { input, scale, output };
              const resize: Resize<Cube> =
                o.kind === 'nearest'
                  ? { ...common, mode: o.kind, coordinates, rounding }
                  : { ...common, mode: o.kind, factor: Math.fround(o.ratio / (4 * scale.h * scale.w)) };
              return { pipeline: { kind: 'resize', resize }, output };
            }
          }
        },
      }),
    );

export const otherScenarios: fc.Arbitrary<Scenario> = otherScenariosOf(onlyIntegers);
