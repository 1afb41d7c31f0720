/**
 * Programs and Plans for fast-check: every field of every type, optional ones present and absent, with names and numbers that
 * are hard to print. They satisfy the types and nothing else; no device would take them.
 */

import fc from 'fast-check';
import type { Bytes } from '../../base/units.ts';
import type { Preprocess } from '../../graph/preprocess.ts';
import type {
  BdmaTransfer,
  Cdp,
  Conv,
  ConvCore,
  Convert,
  Copy,
  ImageInput,
  Layer,
  Lookup,
  Lrn,
  NvdlaSdp,
  Padding,
  Pdp,
  PixelCopy,
  PixelGrid,
  Resize,
  RubikMove,
  Sdp,
  SdpUnit,
  Softmax,
} from '../layer.ts';
import type { ConstantRef, Plan, PlanTensor, Program, Segment } from '../program.ts';
import type { Surface } from '../surface.ts';

type Arbitraries<T> = { [K in keyof T]-?: fc.Arbitrary<Exclude<T[K], undefined>> };
type OptionalKeys<T> = { [K in keyof T]-?: Record<never, never> extends Pick<T, K> ? K : never }[keyof T];

/** A record of T in which the optional fields, and only they, may be missing. */
function record<T extends object>(fields: Arbitraries<T>, ...missing: readonly OptionalKeys<T>[]): fc.Arbitrary<T> {
  const requiredKeys = (Object.keys(fields) as (keyof T)[]).filter((key) => !missing.includes(key as OptionalKeys<T>));
  return fc.record<T, keyof T>(fields as unknown as { [K in keyof T]: fc.Arbitrary<T[K]> }, {
    requiredKeys,
  }) as fc.Arbitrary<T>;
}

const index = fc.nat({ max: 100_000 });
const integer = fc.integer();
const byteCount = fc.nat({ max: Number.MAX_SAFE_INTEGER }) as unknown as fc.Arbitrary<Bytes>;
const number = fc.oneof(
  fc.double({ noNaN: true, noDefaultInfinity: true }),
  fc.float({ noNaN: true, noDefaultInfinity: true }),
  fc.constantFrom(-0, Number.MIN_VALUE, Number.MAX_VALUE, 0.1, 1e21, 5e-7),
);
const name = fc.oneof(
  fc.string({ unit: 'binary' }),
  fc.constantFrom(
    'true',
    '12',
    '-1',
    '',
    'a b',
    'conv:0/relu.1',
    '"',
    '\\',
    '# no comment',
    '[1]',
    'line\nbreak',
    '\u2028',
  ),
  fc.string({ minLength: 1 }),
);
const blob = fc
  .uint8Array({ minLength: 32, maxLength: 32 })
  .map((digest) => Array.from(digest, (byte) => byte.toString(16).padStart(2, '0')).join(''));
const extent = fc.record({ h: integer, w: integer });
const padding: fc.Arbitrary<Padding> = fc.record({ top: integer, left: integer, bottom: integer, right: integer });
const convert: fc.Arbitrary<Convert> = fc.record({ offset: integer, scale: integer, shift: integer });
const dataAndWeights = fc.record({ data: fc.boolean(), weights: fc.boolean() });
const hardwareType = fc.constantFrom('int8' as const, 'int16' as const, 'float16' as const);

const surface = record<Surface>(
  {
    id: index,
    name,
    shape: fc.tuple(index, index, index, index),
    dtype: fc.constantFrom('int8', 'int16', 'int32', 'float16', 'float32'),
    format: fc.constantFrom('chw32', 'chw16', 'chw8', 'dla_hwc4', 'dla_linear', 'kcrs', 'vector'),
    lineStride: byteCount,
    surfaceStride: byteCount,
    batchStride: byteCount,
    size: byteCount,
    memory: fc.constantFrom('managed_sram', 'local_dram', 'global_dram', 'io'),
    offset: byteCount,
    scale: number,
    parent: index,
  },
  'scale',
  'parent',
);

const conv = record<Conv<number>>(
  {
    input: index,
    weights: index,
    bias: index,
    kernel: extent,
    stride: extent,
    dilation: extent,
    padding,
    padValue: integer,
    groups: integer,
    transposed: fc.boolean(),
    output: fc.record({ channels: integer, height: integer, width: integer }),
    sparse: fc.boolean(),
    truncate: integer,
    core: record<ConvCore>(
      {
        precision: hardwareType,
        kernelGroup: integer,
        channelBlock: integer,
        accumulatorChannels: integer,
        accumulatorBits: integer,
        cbuf: fc.record({ dataBanks: integer, weightBanks: integer }),
        convert,
        image: record<ImageInput>(
          {
            order: fc.array(index),
            unsigned: integer,
            mean: fc.array(integer),
            rowsPerBlock: fc.constantFrom(1, 2, 4),
          },
          'unsigned',
          'mean',
        ),
        reuse: dataAndWeights,
        keep: dataAndWeights,
      },
      'convert',
      'image',
    ),
  },
  'bias',
  'core',
);

const unit = record<SdpUnit<number>>(
  {
    alu: fc.constantFrom('max', 'min', 'sum', 'equal'),
    mul: fc.boolean(),
    source: fc.constantFrom('layer', 'kernel', 'point'),
    operand: index,
    aluOperand: integer,
    mulOperand: integer,
    aluShift: integer,
    truncate: integer,
    activation: fc.constantFrom('none', 'relu', 'prelu', 'lut'),
    afterPrelu: fc.constantFrom('relu', 'lut'),
    aluConvert: convert,
    mulConvert: convert,
    operandUse: fc.constantFrom('alu', 'mul', 'both'),
    aluFromRegister: fc.boolean(),
    mulFromRegister: fc.boolean(),
  },
  'alu',
  'operand',
  'afterPrelu',
  'aluConvert',
  'mulConvert',
  'operandUse',
  'aluFromRegister',
  'mulFromRegister',
);

const priority = fc.constantFrom('le' as const, 'lo' as const);
const lookupSlope = fc.record({ scale: integer, shift: integer });
const curve = {
  entries: index,
  start: integer,
  end: integer,
  underflow: lookupSlope,
  overflow: lookupSlope,
  exponent: integer,
};
const lookup: fc.Arbitrary<Lookup<number>> = fc.record({
  le: fc.record({ ...curve, spacing: fc.constantFrom('exponential' as const, 'linear' as const) }),
  lo: fc.record(curve),
  underflowPriority: priority,
  overflowPriority: priority,
  hybridPriority: priority,
});

const pointSteps = {
  input: index,
  shift: index,
  operand: fc.record({
    op: fc.constantFrom('add' as const, 'sub' as const, 'mul' as const, 'max' as const, 'min' as const),
    input: index,
    scale: number,
  }),
  slope: index,
  output: index,
};
const optionalSteps = ['input', 'shift', 'operand', 'slope', 'output'] as const;

const sdp: fc.Arbitrary<Sdp<number>> = fc.oneof(
  record<Extract<Sdp<number>, { arithmetic: 'float-scale' }>>(
    { arithmetic: fc.constant('float-scale'), ...pointSteps, scale: index, low: integer, high: integer, lut: index },
    ...optionalSteps,
    'lut',
  ),
  record<Extract<Sdp<number>, { arithmetic: 'float16' }>>(
    { arithmetic: fc.constant('float16'), ...pointSteps, scale: index, low: number, high: number, lut: index },
    ...optionalSteps,
    'scale',
    'low',
    'high',
    'lut',
  ),
  record<NvdlaSdp<number>>(
    {
      arithmetic: fc.constantFrom('integer-scale', 'nvdla-float16'),
      input: index,
      x1: unit,
      x2: unit,
      y: unit,
      convert,
      lookup,
      outputType: hardwareType,
      output: index,
    },
    'input',
    'x1',
    'x2',
    'y',
    'lookup',
    'output',
  ),
);

const pdp = record<Pdp<number>>(
  {
    input: index,
    mode: fc.constantFrom('max', 'min', 'average'),
    kernel: extent,
    stride: extent,
    padding,
    countPadding: fc.boolean(),
    average: fc.record({ recipWidth: integer, recipHeight: integer, padValues: fc.array(integer) }),
    output: index,
  },
  'input',
  'average',
);

const cdp = record<Cdp<number>>(
  {
    input: index,
    localSize: fc.constantFrom(3, 5, 7, 9),
    inputConvert: convert,
    outputConvert: convert,
    bypassSquareSum: fc.boolean(),
    bypassMultiply: fc.boolean(),
    lookup,
    output: index,
  },
  'lookup',
);

const grid: fc.Arbitrary<PixelGrid> = fc.record({ row: integer, column: integer, step: extent });

const pixels: fc.Arbitrary<PixelCopy<number>> = fc.record({
  input: index,
  inputChannel: integer,
  from: grid,
  output: index,
  outputChannel: integer,
  to: grid,
  channels: integer,
  rows: integer,
  columns: integer,
});

const rubik: fc.Arbitrary<RubikMove<number>> = fc.record({
  mode: fc.constantFrom('contract', 'split', 'merge'),
  input: index,
  output: index,
  stride: extent,
});

const transfer: fc.Arbitrary<BdmaTransfer<number>> = fc.record({
  input: index,
  inputOffset: integer,
  inputLineStride: integer,
  inputSurfaceStride: integer,
  output: index,
  outputOffset: integer,
  outputLineStride: integer,
  outputSurfaceStride: integer,
  lineBytes: integer,
  lines: integer,
  surfaces: integer,
});

const lrn: fc.Arbitrary<Lrn<number>> = fc.record({
  input: index,
  size: number,
  alpha: number,
  beta: number,
  bias: number,
  output: index,
});

const softmax: fc.Arbitrary<Softmax<number>> = fc.record({
  input: index,
  axis: fc.constantFrom('c', 'h', 'w'),
  output: index,
});

const resize: fc.Arbitrary<Resize<number>> = fc.oneof(
  fc.record({
    input: index,
    mode: fc.constant('nearest' as const),
    coordinates: fc.constantFrom('asymmetric', 'half_pixel'),
    rounding: fc.constantFrom('floor', 'half_down', 'half_up'),
    scale: extent,
    output: index,
  }),
  fc.record({ input: index, mode: fc.constant('linear' as const), factor: number, scale: extent, output: index }),
);

const copy: fc.Arbitrary<Copy<number>> = fc.record({
  input: index,
  inputChannel: integer,
  outputChannel: integer,
  channels: integer,
  output: index,
});

const common = { id: index, name, origin: fc.array(name), tableOf: fc.array(name), after: fc.array(index) };
type Of<K extends Layer['kind']> = Extract<Layer, { readonly kind: K }>;

const layer: fc.Arbitrary<Layer> = fc.oneof(
  record<Of<'conv'>>({ ...common, kind: fc.constant('conv'), conv, sdp, pdp }, 'tableOf', 'pdp'),
  record<Of<'sdp'>>({ ...common, kind: fc.constant('sdp'), sdp, pdp }, 'tableOf', 'pdp'),
  record<Of<'pdp'>>({ ...common, kind: fc.constant('pdp'), pdp }, 'tableOf'),
  record<Of<'cdp'>>({ ...common, kind: fc.constant('cdp'), cdp }, 'tableOf'),
  record<Of<'lrn'>>({ ...common, kind: fc.constant('lrn'), lrn }, 'tableOf'),
  record<Of<'softmax'>>({ ...common, kind: fc.constant('softmax'), softmax }, 'tableOf'),
  record<Of<'resize'>>({ ...common, kind: fc.constant('resize'), resize }, 'tableOf'),
  record<Of<'copy'>>({ ...common, kind: fc.constant('copy'), copy }, 'tableOf'),
  record<Of<'pixels'>>({ ...common, kind: fc.constant('pixels'), pixels }, 'tableOf'),
  record<Of<'rubik'>>({ ...common, kind: fc.constant('rubik'), rubik }, 'tableOf'),
  record<Of<'bdma'>>({ ...common, kind: fc.constant('bdma'), transfers: fc.array(transfer) }, 'tableOf'),
);

export const arbitraryProgram: fc.Arbitrary<Program> = fc.record({
  target: name,
  sram: byteCount,
  surfaces: fc.array(surface),
  layers: fc.array(layer),
  inputs: fc.array(index),
  outputs: fc.array(index),
  constants: fc.array(record<ConstantRef>({ surface: index, blob })),
});

const segment: fc.Arbitrary<Segment> = fc.oneof(
  fc.record({ kind: fc.constant('dla' as const), name, program: arbitraryProgram }),
  fc.record({
    kind: fc.constant('host' as const),
    name,
    nodes: fc.array(name),
    reason: fc.constantFrom('refused' as const, 'not emulated' as const),
    inputs: fc.array(name),
    outputs: fc.array(name),
    model: blob,
  }),
);

const planTensor = record<PlanTensor>(
  {
    name,
    shape: fc.array(index),
    dtype: fc.constantFrom('float32', 'int8', 'uint8', 'int32', 'int64', 'bool', 'float16'),
    scale: number,
  },
  'scale',
);

const preprocess: fc.Arbitrary<Preprocess> = record<Preprocess>(
  {
    divisor: number,
    mean: fc.array(number),
    std: fc.array(number),
    channelOrder: fc.constantFrom('rgb', 'bgr', 'gray', 'rgba', 'bgra'),
  },
  'divisor',
);

export const arbitraryPlan: fc.Arbitrary<Plan> = record<Plan>(
  {
    network: name,
    target: name,
    release: name,
    batch: integer,
    ranges: fc.constantFrom('calibrated', 'dummy', 'none'),
    preprocess,
    tensors: fc.array(planTensor),
    inputs: fc.array(name),
    outputs: fc.array(name),
    segments: fc.array(segment, { maxLength: 4 }),
  },
  'preprocess',
);
