/**
 * The contracts of surface.ts, layer.ts and program.ts as schemas, for values that come from text. The interfaces are the source of
 * truth: `record<T>()` takes a schema for every field that T has, optional ones included, and no other. Schemas see
 * to types and ranges; how the parts fit together is the validator's.
 */

import * as z from 'zod';
import type { Bytes } from '../base/units.ts';
import { isBlobKey } from './blobs.ts';
import type {
  BdmaTransfer,
  Cdp,
  Conv,
  ConvCore,
  Convert,
  Copy,
  Extent,
  FloatScaleSdp,
  ImageInput,
  IntegerAverage,
  IntegerScaleSdp,
  Layer,
  Lookup,
  LookupSlope,
  Padding,
  Pdp,
  PixelCopy,
  PixelGrid,
  Resize,
  RubikMove,
  Sdp,
  SdpUnit,
} from './layer.ts';
import type { ConstantRef, DlaSegment, HostSegment, Plan, PlanTensor, Preprocess, Program } from './program.ts';
import type { Shape4, Surface } from './surface.ts';

/** One schema for each field; an optional field has one that may be left out. */
type Fields<T> = {
  readonly [K in keyof T]-?: Record<never, never> extends Pick<T, K>
    ? z.ZodExactOptional<z.ZodType<Exclude<T[K], undefined>>>
    : z.ZodType<T[K]>;
};

const record =
  <T>() =>
  <S extends Fields<T>>(fields: S): z.ZodObject<S, z.core.$strict> =>
    z.strictObject(fields);

const optional = <S extends z.ZodType>(schema: S): z.ZodExactOptional<S> => schema.exactOptional();

const integer = z.int();
const number = z.number();
const index = z.int().min(0);
const indices = z.array(index);
const byteCount = z.int().min(0) as unknown as z.ZodType<Bytes>;
const text = z.string();
const texts = z.array(text);
const blob = z.string().refine(isBlobKey, 'a blob key has 64 hexadecimal digits');

const shape4: z.ZodType<Shape4> = z.tuple([integer, integer, integer, integer]);

export const surfaceSchema = record<Surface>()({
  id: index,
  name: text,
  shape: shape4,
  dtype: z.enum(['int8', 'int16', 'int32', 'float16', 'float32']),
  format: z.enum(['chw32', 'chw16', 'chw8', 'dla_hwc4', 'dla_linear', 'kcrs', 'vector']),
  lineStride: byteCount,
  surfaceStride: byteCount,
  batchStride: byteCount,
  size: byteCount,
  memory: z.enum(['managed_sram', 'local_dram', 'global_dram', 'io']),
  offset: byteCount,
  scale: optional(number),
  parent: optional(index),
}) satisfies z.ZodType<Surface>;

export const constantSchema = record<ConstantRef>()({ surface: index, blob }) satisfies z.ZodType<ConstantRef>;

const extent = record<Extent>()({ h: integer, w: integer });
const padding = record<Padding>()({ top: integer, left: integer, bottom: integer, right: integer });
const convert = record<Convert>()({ offset: integer, scale: integer, shift: integer });

const dataAndWeights = record<ConvCore['reuse']>()({ data: z.boolean(), weights: z.boolean() });

const image = record<ImageInput>()({
  order: indices,
  unsigned: optional(integer),
  mean: optional(z.array(integer)),
  rowsPerBlock: z.literal([1, 2, 4]),
});

const core = record<ConvCore>()({
  precision: z.enum(['int8', 'int16', 'float16']),
  kernelGroup: integer,
  channelBlock: integer,
  accumulatorChannels: integer,
  accumulatorBits: integer,
  cbuf: record<ConvCore['cbuf']>()({ dataBanks: integer, weightBanks: integer }),
  convert: optional(convert),
  image: optional(image),
  reuse: dataAndWeights,
  keep: dataAndWeights,
});

const conv = record<Conv<number>>()({
  input: index,
  weights: index,
  bias: optional(index),
  kernel: extent,
  stride: extent,
  dilation: extent,
  padding,
  padValue: integer,
  groups: integer,
  transposed: z.boolean(),
  output: record<Conv<number>['output']>()({ channels: integer, height: integer, width: integer }),
  sparse: z.boolean(),
  truncate: integer,
  core: optional(core),
});

const floatSdp = record<FloatScaleSdp<number>>()({
  arithmetic: z.literal('float-scale'),
  input: optional(index),
  scale: index,
  shift: optional(index),
  operand: optional(
    record<NonNullable<FloatScaleSdp<number>['operand']>>()({
      op: z.enum(['add', 'sub', 'mul', 'max', 'min']),
      input: index,
      scale: number,
    }),
  ),
  slope: optional(index),
  low: integer,
  high: integer,
  lut: optional(index),
  output: optional(index),
});

const unit = record<SdpUnit<number>>()({
  alu: optional(z.enum(['max', 'min', 'sum', 'equal'])),
  mul: z.boolean(),
  source: z.enum(['layer', 'kernel', 'point']),
  operand: optional(index),
  aluOperand: integer,
  mulOperand: integer,
  aluShift: integer,
  truncate: integer,
  activation: z.enum(['none', 'relu', 'prelu', 'lut']),
  afterPrelu: optional(z.enum(['relu', 'lut'])),
  aluConvert: optional(convert),
  mulConvert: optional(convert),
  operandUse: optional(z.enum(['alu', 'mul', 'both'])),
  aluFromRegister: optional(z.boolean()),
  mulFromRegister: optional(z.boolean()),
});

const priority = z.enum(['le', 'lo']);
const slope = record<LookupSlope>()({ scale: integer, shift: integer });
const curve = { entries: index, start: number, end: number, underflow: slope, overflow: slope, exponent: integer };

const lookup = record<Lookup<number>>()({
  le: record<Lookup<number>['le']>()({ ...curve, spacing: z.enum(['exponential', 'linear']) }),
  lo: record<Lookup<number>['lo']>()(curve),
  underflowPriority: priority,
  overflowPriority: priority,
  hybridPriority: priority,
});

const integerSdp = record<IntegerScaleSdp<number>>()({
  arithmetic: z.literal('integer-scale'),
  input: optional(index),
  x1: optional(unit),
  x2: optional(unit),
  y: optional(unit),
  convert,
  lookup: optional(lookup),
  processing: optional(z.literal('float')),
  outputType: z.enum(['int8', 'int16', 'float16']),
  output: optional(index),
});

const sdp = z.discriminatedUnion('arithmetic', [floatSdp, integerSdp]) satisfies z.ZodType<Sdp<number>>;

const average = record<IntegerAverage>()({ recipWidth: integer, recipHeight: integer, padValues: z.array(integer) });

const pdp = record<Pdp<number>>()({
  input: optional(index),
  mode: z.enum(['max', 'min', 'average']),
  kernel: extent,
  stride: extent,
  padding,
  countPadding: z.boolean(),
  average: optional(average),
  output: index,
});

const cdp = record<Cdp<number>>()({
  input: index,
  localSize: z.literal([3, 5, 7, 9]),
  inputConvert: convert,
  outputConvert: convert,
  bypassSquareSum: z.boolean(),
  bypassMultiply: z.boolean(),
  lookup: optional(lookup),
  output: index,
});

const grid = record<PixelGrid>()({ row: integer, column: integer, step: extent });

const pixels = record<PixelCopy<number>>()({
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

const rubik = record<RubikMove<number>>()({
  mode: z.enum(['contract', 'split', 'merge']),
  input: index,
  output: index,
  stride: extent,
});

const transfer = record<BdmaTransfer<number>>()({
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

const resize = record<Resize<number>>()({
  input: index,
  mode: z.enum(['nearest', 'linear']),
  coordinates: z.enum(['asymmetric', 'half_pixel']),
  rounding: z.enum(['floor', 'half_down', 'half_up']),
  scale: extent,
  output: index,
});

const copy = record<Copy<number>>()({
  input: index,
  inputChannel: integer,
  outputChannel: integer,
  channels: integer,
  output: index,
});

const common = { id: index, name: text, origin: texts, after: indices };
type Of<K extends Layer['kind']> = Extract<Layer, { readonly kind: K }>;

export const layerSchema = z.discriminatedUnion('kind', [
  record<Of<'conv'>>()({ ...common, kind: z.literal('conv'), conv, sdp, pdp: optional(pdp) }),
  record<Of<'sdp'>>()({ ...common, kind: z.literal('sdp'), sdp, pdp: optional(pdp) }),
  record<Of<'pdp'>>()({ ...common, kind: z.literal('pdp'), pdp }),
  record<Of<'cdp'>>()({ ...common, kind: z.literal('cdp'), cdp }),
  record<Of<'resize'>>()({ ...common, kind: z.literal('resize'), resize }),
  record<Of<'copy'>>()({ ...common, kind: z.literal('copy'), copy }),
  record<Of<'pixels'>>()({ ...common, kind: z.literal('pixels'), pixels }),
  record<Of<'rubik'>>()({ ...common, kind: z.literal('rubik'), rubik }),
  record<Of<'bdma'>>()({ ...common, kind: z.literal('bdma'), transfers: z.array(transfer) }),
]) satisfies z.ZodType<Layer>;

/** A Program without what has lines of its own. */
export type ProgramHead = Omit<Program, 'surfaces' | 'layers' | 'constants'>;

export const programHeadSchema = record<ProgramHead>()({
  target: text,
  sram: byteCount,
  inputs: indices,
  outputs: indices,
}) satisfies z.ZodType<ProgramHead>;

export const planTensorSchema = record<PlanTensor>()({
  name: text,
  shape: z.array(index),
  dtype: z.enum(['float32', 'int8', 'uint8', 'int32', 'int64', 'bool', 'float16']),
  scale: optional(number),
}) satisfies z.ZodType<PlanTensor>;

const preprocess = record<Preprocess>()({
  mean: z.array(number),
  std: z.array(number),
  channelOrder: z.enum(['rgb', 'bgr', 'gray']),
});

/** A Plan without what has lines of its own. */
export type PlanHead = Omit<Plan, 'tensors' | 'segments'>;

export const planHeadSchema = record<PlanHead>()({
  network: text,
  target: text,
  release: text,
  batch: integer,
  ranges: z.enum(['calibrated', 'dummy']),
  preprocess: optional(preprocess),
  inputs: texts,
  outputs: texts,
}) satisfies z.ZodType<PlanHead>;

export type SegmentHead = Omit<DlaSegment, 'program'> | HostSegment;

export const segmentHeadSchema = z.discriminatedUnion('kind', [
  record<Omit<DlaSegment, 'program'>>()({ kind: z.literal('dla'), name: text }),
  record<HostSegment>()({
    kind: z.literal('host'),
    name: text,
    nodes: texts,
    reason: z.enum(['gpu', 'not emulated']),
    inputs: texts,
    outputs: texts,
    model: blob,
  }),
]) satisfies z.ZodType<SegmentHead>;
