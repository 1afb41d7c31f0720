/**
 * Random float16 pipelines of nv_full for property tests of the engines. Every half of every cube is random, those that
 * fill up atoms and lines too: ordinary numbers, sparse ones as activations are, numbers that cancel out, exponents far
 * apart, denormals, the ends of the range, any bits at all.
 */

import fc from 'fast-check';
import type { Conv, ImageInput, NvdlaSdp, Pdp, Pipeline, SdpUnit } from '../../../program/layer.ts';
import type { Shape4, SurfaceFormat } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { LinearTable, LookupTable } from '../../engines/reference/nvdla/lookup-table.ts';
import type { Cube } from '../../launch.ts';
import { mapCube } from '../cubes.ts';
import { extent, lookupTables, type Next, nvdlaPoolOptions, poolWindows, randomInts } from '../random.ts';

export interface FloatScenario {
  readonly label: string;
  readonly table?: LookupTable;
  build(bus: Bus): { readonly pipeline: Pipeline<Cube>; readonly output: Cube };
}

const half = (next: Next, lowest: number, highest: number): number =>
  (next(0, 1) << 15) | (next(lowest, highest) << 10) | next(0, 0x3ff);

const extremes = [0, 0x8000, 1, 0x8001, 0x3ff, 0x400, 0x3c00, 0xbc00, 0x7bff, 0xfbff, 0x7c00, 0xfc00] as const;

/** What a half is made from: where it lies, what the last one was, and whether it is a weight. */
interface Place {
  readonly index: number;
  readonly last: number;
  readonly isWeight: boolean;
}

/** One half after the other. */
const makers = {
  ordinary: (next: Next) => half(next, 10, 17),
  sparse: (next: Next) => (next(0, 1) ? half(next, 9, 17) & 0x7fff : 0),
  wide: (next: Next) => half(next, 0, 30),
  denormal: (next: Next) => half(next, 0, 1),
  few: (next: Next) => 0x3c00 | (next(0, 1) << 15) | (next(0, 7) << 7),
  extreme: (next: Next) => (next(0, 3) ? extremes[next(0, extremes.length - 1)]! : half(next, 0, 31)),
  infinite: (next: Next) => (next(0, 9) ? half(next, 12, 20) : 0x7c00 | (next(0, 1) << 15)),
  rarelyNaN: (next: Next) => (next(0, 60) ? half(next, 12, 18) : half(next, 31, 31)),
  // Where both are so, every product has one beside it that takes it back: what the cuts lose is left.
  paired: (next: Next, { index, last, isWeight }: Place) =>
    index % 2 === 0 ? half(next, 8, 20) : isWeight ? last ^ 0x8000 : last,
  // Where both are so, two great products hide all others and then cancel out.
  buried: (next: Next, { index, isWeight }: Place) =>
    index % 16 < 2
      ? 0x7800 | (isWeight ? (index & 1) << 15 : 0)
      : half(next, 14, 15) & (isWeight && index & 16 ? 0xffff : 0x7fff),
} as const;

type Fill = keyof typeof makers;

const names = Object.keys(makers) as Fill[];
const fills = fc.constantFrom<Fill>('ordinary', 'ordinary', 'sparse', 'sparse', ...names);

const contents = fc.oneof(
  fc.record({ data: fills, weights: fills }),
  fc.constantFrom<Fill>('paired', 'paired', 'buried').map((kind) => ({ data: kind, weights: kind })),
);

function halvesOf(length: number, kind: Fill, next: Next, isWeight = false): Uint16Array {
  const halves = new Uint16Array(length);
  for (let index = 0; index < length; index++) {
    halves[index] = makers[kind](next, { index, last: halves[index - 1] ?? 0, isWeight });
  }
  return halves;
}

function fill(bus: Bus, cube: Cube, halves: Uint16Array): Cube {
  bus.write(cube.address, new Uint8Array(halves.buffer));
  return cube;
}

const filled = (bus: Bus, cube: Cube, kind: Fill, next: Next, isWeight = false): Cube =>
  fill(bus, cube, halvesOf(cube.size >> 1, kind, next, isWeight));

/** A packed cube of halves; `slack` widens its lines and surfaces. */
function halfCube(bus: Bus, shape: Shape4, slack: number, format: SurfaceFormat = 'chw16'): Cube {
  const [, channels, height, width] = shape;
  const isImage = format === 'dla_hwc4';
  const pixel = isImage ? (channels === 1 ? 2 : 8) : 32;
  const lineStride = width * pixel + slack * pixel;
  const surfaceStride = lineStride * height + slack * 32;
  const size = surfaceStride * (isImage ? 1 : Math.ceil(channels / 16));
  return mapCube(bus, { shape, dtype: 'float16', format, lineStride, surfaceStride, batchStride: 0, size });
}

function vector(bus: Bus, halves: number): Cube {
  const size = halves * 2;
  return mapCube(bus, {
    ...{ shape: [1, halves, 1, 1], dtype: 'float16', format: 'vector', size },
    ...{ lineStride: 0, surfaceStride: 0, batchStride: 0 },
  });
}

const registers16 = fc.oneof(fc.constantFrom(...extremes, 0x7e01, 0xfe01), fc.nat(0xffff));
const registers32 = fc.oneof(
  fc.constantFrom(0x7f7fffff, 0xff7fffff),
  fc.constantFrom(0, 0x3f800000, 0x00800000, 0x80000000, 0x7fc00001, 1),
  fc.nat(0x7f7fffff),
);

const unitOptions = fc.record({
  alu: fc.constantFrom('sum', 'sum', 'max', 'min', undefined),
  mul: fc.boolean(),
  source: fc.constantFrom('layer', 'kernel', 'point' as const),
  use: fc.constantFrom('alu', 'mul', 'both' as const),
  aluFromRegister: fc.boolean(),
  mulFromRegister: fc.boolean(),
  aluHalf: registers16,
  mulHalf: registers16,
  aluSingle: registers32,
  mulSingle: registers32,
  activation: fc.constantFrom('none', 'relu', 'prelu' as const),
  lut: fc.boolean(),
  after: fc.boolean(),
  fill: fills,
  inPlace: fc.boolean(),
  slack: fc.integer({ min: 0, max: 2 }),
});

type UnitOptions = typeof unitOptions extends fc.Arbitrary<infer T> ? T : never;

function operandOf(bus: Bus, o: UnitOptions, shape: Shape4, output: Cube | undefined, next: Next): Cube {
  if (o.source === 'kernel') return filled(bus, vector(bus, shape[1] * (o.use === 'both' ? 2 : 1)), o.fill, next);
  if (o.use !== 'both') return filled(bus, (o.inPlace && output) || halfCube(bus, shape, o.slack), o.fill, next);
  // Pairs: pixels of twice the bytes.
  const [, channels, height, width] = shape;
  const lineStride = (width + o.slack) * 64;
  const surfaceStride = lineStride * height + o.slack * 32;
  const size = (surfaceStride * channels) / 16;
  const pairs = { shape, dtype: 'float16', format: 'chw16', lineStride, surfaceStride, batchStride: 0, size } as const;
  return filled(bus, mapCube(bus, pairs), o.fill, next);
}

function buildUnit(
  bus: Bus,
  o: UnitOptions | undefined,
  name: 'x1' | 'x2' | 'y',
  shape: Shape4,
  output: Cube | undefined,
  next: Next,
): { readonly [key: string]: SdpUnit<Cube> } {
  if (!o) return {};
  const isY = name === 'y';
  const operand = o.source === 'layer' ? undefined : operandOf(bus, o, shape, output, next);
  const signed = (bits: number): number => (bits << 16) >> 16;
  const activation = isY && o.activation !== 'prelu' ? (o.lut ? 'lut' : 'none') : o.activation;
  const after = isY ? o.lut && 'lut' : o.after && 'relu';
  return {
    [name]: {
      ...(o.alu && { alu: o.alu }),
      mul: o.mul,
      source: o.source,
      ...(operand && { operand, operandUse: o.use }),
      ...(operand && o.aluFromRegister && { aluFromRegister: true }),
      ...(operand && o.mulFromRegister && { mulFromRegister: true }),
      aluOperand: isY ? o.aluSingle | 0 : signed(o.aluHalf),
      mulOperand: isY ? o.mulSingle | 0 : signed(o.mulHalf),
      aluShift: 0,
      truncate: 0,
      activation,
      ...(activation === 'prelu' && after && { afterPrelu: after }),
    },
  };
}

const sdpOptions = fc.record({
  x1: fc.option(unitOptions, { nil: undefined }),
  x2: fc.option(unitOptions, { nil: undefined }),
  y: fc.option(unitOptions, { nil: undefined, freq: 1 }),
  slack: fc.integer({ min: 0, max: 2 }),
});

type SdpOptions = Partial<typeof sdpOptions extends fc.Arbitrary<infer T> ? T : never> & { readonly slack: number };

function buildSdp(bus: Bus, o: SdpOptions, shape: Shape4, next: Next, isLast: boolean) {
  const output = isLast ? halfCube(bus, shape, o.slack) : undefined;
  const unit = (name: 'x1' | 'x2' | 'y') => buildUnit(bus, o[name], name, shape, output, next);
  const sdp: NvdlaSdp<Cube> = {
    arithmetic: 'nvdla-float16',
    ...unit('x1'),
    ...unit('x2'),
    ...unit('y'),
    convert: { offset: 0, scale: 1, shift: 0 },
    outputType: 'float16',
    ...(output && { output }),
  };
  return { sdp, output };
}

const poolOptions = fc.record({
  ...nvdlaPoolOptions,
  recip: fc.option(fc.nat(0xfbff), { nil: undefined }),
});

type PoolOptions = typeof poolOptions extends fc.Arbitrary<infer T> ? T : never;

/** FP17. */
const reciprocals = [0x7c00, 0x7800, 0x7555, 0x7400, 0x7266, 0x7155, 0x7092, 0x7000];

function buildPool(bus: Bus, o: PoolOptions, input: Shape4): Pdp<Cube> {
  const [, channels, height, width] = input;
  const { output, ...windows } = poolWindows(o, height, width);
  return {
    mode: o.mode,
    ...windows,
    countPadding: true,
    ...(o.mode === 'average' && {
      average: {
        recipWidth: o.recip ?? reciprocals[windows.kernel.w - 1]!,
        recipHeight: reciprocals[windows.kernel.h - 1]!,
        padValues: [0, 0, 0, 0, 0, 0, 0],
      },
    }),
    output: halfCube(bus, [1, channels, output.h, output.w], o.slack),
  };
}

const ends = fc.oneof(
  fc.constantFrom(0, 0xbf800000, 0xc1000000, 0x40000000, 0x00000001, 0x80000000, 0x7f7fffff),
  fc.integer({ min: 0x3c000000, max: 0x45000000 }),
);

const slopes = fc.record({ scale: registers16.map((bits) => (bits << 16) >> 16), shift: fc.constant(0) });

const lines = (entries: number): fc.Arbitrary<LinearTable & { readonly offset: number }> =>
  fc
    .record({
      seed: fc.integer(),
      kind: fills,
      start: ends,
      end: ends,
      underflow: slopes,
      overflow: slopes,
      select: fc.oneof(fc.integer({ min: -12, max: 6 }), fc.constantFrom(-128, 31, 127)),
      offset: fc.oneof(fc.integer({ min: -12, max: 6 }), fc.constantFrom(-126, 127)),
    })
    .map(({ seed, kind, ...line }) => ({
      ...line,
      entries: new Int16Array(halvesOf(entries, kind, randomInts(seed)).buffer),
    }));

const tables = lookupTables(lines);

const orders = [
  [0, 1, 2, 3],
  [2, 1, 0, 3],
  [1, 2, 3, 0],
] as const;

const convOptions = fc.record({
  seed: fc.integer(),
  image: fc.constantFrom('none', 'none', 'none', 'single', 'four' as const),
  channels: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(16, 63, 64, 65, 130)),
  kernels: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(16, 32)),
  /** Kernels meet few channels, as those of a depthwise convolution do. */
  diagonal: fc.constantFrom(false, false, false, true),
  order: fc.constantFrom(...orders),
  rowsPerBlock: fc.constantFrom(1, 1, 2, 4 as const),
  size: extent(1, 9),
  kernel: fc.oneof(extent(1, 3), extent(1, 7)),
  stride: extent(1, 3),
  dilation: extent(1, 2),
  pad: fc.record({ top: fc.nat(3), left: fc.nat(3), bottom: fc.nat(3), right: fc.nat(3) }),
  padValue: fc.oneof(fc.constant(0), fc.constant(0), registers16),
  content: contents,
  slack: fc.integer({ min: 0, max: 2 }),
  sdp: fc.oneof(sdpOptions, fc.constant({ slack: 0 })),
  pool: fc.option(poolOptions, { nil: undefined, freq: 2 }),
  table: tables,
});

export type FloatConvOptions = typeof convOptions extends fc.Arbitrary<infer T> ? T : never;

const wholeAtoms = (channels: number): number => Math.ceil(channels / 16) * 16;

type ConvFields = Pick<
  Conv<Cube>,
  'input' | 'weights' | 'kernel' | 'stride' | 'dilation' | 'padding' | 'padValue' | 'output'
>;

const convOf = (fields: ConvFields, image: ImageInput | false = false): Conv<Cube> => ({
  ...fields,
  groups: 1,
  transposed: false,
  sparse: false,
  truncate: 0,
  core: {
    precision: 'float16',
    kernelGroup: 16,
    channelBlock: 64,
    accumulatorChannels: wholeAtoms(fields.output.channels),
    accumulatorBits: 48,
    cbuf: { dataBanks: 1, weightBanks: 1 },
    ...(image && { image }),
    reuse: { data: false, weights: false },
    keep: { data: false, weights: false },
  },
});

/** A convolution whose sums leave as they are. */
function convInto(bus: Bus, fields: ConvFields): { readonly pipeline: Pipeline<Cube>; readonly output: Cube } {
  const conv = convOf(fields);
  const { channels, height, width } = conv.output;
  const output = halfCube(bus, [1, wholeAtoms(channels), height, width], 0);
  const convert = { offset: 0, scale: 1, shift: 0 };
  const sdp = { arithmetic: 'nvdla-float16', convert, outputType: 'float16', output } as const;
  return { pipeline: { kind: 'conv', conv, sdp }, output };
}

function floatConvScenario(o: FloatConvOptions): FloatScenario & { readonly work: number } {
  const isImage = o.image !== 'none';
  const channels = o.image === 'single' ? 1 : isImage ? 4 : o.channels;
  const { kernels } = o;
  const dilation = isImage ? { h: o.dilation.h, w: 1 } : o.dilation;
  const span = (size: number, taps: number, stride: number, spread: number, pads: number) =>
    Math.floor((size + pads - spread * (taps - 1) - 1) / stride) + 1;
  const height = span(o.size.h, o.kernel.h, o.stride.h, dilation.h, o.pad.top + o.pad.bottom);
  const width = span(o.size.w, o.kernel.w, o.stride.w, dilation.w, o.pad.left + o.pad.right);
  const work = height * width * kernels * channels * o.kernel.h * o.kernel.w;
  return {
    label: JSON.stringify({ ...o, channels, height, width }),
    table: o.table,
    work: height < 1 || width < 1 ? Number.POSITIVE_INFINITY : work,
    build(bus) {
      const next = randomInts(o.seed);
      const cube = halfCube(bus, [1, channels, o.size.h, o.size.w], o.slack, isImage ? 'dla_hwc4' : 'chw16');
      const input = filled(bus, cube, o.content.data, next);
      const weights = vector(bus, kernels * channels * o.kernel.h * o.kernel.w);
      filled(bus, weights, o.content.weights, next, true);
      if (o.diagonal) thinOut(bus, weights, channels, next);
      const conv = convOf(
        {
          ...{ input, weights, kernel: o.kernel, stride: o.stride, dilation, padding: o.pad },
          padValue: (o.padValue << 16) >> 16,
          output: { channels: kernels, height, width },
        },
        // The core takes at most 64 products at a time.
        isImage && {
          order: channels === 1 ? [0] : o.order,
          rowsPerBlock: o.kernel.w * channels * o.rowsPerBlock > 64 ? 1 : o.rowsPerBlock,
        },
      );
      const shape: Shape4 = [1, wholeAtoms(kernels), height, width];
      const pdp = o.pool && buildPool(bus, o.pool, shape);
      const { sdp, output } = buildSdp(bus, o.sdp, shape, next, !pdp);
      return { pipeline: { kind: 'conv', conv, sdp, ...(pdp && { pdp }) }, output: pdp?.output ?? output! };
    },
  };
}

/** Leaves about one weight in `channels`. */
function thinOut(bus: Bus, weights: Cube, channels: number, next: Next): void {
  const bytes = bus.read(weights.address, weights.size);
  for (let at = 0; at < bytes.length; at += 2) if (next(1, channels) > 1) bytes.fill(0, at, at + 2);
  bus.write(weights.address, bytes);
}

/**
 * A row of three: a great product, one whose size is about half of the accumulator's last bit, and the first taken back.
 * What the accumulator made of the second is left. Rows and kernels go through exponents, signs and mantissas.
 */
export const roundingScenario: FloatScenario = {
  label: 'rounding',
  build(bus) {
    const mantissas = [0, 1, 2, 0x155, 0x2aa, 0x3fd, 0x3fe, 0x3ff];
    const rows = mantissas.flatMap((mantissa) => [8, 9, 10].map((exponent) => (exponent << 10) | mantissa));
    const middles = [...mantissas, 0x200].flatMap((mantissa) =>
      [9, 10, 11].flatMap((exponent) => [0, 0x8000].map((sign) => sign | (exponent << 10) | mantissa)),
    );
    const kernels = middles.length * 2;
    const input = halfCube(bus, [1, 1, rows.length, 3], 0);
    const data = new Uint16Array(input.size / 2);
    for (const [row, half] of rows.entries())
      for (const x of [0, 1, 2]) data[(row * 3 + x) * 16] = x === 1 ? half : 0x7801;
    const weights = vector(bus, kernels * 3);
    const stream: number[] = [];
    for (let group = 0; group < kernels; group += 16) {
      const some = Math.min(16, kernels - group);
      for (let tap = 0; tap < 3; tap++) {
        for (let k = group; k < group + some; k++) {
          const sign = k < middles.length ? 0 : 0x8000;
          stream.push(tap === 1 ? middles[k % middles.length]! : 0x7800 ^ sign ^ (tap === 2 ? 0x8000 : 0));
        }
      }
    }
    fill(bus, input, data);
    fill(bus, weights, Uint16Array.from(stream));
    return convInto(bus, {
      ...{ input, weights, kernel: { h: 1, w: 3 }, stride: { h: 1, w: 1 }, dilation: { h: 1, w: 1 } },
      ...{ padding: { top: 0, left: 0, bottom: 0, right: 0 }, padValue: 0 },
      output: { channels: kernels, height: rows.length, width: 1 },
    });
  },
};

const tooLarge = 120_000;

/** Convolutions of features and of images, into SDP and perhaps pooling. */
export const floatConvScenarios = (): fc.Arbitrary<FloatScenario> =>
  convOptions.map(floatConvScenario).filter(({ work }) => work <= tooLarge);

/** Work for every loop of the kernels' blocking. */
export const largeFloatConvOptions: readonly Partial<FloatConvOptions>[] = [
  {
    image: 'none',
    channels: 70,
    kernels: 17,
    size: { h: 12, w: 23 },
    content: { data: 'sparse', weights: 'ordinary' },
  },
  { image: 'none', channels: 200, kernels: 16, size: { h: 5, w: 5 }, content: { data: 'wide', weights: 'ordinary' } },
  {
    image: 'four',
    kernels: 20,
    size: { h: 21, w: 20 },
    kernel: { h: 7, w: 7 },
    content: { data: 'ordinary', weights: 'ordinary' },
  },
  {
    image: 'none',
    channels: 64,
    kernels: 64,
    diagonal: true,
    size: { h: 9, w: 9 },
    content: { data: 'paired', weights: 'ordinary' },
  },
  { image: 'none', channels: 128, kernels: 32, size: { h: 6, w: 6 }, content: { data: 'paired', weights: 'paired' } },
];

/** A large convolution, its other options at random. */
export const largeFloatConvScenario = (options: Partial<FloatConvOptions>, seed: number): FloatScenario => {
  const [random] = fc.sample(convOptions, { seed, numRuns: 1 });
  const plain = {
    dilation: { h: 1, w: 1 },
    stride: { h: 1, w: 1 },
    kernel: { h: 3, w: 3 },
    pad: { top: 1, left: 1, bottom: 1, right: 1 },
    diagonal: false,
  };
  return floatConvScenario({ ...random!, ...plain, ...options });
};

/** SDP alone, with pooling behind it, and pooling alone. */
export const otherFloatScenarios = (): fc.Arbitrary<FloatScenario> =>
  fc
    .record({
      seed: fc.integer(),
      kind: fc.constantFrom('sdp', 'sdp', 'pdp' as const),
      atoms: fc.integer({ min: 1, max: 4 }),
      size: extent(1, 14),
      data: fills,
      slack: fc.integer({ min: 0, max: 2 }),
      inPlace: fc.boolean(),
      sdp: sdpOptions,
      pool: poolOptions,
      poolToo: fc.boolean(),
      table: tables,
    })
    .map((o) => ({
      label: JSON.stringify(o),
      table: o.table,
      build(bus) {
        const next = randomInts(o.seed);
        const shape: Shape4 = [1, o.atoms * 16, o.size.h, o.size.w];
        const fresh = filled(bus, halfCube(bus, shape, o.slack), o.data, next);
        if (o.kind === 'pdp') {
          const pdp = buildPool(bus, o.pool, shape);
          return { pipeline: { kind: 'pdp', pdp: { ...pdp, input: fresh } }, output: pdp.output };
        }
        const pdp = o.poolToo ? buildPool(bus, o.pool, shape) : undefined;
        const { sdp, output } = buildSdp(bus, o.sdp, shape, next, !pdp);
        const input = o.inPlace && output ? output : fresh;
        return {
          pipeline: { kind: 'sdp', sdp: { ...sdp, input }, ...(pdp && { pdp }) },
          output: pdp?.output ?? output!,
        };
      },
    }));
