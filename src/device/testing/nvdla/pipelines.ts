/**
 * Random INT8 pipelines of the open NVDLA for property tests of the engines, in the geometry of a configuration. Every
 * byte of every cube is random, those that fill up atoms and lines too.
 */

import fc from 'fast-check';
import type { Conv, Convert, NvdlaSdp, Pdp, Pipeline, SdpUnit } from '../../../program/layer.ts';
import type { Shape4, SurfaceFormat } from '../../../program/surface.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import type { Bus } from '../../bus.ts';
import { convolutionSteps } from '../../engines/reference/nvdla/convolution-steps.ts';
import type { LinearTable, LookupTable } from '../../engines/reference/nvdla/lookup-table.ts';
import type { Cube } from '../../launch.ts';
import { featureCube, mapCube } from '../cubes.ts';
import { extent, lookupTables, type Next, nvdlaPoolOptions, poolWindows, randomInts } from '../random.ts';

export interface NvdlaScenario {
  readonly label: string;
  readonly table: LookupTable;
  build(bus: Bus): { readonly pipeline: Pipeline<Cube>; readonly output: Cube };
}

const fills = fc.constantFrom('random', 'random', 'small', 'lowest', 'highest', 'ends' as const);
type Fill = typeof fills extends fc.Arbitrary<infer T> ? T : never;

function bytesOf(length: number, fill: Fill, next: Next): Uint8Array {
  const one = {
    random: () => next(-128, 127),
    small: () => next(-3, 3),
    lowest: () => -128,
    highest: () => 127,
    ends: () => (next(0, 1) ? 127 : -128),
  }[fill];
  return new Uint8Array(Int8Array.from({ length }, one).buffer);
}

/** Words of 16 bits with the same ends. */
function wordsOf(length: number, fill: Fill, next: Next): Uint8Array {
  const one = {
    random: () => next(-32768, 32767),
    small: () => next(-3, 3),
    lowest: () => -32768,
    highest: () => 32767,
    ends: () => (next(0, 1) ? 32767 : -32768),
  }[fill];
  return new Uint8Array(Int16Array.from({ length }, one).buffer);
}

const filled = (bus: Bus, cube: Cube, data: Uint8Array): Cube => {
  bus.write(cube.address, data);
  return cube;
};

const formatOf = (target: NvdlaTarget): SurfaceFormat =>
  (({ 8: 'chw8', 16: 'chw16', 32: 'chw32' }) as const)[target.memoryAtom as number] as SurfaceFormat;

const shifts = fc.oneof(fc.integer({ min: 0, max: 24 }), fc.constantFrom(0, 1, 31, 33, 47, 63));
const operands16 = fc.oneof(fc.integer({ min: -32768, max: 32767 }), fc.constantFrom(-32768, 32767, 0, 1, -1));
const operands32 = fc.oneof(
  fc.integer({ min: -300, max: 300 }),
  fc.constantFrom(-(2 ** 31), 2 ** 31 - 1, 0, 1, -1, 2 ** 16),
);

const converts: fc.Arbitrary<Convert> = fc.record({
  offset: fc.oneof(fc.integer({ min: -200, max: 200 }), fc.constantFrom(0, -(2 ** 31), 2 ** 31 - 1)),
  scale: operands16,
  shift: shifts,
});

const outputConverts = fc.oneof(
  fc.constant<Convert>({ offset: 0, scale: 1, shift: 0 }),
  converts,
  fc.record({
    offset: fc.integer({ min: -50, max: 50 }),
    scale: fc.integer({ min: 1, max: 255 }),
    shift: fc.integer({ min: 0, max: 20 }),
  }),
);

const unitOptions = fc.record({
  alu: fc.constantFrom('sum', 'sum', 'max', 'min', undefined),
  equal: fc.boolean(),
  mul: fc.boolean(),
  source: fc.constantFrom('layer', 'kernel', 'point' as const),
  use: fc.constantFrom('alu', 'mul', 'both' as const),
  dtype: fc.constantFrom('int8', 'int16' as const),
  aluFromRegister: fc.boolean(),
  mulFromRegister: fc.boolean(),
  aluOperand: operands16,
  mulOperand: operands16,
  aluWord: operands32,
  mulWord: operands32,
  aluShift: shifts,
  truncate: fc.oneof(shifts, fc.constantFrom(64, 200)),
  activation: fc.constantFrom('none', 'relu', 'prelu' as const),
  lut: fc.boolean(),
  after: fc.boolean(),
  aluConvert: fc.option(converts, { nil: undefined }),
  mulConvert: fc.option(converts, { nil: undefined }),
  fill: fills,
  inPlace: fc.boolean(),
  slack: fc.integer({ min: 0, max: 2 }),
});

type UnitOptions = typeof unitOptions extends fc.Arbitrary<infer T> ? T : never;

/** A table of operands, or a cube of them: `elementBytes` for each element. */
function operandCube(bus: Bus, o: UnitOptions, shape: Shape4, format: SurfaceFormat, atom: number, next: Next): Cube {
  const bytes = (o.dtype === 'int8' ? 1 : 2) * (o.use === 'both' ? 2 : 1);
  const [, channels, height, width] = shape;
  const lineStride = width * atom * bytes + o.slack * atom;
  const surfaceStride = lineStride * height + o.slack * 32;
  const isTable = o.source === 'kernel';
  const size = isTable ? channels * bytes : surfaceStride * (channels / atom);
  const cube = mapCube(bus, {
    shape: isTable ? [1, channels, 1, 1] : shape,
    dtype: o.dtype,
    format: isTable ? 'vector' : format,
    lineStride,
    surfaceStride,
    batchStride: 0,
    size,
  });
  return filled(bus, cube, o.dtype === 'int8' ? bytesOf(size, o.fill, next) : wordsOf(size / 2, o.fill, next));
}

function buildUnit(
  bus: Bus,
  o: UnitOptions | undefined,
  name: 'x1' | 'x2' | 'y',
  shape: Shape4,
  target: NvdlaTarget,
  output: Cube | undefined,
  next: Next,
): { readonly [key: string]: SdpUnit<Cube> } {
  if (!o) return {};
  const isY = name === 'y';
  const overOutput = o.inPlace && output && o.source === 'point' && o.use !== 'both' && o.dtype === 'int8';
  const operand =
    o.source === 'layer'
      ? undefined
      : overOutput
        ? filled(bus, output, bytesOf(output.size, o.fill, next))
        : operandCube(bus, o, shape, formatOf(target), target.memoryAtom, next);
  const alu = isY && o.equal ? 'equal' : o.alu;
  const lut = isY && o.lut && target.nvdla.lookupTable;
  const activation = isY ? (o.activation === 'prelu' ? 'prelu' : lut ? 'lut' : 'none') : o.activation;
  const after = isY ? lut && 'lut' : o.after && 'relu';
  return {
    [name]: {
      ...(alu && { alu }),
      mul: o.mul,
      source: o.source,
      ...(operand && { operand, operandUse: o.use }),
      ...(operand && o.aluFromRegister && { aluFromRegister: true }),
      ...(operand && o.mulFromRegister && { mulFromRegister: true }),
      aluOperand: isY ? o.aluWord : o.aluOperand,
      mulOperand: isY ? o.mulWord : o.mulOperand,
      aluShift: isY ? 0 : o.aluShift,
      truncate: o.truncate,
      activation,
      ...(activation === 'prelu' && after && { afterPrelu: after }),
      ...(isY && o.aluConvert && { aluConvert: o.aluConvert }),
      ...(isY && o.mulConvert && { mulConvert: o.mulConvert }),
    },
  };
}

const anySdp = fc.record({
  x1: fc.option(unitOptions, { nil: undefined }),
  x2: fc.option(unitOptions, { nil: undefined }),
  y: fc.option(unitOptions, { nil: undefined }),
  convert: outputConverts,
  slack: fc.integer({ min: 0, max: 2 }),
});

const simpleUnit = { equal: false, aluFromRegister: false, mulFromRegister: false, lut: false, inPlace: false };

/** As compilers set it up: X1 scales by channel, X2 adds a point, the converter shifts. Small numbers make many ties. */
const scalingSdp = fc
  .record({
    x1: unitOptions,
    x2: fc.option(unitOptions, { nil: undefined }),
    truncate: fc.oneof(fc.integer({ min: 0, max: 28 }), fc.integer({ min: 0, max: 4 })),
    addShift: fc.oneof(fc.integer({ min: 0, max: 13 }), fc.constantFrom(8, 12, 31)),
    addTruncate: fc.constantFrom(0, 0, 0, 1),
    shift: fc.oneof(fc.integer({ min: 0, max: 12 }), fc.constant(8)),
    slack: fc.integer({ min: 0, max: 2 }),
  })
  .map(({ x1, x2, truncate, addShift, addTruncate, shift, slack }) => ({
    x1: {
      ...x1,
      ...simpleUnit,
      alu: 'sum' as const,
      source: x1.source === 'point' ? ('kernel' as const) : x1.source,
      use: x1.mul ? ('both' as const) : ('alu' as const),
      activation: x1.activation === 'prelu' ? ('none' as const) : x1.activation,
      aluShift: addShift > 8 ? 0 : addShift,
      ...(truncate <= 4 && { aluOperand: x1.aluOperand % 128, mulOperand: x1.mulOperand % 8, fill: 'small' as const }),
      truncate,
    },
    x2: x2 && {
      ...x2,
      ...simpleUnit,
      inPlace: x2.inPlace,
      alu: 'sum' as const,
      mul: false,
      source: 'point' as const,
      use: 'alu' as const,
      dtype: 'int8' as const,
      activation: x2.activation === 'prelu' ? ('none' as const) : x2.activation,
      aluShift: addShift,
      truncate: addTruncate,
    },
    y: undefined,
    convert: { offset: 0, scale: 1, shift },
    slack,
  }));

const sdpOptions = fc.oneof(anySdp, scalingSdp);

type SdpOptions = typeof sdpOptions extends fc.Arbitrary<infer T> ? T : never;

function buildSdp(bus: Bus, o: SdpOptions, shape: Shape4, target: NvdlaTarget, next: Next, isLast: boolean) {
  const output = isLast ? featureCube(bus, shape, formatOf(target), o.slack) : undefined;
  const unit = (name: 'x1' | 'x2' | 'y') => buildUnit(bus, o[name], name, shape, target, output, next);
  const sdp: NvdlaSdp<Cube> = {
    arithmetic: 'integer-scale',
    ...unit('x1'),
    ...unit('x2'),
    ...(target.nvdla.elementwise && unit('y')),
    convert: o.convert,
    outputType: 'int8',
    ...(output && { output }),
  };
  return { sdp, output };
}

const poolOptions = fc.record({
  ...nvdlaPoolOptions,
  padValue: fc.oneof(fc.integer({ min: -200, max: 200 }), fc.constantFrom(0, -(2 ** 18), 2 ** 18 - 1)),
  recip: fc.option(fc.integer({ min: 0, max: 0x1ffff }), { nil: undefined }),
});

type PoolOptions = typeof poolOptions extends fc.Arbitrary<infer T> ? T : never;

const reciprocals = [0x10000, 0x8000, 0x5555, 0x4000, 0x3333, 0x2aaa, 0x2492, 0x2000];

function buildPool(bus: Bus, o: PoolOptions, input: Shape4, target: NvdlaTarget): Pdp<Cube> {
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
        padValues: [1, 2, 3, 4, 5, 6, 7].map((n) => Math.max(-(2 ** 18), Math.min(2 ** 18 - 1, o.padValue * n))),
      },
    }),
    output: featureCube(bus, [1, channels, output.h, output.w], formatOf(target), o.slack),
  };
}

const slopes = fc.record({ scale: operands16, shift: fc.integer({ min: -16, max: 15 }) });

const lines = (entries: number): fc.Arbitrary<LinearTable & { readonly offset: number }> =>
  fc
    .record({
      seed: fc.integer(),
      fill: fills,
      start: fc.oneof(fc.integer({ min: -300, max: 10 }), operands32),
      end: operands32,
      underflow: slopes,
      overflow: slopes,
      select: fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(-128, 31, 40, 127)),
      offset: fc.oneof(fc.integer({ min: -3, max: 12 }), fc.constantFrom(-40, 31)),
    })
    .map(({ seed, fill, ...line }) => ({
      ...line,
      entries: new Int16Array(wordsOf(entries, fill, randomInts(seed)).buffer),
    }));

const tables = lookupTables(lines);

const orders = [
  [0, 1, 2, 3],
  [2, 1, 0, 3],
  [1, 2, 3, 0],
  [3, 2, 1, 0],
] as const;

const convOptions = fc.record({
  seed: fc.integer(),
  shape: fc.constantFrom('dense', 'dense', 'depthwise', 'image' as const),
  channels: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(8, 16, 32, 64, 70)),
  kernels: fc.oneof(fc.integer({ min: 1, max: 40 }), fc.constantFrom(8, 32, 64)),
  single: fc.boolean(),
  order: fc.constantFrom(...orders),
  rowsPerBlock: fc.constantFrom(1, 2, 4 as const),
  unsigned: fc.boolean(),
  mean: fc.option(fc.tuple(operands16, operands16, operands16, operands16), { nil: undefined }),
  convert: fc.option(fc.record({ offset: operands16, scale: operands16, shift: fc.integer({ min: 0, max: 20 }) }), {
    nil: undefined,
  }),
  size: extent(1, 10),
  kernel: extent(1, 4),
  stride: extent(1, 3),
  dilation: extent(1, 2),
  pad: fc.record({ top: fc.nat(3), left: fc.nat(3), bottom: fc.nat(3), right: fc.nat(3) }),
  padValue: fc.constantFrom(0, 0, -128, 127, 5),
  data: fills,
  weights: fills,
  truncate: fc.constantFrom(0, 0, 0, 1, 3, 12, 31),
  slack: fc.integer({ min: 0, max: 2 }),
  sdp: sdpOptions,
  pool: fc.option(poolOptions, { nil: undefined, freq: 3 }),
  table: tables,
});

export type NvdlaConvOptions = typeof convOptions extends fc.Arbitrary<infer T> ? T : never;

const wholeAtoms = (channels: number, atom: number): number => Math.ceil(channels / atom) * atom;

/** The stream of weights of a convolution whose kernel k meets channel c or does not. */
function weightStream(conv: Conv<Cube>, fill: Fill, next: Next, meets: (k: number, c: number) => boolean): Uint8Array {
  const core = conv.core!;
  const { elements, ends } = convolutionSteps(conv, core);
  const kernels = conv.output.channels;
  const values = bytesOf(kernels * elements.length, fill, next);
  let at = 0;
  for (let group = 0; group < kernels; group += core.kernelGroup) {
    let start = 0;
    for (const end of ends) {
      for (let k = group; k < Math.min(group + core.kernelGroup, kernels); k++) {
        for (let i = start; i < end; i++, at++) if (!meets(k, elements[i]!.channel)) values[at] = 0;
      }
      start = end;
    }
  }
  return values;
}

function nvdlaConvScenario(target: NvdlaTarget, o: NvdlaConvOptions): NvdlaScenario & { readonly work: number } {
  const isImage = o.shape === 'image';
  const channels = isImage ? (o.single ? 1 : 4) : o.channels;
  const kernels = o.shape === 'depthwise' ? channels : o.kernels;
  const dilation = isImage ? { h: o.dilation.h, w: 1 } : o.dilation;
  const span = (size: number, taps: number, stride: number, spread: number, pads: number) =>
    Math.floor((size + pads - spread * (taps - 1) - 1) / stride) + 1;
  const height = span(o.size.h, o.kernel.h, o.stride.h, dilation.h, o.pad.top + o.pad.bottom);
  const width = span(o.size.w, o.kernel.w, o.stride.w, dilation.w, o.pad.left + o.pad.right);
  const work = height * width * kernels * channels * o.kernel.h * o.kernel.w;
  const atom = target.memoryAtom as number;
  return {
    label: JSON.stringify({ target: target.name, ...o, channels, kernels, height, width }),
    table: o.table,
    work: height < 1 || width < 1 ? Number.POSITIVE_INFINITY : work,
    build(bus) {
      const next = randomInts(o.seed);
      const format = isImage ? 'dla_hwc4' : formatOf(target);
      const input = featureCube(bus, [1, channels, o.size.h, o.size.w], format, o.slack);
      filled(bus, input, bytesOf(input.size, o.data, next));
      const weightBytes = kernels * channels * o.kernel.h * o.kernel.w;
      const weights = mapCube(bus, {
        shape: [1, weightBytes, 1, 1],
        dtype: 'int8',
        format: 'vector',
        lineStride: 0,
        surfaceStride: 0,
        batchStride: 0,
        size: weightBytes,
      });
      const conv: Conv<Cube> = {
        input,
        weights,
        kernel: o.kernel,
        stride: o.stride,
        dilation,
        padding: o.pad,
        padValue: o.padValue,
        groups: 1,
        transposed: false,
        output: { channels: kernels, height, width },
        sparse: false,
        truncate: o.truncate,
        core: {
          precision: 'int8',
          kernelGroup: target.atomic.k,
          channelBlock: target.atomic.c,
          accumulatorChannels: wholeAtoms(kernels, atom),
          accumulatorBits: target.nvdla.accumulatorBits,
          cbuf: { dataBanks: 1, weightBanks: 1 },
          ...(o.convert && { convert: o.convert }),
          ...(isImage && {
            image: {
              order: channels === 1 ? [0] : o.order,
              ...(o.convert && o.unsigned && { unsigned: 8 }),
              ...(o.convert && o.mean && { mean: o.mean.slice(0, channels) }),
              rowsPerBlock: o.rowsPerBlock,
            },
          }),
          reuse: { data: false, weights: false },
          keep: { data: false, weights: false },
        },
      };
      const meets = (k: number, c: number) => o.shape !== 'depthwise' || k === c;
      filled(bus, weights, weightStream(conv, o.weights, next, meets));
      const shape: Shape4 = [1, wholeAtoms(kernels, atom), height, width];
      const pdp = o.pool && buildPool(bus, o.pool, shape, target);
      const { sdp, output } = buildSdp(bus, o.sdp, shape, target, next, !pdp);
      return { pipeline: { kind: 'conv', conv, sdp, ...(pdp && { pdp }) }, output: pdp?.output ?? output! };
    },
  };
}

const tooLarge = 400_000;

/** Convolutions of features, dense and diagonal, and of images; into SDP and perhaps pooling. */
export const nvdlaConvScenarios = (target: NvdlaTarget): fc.Arbitrary<NvdlaScenario> =>
  convOptions.map((options) => nvdlaConvScenario(target, options)).filter(({ work }) => work <= tooLarge);

/** Work for every loop of the kernels' blocking. */
export const largeNvdlaConvOptions: readonly Partial<NvdlaConvOptions>[] = [
  { shape: 'dense', channels: 70, kernels: 40, size: { h: 15, w: 14 } },
  { shape: 'dense', channels: 1030, kernels: 24, size: { h: 4, w: 5 }, kernel: { h: 1, w: 1 } },
  { shape: 'depthwise', channels: 40, size: { h: 33, w: 30 } },
  {
    shape: 'image',
    single: false,
    kernels: 33,
    size: { h: 41, w: 40 },
    kernel: { h: 4, w: 4 },
    stride: { h: 2, w: 2 },
  },
  { shape: 'dense', channels: 160, kernels: 16, data: 'lowest', weights: 'lowest' },
];

/** A large convolution, its other options at random. */
export const largeNvdlaConvScenario = (
  target: NvdlaTarget,
  options: Partial<NvdlaConvOptions>,
  seed: number,
): NvdlaScenario => {
  const [random] = fc.sample(convOptions, { seed, numRuns: 1 });
  const plain = {
    dilation: { h: 1, w: 1 },
    stride: { h: 1, w: 1 },
    kernel: { h: 3, w: 3 },
    size: { h: 9, w: 9 },
    pad: { top: 1, left: 1, bottom: 1, right: 1 },
  };
  return nvdlaConvScenario(target, { ...random!, ...plain, ...options });
};

/** SDP alone, with pooling behind it, and pooling alone. */
export const otherNvdlaScenarios = (target: NvdlaTarget): fc.Arbitrary<NvdlaScenario> =>
  fc
    .record({
      seed: fc.integer(),
      kind: fc.constantFrom('sdp', 'sdp', 'pdp' as const),
      channels: fc.integer({ min: 1, max: 9 }),
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
      label: JSON.stringify({ target: target.name, ...o }),
      table: o.table,
      build(bus) {
        const next = randomInts(o.seed);
        const shape: Shape4 = [1, wholeAtoms(o.channels * 8, target.memoryAtom), o.size.h, o.size.w];
        const cube = featureCube(bus, shape, formatOf(target), o.slack);
        const fresh = filled(bus, cube, bytesOf(cube.size, o.data, next));
        if (o.kind === 'pdp') {
          const pdp = buildPool(bus, o.pool, shape, target);
          return { pipeline: { kind: 'pdp', pdp: { ...pdp, input: fresh } }, output: pdp.output };
        }
        const pdp = o.poolToo ? buildPool(bus, o.pool, shape, target) : undefined;
        const { sdp, output } = buildSdp(bus, o.sdp, shape, target, next, !pdp);
        const input = o.inPlace && output ? output : fresh;
        return {
          pipeline: { kind: 'sdp', sdp: { ...sdp, input }, ...(pdp && { pdp }) },
          output: pdp?.output ?? output!,
        };
      },
    }));
