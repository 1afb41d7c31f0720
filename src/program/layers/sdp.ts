/** The single-point stage: scales, second operands, activations; with any pooling behind it. */

import * as z from '../../base/schema.ts';
import { processPrecision } from '../../program/nvdla/codes.ts';
import { nvdlaLimits } from '../../targets/nvdla-limits.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import { isFeatureFormat } from '../geometry.ts';
import { atomElements, type ConvolutionPrecision } from '../nvdla/convolution-buffer.ts';
import type { Shape4 } from '../surface.ts';
import {
  atoms,
  constant,
  type LayerContext,
  precisionOf,
  same,
  sameShape,
  surfaceOf,
  whole,
  wrong,
} from './context.ts';
import {
  type Convert,
  checkConvert,
  checkConvertRegisters,
  convertSchema,
  index,
  integer,
  number,
  optional,
  record,
} from './fields.ts';
import type { CubeType, LayerKind, StageWork, Visit } from './kind.ts';
import { checkLookup, type Lookup, lookupSchema, mapLookup } from './lookup.ts';
import { checkPdp, checkPdpRegisters, mapPdp, type Pdp, pdpSchema } from './pdp.ts';

/** The steps that the single-point stages of orin and xavier have in common, and their fields. */
export interface PointSteps<S> {
  readonly input?: S;
  /** float32 vector, one element or one per output channel. */
  readonly shift?: S;
  readonly operand?: {
    readonly op: 'add' | 'sub' | 'mul' | 'max' | 'min';
    /** Surface of the output's shape, or with H = W = 1 (one element per channel), broadcast; int8 or float16. */
    readonly input: S;
    /** Of an int8 operand its scale and what else it is multiplied by; 1 where it is float16 and nothing multiplies it. */
    readonly scale: number;
  };
  /** float32 vector, one element (LeakyRelu) or one per channel (PRelu). */
  readonly slope?: S;
  readonly output?: S;
}

/**
 * Single-point stage of orin and xavier that gives int8. With v the accumulator (int32, after bias; float32 of an FP16 convolution) or
 * the input (int8 or float16):
 *
 *     t = float32(v) × scale[c]              one float32 multiplication
 *     t = t + shift[c]                       if shift
 *     t = t ∘ (float32(operand) × operandScale)   if operand; ∘ is add, sub, mul, max or min in float32
 *     t = t < 0 ? t × slope[c] : t           if slope
 *     q = clamp(roundHalfAway(t), low, high)
 *     q = lut[q + 128]                       if lut
 *
 * Every step is one IEEE float32 operation; no fused multiply-add.
 */
export interface FloatScaleSdp<S> extends PointSteps<S> {
  readonly arithmetic: 'float-scale';
  /** float32 vector, one element or one per output channel. */
  readonly scale: S;
  /** Integers in [-128, 127]: Relu is low 0; Clip has both. */
  readonly low: number;
  readonly high: number;
  /** int8 vector of 256 entries, for the integers −128 … 127. */
  readonly lut?: S;
}

/**
 * The same stage where it gives float16. The steps are those of {@link FloatScaleSdp}, and end so:
 *
 *     t = max(t, low), min(t, high)          if low, if high
 *     h = half(t)                            binary16, nearest even; beyond ±65,504 the largest finite number, infinities too
 *     h = lut[bits of h]                     if lut
 *
 * Maxima and minima are IEEE's (−0 below +0, NaN stays); every NaN that is written is 0x7e00.
 */
export interface Float16Sdp<S> extends PointSteps<S> {
  readonly arithmetic: 'float16';
  /** float32 vector, one element or one per output channel; absent where nothing is multiplied. */
  readonly scale?: S;
  /** float32 numbers; absent where there is no bound. */
  readonly low?: number;
  readonly high?: number;
  /** float16 vector of 65,536 entries, for every bit pattern. */
  readonly lut?: S;
}

/** Single-point stages of orin and xavier; each is named after what it gives. */
export type JetsonSdp<S> = FloatScaleSdp<S> | Float16Sdp<S>;

/** One of SDP's X1, X2, Y sub-units on integer-scale targets (docs/hardware/nvdla.md#sdp). */
export interface SdpUnit<S> {
  readonly alu?: 'max' | 'min' | 'sum' | 'equal';
  readonly mul: boolean;
  /** Where the operand comes from: one for all, one per channel, or one per point. */
  readonly source: 'layer' | 'kernel' | 'point';
  readonly operand?: S;
  /** Used when source is `layer`. */
  readonly aluOperand: number;
  readonly mulOperand: number;
  /** Left shift of the ALU operand (X1, X2). */
  readonly aluShift: number;
  /** Right shift with rounding after the multiplication. */
  readonly truncate: number;
  readonly activation: 'none' | 'relu' | 'prelu' | 'lut';
  /** What follows the multiplication where that is a PReLU. */
  readonly afterPrelu?: 'relu' | 'lut';
  /** Operand converters of Y: (operand − offset) × scale >> shift. */
  readonly aluConvert?: Convert;
  readonly mulConvert?: Convert;
  /** What `operand` holds; `both` interleaves a pair for each element, the ALU's first. Absent without `operand`. */
  readonly operandUse?: 'alu' | 'mul' | 'both';
  /** The ALU takes `aluOperand` although `operand` is there for the multiplier. */
  readonly aluFromRegister?: boolean;
  /** The multiplier takes `mulOperand` although `operand` is there for the ALU. */
  readonly mulFromRegister?: boolean;
}

/** Whether what leaves the unit goes through the lookup table. */
export const looksUp = (unit: SdpUnit<unknown> | undefined): boolean =>
  unit?.activation === 'lut' || unit?.afterPrelu === 'lut';

/** Single-point stage of the open NVDLA: X1, X2, Y, then the output converter. */
export interface NvdlaSdp<S> {
  /**
   * `integer-scale`: the units compute in integers. `nvdla-float16` (nv_full): in float32, on float16 operands; operands in registers
   * are bit patterns, of float16 in X1 and X2 and of float32 in Y, and shifts and converters are not used.
   */
  readonly arithmetic: 'integer-scale' | 'nvdla-float16';
  readonly input?: S;
  readonly x1?: SdpUnit<S>;
  readonly x2?: SdpUnit<S>;
  readonly y?: SdpUnit<S>;
  readonly convert: Convert;
  /** The table that Y's activation `lut` looks up, in a Program. On a device it is in memories and registers that outlive a launch. */
  readonly lookup?: Lookup<S>;
  /** What the results saturate to, also where they go on to pooling. */
  readonly outputType: ConvolutionPrecision;
  readonly output?: S;
}

export type Sdp<S> = JetsonSdp<S> | NvdlaSdp<S>;

export const isNvdlaSdp = <S>(sdp: Sdp<S>): sdp is NvdlaSdp<S> =>
  sdp.arithmetic === 'integer-scale' || sdp.arithmetic === 'nvdla-float16';

/** What the units compute in on numbers of a precision. */
export const nvdlaArithmetic = (precision: ConvolutionPrecision): NvdlaSdp<unknown>['arithmetic'] =>
  precision === 'float16' ? 'nvdla-float16' : 'integer-scale';

const pointSteps = {
  input: optional(index),
  shift: optional(index),
  operand: optional(
    record<NonNullable<PointSteps<number>['operand']>>()({
      op: z.enum(['add', 'sub', 'mul', 'max', 'min']),
      input: index,
      scale: number,
    }),
  ),
  slope: optional(index),
  output: optional(index),
};

const floatScaleSdp = record<FloatScaleSdp<number>>()({
  arithmetic: z.literal('float-scale'),
  ...pointSteps,
  scale: index,
  low: integer,
  high: integer,
  lut: optional(index),
});

const float16Sdp = record<Float16Sdp<number>>()({
  arithmetic: z.literal('float16'),
  ...pointSteps,
  scale: optional(index),
  low: optional(number),
  high: optional(number),
  lut: optional(index),
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
  aluConvert: optional(convertSchema),
  mulConvert: optional(convertSchema),
  operandUse: optional(z.enum(['alu', 'mul', 'both'])),
  aluFromRegister: optional(z.boolean()),
  mulFromRegister: optional(z.boolean()),
});

const nvdlaSdp = record<NvdlaSdp<number>>()({
  arithmetic: z.enum(['integer-scale', 'nvdla-float16']),
  input: optional(index),
  x1: optional(unit),
  x2: optional(unit),
  y: optional(unit),
  convert: convertSchema,
  lookup: optional(lookupSchema),
  outputType: z.enum(['int8', 'int16', 'float16']),
  output: optional(index),
});

export const sdpSchema = z.discriminatedUnion('arithmetic', [floatScaleSdp, float16Sdp, nvdlaSdp]) satisfies z.ZodType<
  Sdp<number>
>;

function mapSdp<S, T>({ input, output, ...rest }: Sdp<S>, visit: Visit<S, T>): Sdp<T> {
  const read = input === undefined ? {} : { input: visit(input, { role: 'input', field: 'sdp.input', client: 'sdp' }) };
  const steps = 'convert' in rest ? mapUnits(rest, visit) : mapPointSteps(rest, visit);
  return {
    ...read,
    ...steps,
    ...(output !== undefined && { output: visit(output, { role: 'output', field: 'sdp.output' }) }),
  };
}

function mapPointSteps<S, T>(
  { operand, scale, shift, slope, lut, ...rest }: JetsonSdp<S>,
  visit: Visit<S, T>,
): JetsonSdp<T> {
  const vector = (surface: S, name: string): T => visit(surface, { role: 'vector', field: `sdp.${name}` });
  return {
    ...(rest as Omit<typeof rest, 'input' | 'output'>),
    ...(operand && {
      operand: { ...operand, input: visit(operand.input, { role: 'operand', field: 'sdp.operand' }) },
    }),
    ...(scale !== undefined && { scale: vector(scale, 'scale') }),
    ...(shift !== undefined && { shift: vector(shift, 'shift') }),
    ...(slope !== undefined && { slope: vector(slope, 'slope') }),
    ...(lut !== undefined && { lut: vector(lut, 'lut') }),
  } as JetsonSdp<T>;
}

function mapUnits<S, T>({ x1, x2, y, lookup, ...rest }: NvdlaSdp<S>, visit: Visit<S, T>): NvdlaSdp<T> {
  return {
    ...(rest as Omit<typeof rest, 'input' | 'output'>),
    ...(x1 && { x1: mapUnit(x1, 'x1', visit) }),
    ...(x2 && { x2: mapUnit(x2, 'x2', visit) }),
    ...(y && { y: mapUnit(y, 'y', visit) }),
    ...(lookup && { lookup: mapLookup(lookup, 'sdp', visit) }),
  };
}

function mapUnit<S, T>({ operand, ...unit }: SdpUnit<S>, name: 'x1' | 'x2' | 'y', visit: Visit<S, T>): SdpUnit<T> {
  if (operand === undefined) return unit;
  const role = unit.source === 'point' ? 'operand' : 'vector';
  return { ...unit, operand: visit(operand, { role, field: `sdp.${name}`, client: `sdp ${name}` }) };
}

/** The stages behind a convolution, or of a launch without one. */
interface PointAndPooling<S> {
  readonly sdp: Sdp<S>;
  readonly pdp?: Pdp<S>;
}

export const mapPointAndPooling = <S, T>({ sdp, pdp }: PointAndPooling<S>, visit: Visit<S, T>): PointAndPooling<T> => ({
  sdp: mapSdp(sdp, visit),
  ...(pdp && { pdp: mapPdp(pdp, visit) }),
});

export function checkPointAndPooling(
  context: LayerContext,
  sdp: Sdp<number>,
  pdp: Pdp<number> | undefined,
  shape: Shape4,
): void {
  if (isNvdlaSdp(sdp)) checkNvdlaSdp(context, sdp, shape);
  else checkJetsonSdp(context, sdp, shape);
  if (pdp !== undefined) {
    if (pdp.input !== undefined || sdp.output !== undefined) {
      wrong(
        context,
        'a PDP after an SDP takes its data without a surface between them',
        'no sdp.output, no pdp.input',
        'one',
      );
    }
    checkPdp(context, pdp, shape);
    const { name, dtype } = surfaceOf(context, pdp.output, 'pdp.output');
    if (!isNvdlaSdp(sdp) && dtype !== resultType(sdp)) {
      wrong(context, `${name} has another type than what is pooled`, resultType(sdp), dtype);
    }
    return;
  }
  if (sdp.output === undefined) wrong(context, 'the pipeline writes nothing', 'an output', 'none');
  sameShape(context, 'sdp.output', surfaceOf(context, sdp.output, 'sdp.output').shape, shape);
}

function checkJetsonSdp(context: LayerContext, sdp: JetsonSdp<number>, shape: Shape4): void {
  const perChannel = [1, shape[1]];
  for (const name of ['scale', 'shift', 'slope'] as const) {
    const vector = sdp[name];
    if (vector !== undefined) constant(context, vector, `sdp.${name}`, 'float32', perChannel);
  }
  if (sdp.arithmetic === 'float16') checkFloat16Ends(context, sdp);
  else {
    if (sdp.lut !== undefined) constant(context, sdp.lut, 'sdp.lut', 'int8', [256]);
    whole(context, 'sdp.low', sdp.low, -128, 127);
    whole(context, 'sdp.high', sdp.high, sdp.low, 127);
  }
  for (const [id, types] of [
    [sdp.input, ['int8', 'float16']],
    [sdp.operand?.input, ['int8', 'float16']],
    [sdp.output, [resultType(sdp)]],
  ] as const) {
    if (id === undefined) continue;
    const { name, dtype } = surfaceOf(context, id, 'sdp');
    if (!types.some((type) => type === dtype)) wrong(context, `${name} has another type`, types.join(' or '), dtype);
  }
  if (sdp.operand === undefined) return;
  if (!Number.isFinite(sdp.operand.scale))
    wrong(context, 'sdp.operand.scale is not finite', 'a number', sdp.operand.scale);
  operandShape(context, 'sdp.operand', sdp.operand.input, shape);
}

function checkFloat16Ends(context: LayerContext, { low, high, lut }: Float16Sdp<number>): void {
  if (lut !== undefined) constant(context, lut, 'sdp.lut', 'float16', [65_536]);
  for (const [field, bound] of [
    ['sdp.low', low],
    ['sdp.high', high],
  ] as const) {
    if (bound === undefined || (Number.isFinite(bound) && bound === Math.fround(bound))) continue;
    wrong(context, `${field} is no float32`, 'a float32 number', bound);
  }
  if (low !== undefined && high !== undefined && low > high) wrong(context, 'sdp.low is above sdp.high', high, low);
}

/** A point-wise operand has the cube's shape, or one element per channel. */
function operandShape(context: LayerContext, field: string, id: number, shape: Shape4): void {
  const operand = surfaceOf(context, id, field).shape;
  const [n, c] = shape;
  sameShape(context, field, operand, operand[2] === 1 && operand[3] === 1 ? [n, c, 1, 1] : shape);
}

function checkNvdlaSdp(context: LayerContext, sdp: NvdlaSdp<number>, shape: Shape4): void {
  for (const name of ['x1', 'x2', 'y'] as const) {
    const unit = sdp[name];
    if (unit !== undefined) checkUnit(context, `sdp.${name}`, unit, shape);
  }
  checkConvert(context, 'sdp.convert', sdp.convert);
  if (sdp.lookup)
    checkLookup(context, 'sdp.lookup', sdp.lookup, sdp.arithmetic === 'nvdla-float16' ? 'float16' : 'int16');
  if (sdp.output === undefined) return;
  const { dtype } = surfaceOf(context, sdp.output, 'sdp.output');
  if (dtype !== sdp.outputType) wrong(context, 'sdp.output has another type', sdp.outputType, dtype);
}

function checkUnit(context: LayerContext, field: string, unit: SdpUnit<number>, shape: Shape4): void {
  whole(context, `${field}.truncate`, unit.truncate, 0, 63);
  whole(context, `${field}.aluShift`, unit.aluShift, 0, 63);
  for (const name of ['aluOperand', 'mulOperand'] as const) {
    whole(context, `${field}.${name}`, unit[name], -(2 ** 31), 2 ** 31 - 1);
  }
  if (unit.aluConvert !== undefined) checkConvert(context, `${field}.aluConvert`, unit.aluConvert);
  if (unit.mulConvert !== undefined) checkConvert(context, `${field}.mulConvert`, unit.mulConvert);
  if ((unit.source === 'layer') !== (unit.operand === undefined)) {
    wrong(
      context,
      `${field}.operand does not fit its source`,
      unit.source,
      unit.operand === undefined ? 'none' : 'a surface',
    );
  }
  if (unit.operand === undefined) return;
  // A pair of operands for each element lies interleaved, the ALU's first (docs/hardware/nvdla.md#layouts).
  const each = unit.operandUse === 'both' ? 2 : 1;
  if (unit.source === 'point') {
    const [n, c, h, w] = shape;
    operandShape(context, field, unit.operand, [n, c * each, h, w]);
    return;
  }
  const operand = surfaceOf(context, unit.operand, field);
  // The channels of a 1 × 1 map lie as those of a table do.
  const isMap = isFeatureFormat(operand.format) && operand.shape[2] === 1 && operand.shape[3] === 1;
  if (!context.constants.has(unit.operand) && !isMap)
    wrong(context, `${field}.operand is not a constant, nor a 1 × 1 map`, 'a constant', operand.name);
  if (operand.shape[1] < shape[1] * each) {
    wrong(context, `${field}.operand is too short`, shape[1] * each, operand.shape[1]);
  }
}

/** The type of what leaves the stage, also where it goes on to pooling. */
export function resultType(sdp: Sdp<unknown>): ConvolutionPrecision {
  if (isNvdlaSdp(sdp)) return sdp.outputType;
  return sdp.arithmetic === 'float16' ? 'float16' : 'int8';
}

interface SdpInput {
  readonly precision: ConvolutionPrecision;
  readonly channels: number;
}

function checkSdpRegisters(context: LayerContext, sdp: Sdp<number>, input: SdpInput, target: NvdlaTarget): void {
  if (!isNvdlaSdp(sdp)) return;
  const { precision, channels } = input;
  precisionOf(context, sdp.outputType, 'sdp.outputType', target);
  same(context, 'sdp.arithmetic', sdp.arithmetic, nvdlaArithmetic(precision));
  // SDP works on whole atoms of the precision that it computes in, and reads and writes as many channels.
  const wholeAtoms = (type: ConvolutionPrecision): number => {
    const atom = atomElements(target, type);
    return Math.ceil(channels / atom) * atom;
  };
  const process = processPrecision(precision, sdp.outputType);
  for (const [field, type] of [
    ['the channels in atoms of the input', precision],
    ['the channels in atoms of the result', sdp.outputType],
  ] as const) {
    same(context, field, wholeAtoms(type), wholeAtoms(process));
  }
  if (sdp.output !== undefined) atoms(context, sdp.output, 'sdp.output');
  checkConvertRegisters(context, 'sdp.convert', sdp.convert, nvdlaLimits.point.convert);
  if (sdp.y && !target.nvdla.elementwise) wrong(context, `${target.name} has no element-wise unit`, 'no sdp.y', 'one');
  for (const name of ['x1', 'x2', 'y'] as const) {
    const unit = sdp[name];
    if (unit) checkUnitRegisters(context, sdp, name, unit);
  }
  same(context, 'sdp.lookup', sdp.lookup === undefined ? 'absent' : 'there', looksUp(sdp.y) ? 'there' : 'absent');
  if (looksUp(sdp.y) && !target.nvdla.lookupTable) wrong(context, `${target.name} has no lookup table`, 'none', 'one');
}

function checkUnitRegisters(
  context: LayerContext,
  sdp: NvdlaSdp<number>,
  name: 'x1' | 'x2' | 'y',
  unit: SdpUnit<number>,
): void {
  const field = `sdp.${name}`;
  const limits = nvdlaLimits.point;
  const most = 2 ** (limits.operandBits - 1);
  const isY = name === 'y';
  if (unit.alu === 'equal' && !isY) wrong(context, `${field} has no comparison`, 'sdp.y', name);
  const activations = isY ? ['none', 'prelu', 'lut'] : ['none', 'prelu', 'relu'];
  for (const activation of [unit.activation, unit.afterPrelu ?? 'none']) {
    if (!activations.includes(activation))
      wrong(context, `${field} has no such activation`, activations.join(), activation);
  }
  if (unit.activation === 'prelu') same(context, `${field}.mul of a PReLU`, unit.mul, true);
  const [least, largest] = isY ? limits.elementShift : limits.shift;
  whole(context, `${field}.truncate`, unit.truncate, least, largest);
  if (isY) same(context, `${field}.aluShift`, unit.aluShift, 0);
  else {
    for (const operand of ['aluOperand', 'mulOperand'] as const) {
      whole(context, `${field}.${operand}`, unit[operand], -most, most - 1);
    }
  }
  const fromMemory = {
    alu: unit.alu !== undefined && unit.operand !== undefined && !unit.aluFromRegister,
    mul: unit.mul && unit.operand !== undefined && !unit.mulFromRegister,
  };
  for (const part of ['alu', 'mul'] as const) {
    const convert = unit[`${part}Convert`];
    if (!convert) continue;
    if (!isY || !fromMemory[part])
      wrong(context, `${field}.${part}Convert has nothing to convert`, 'none', 'a converter');
    checkConvertRegisters(context, `${field}.${part}Convert`, convert, nvdlaLimits.point.convert);
  }
  if (unit.operand === undefined) return;
  const use = fromMemory.alu ? (fromMemory.mul ? 'both' : 'alu') : fromMemory.mul ? 'mul' : 'nothing';
  same(context, `${field}.operandUse`, unit.operandUse, use);
  const { dtype } = surfaceOf(context, unit.operand, field);
  const types = sdp.arithmetic === 'nvdla-float16' ? ['float16'] : ['int8', 'int16'];
  if (!types.includes(dtype)) wrong(context, `${field}.operand has another type`, types.join(' or '), dtype);
}

export function checkPointAndPoolingRegisters(
  context: LayerContext,
  sdp: Sdp<number>,
  pdp: Pdp<number> | undefined,
  input: SdpInput,
  target: NvdlaTarget,
): void {
  checkSdpRegisters(context, sdp, input, target);
  if (pdp) checkPdpRegisters(context, pdp, resultType(sdp), target);
}

/** @param input shape and type of what comes in */
export function pointAndPoolingWork<S>(
  { pdp }: PointAndPooling<S>,
  { shape, dtype }: Pick<CubeType, 'shape' | 'dtype'>,
  typeOf: (surface: S) => CubeType,
): readonly StageWork[] {
  const point: StageWork = { engine: 'sdp', enters: shape, leaves: shape, dtype };
  if (!pdp) return [point];
  const pooled = typeOf(pdp.output);
  return [point, { engine: 'pdp', enters: shape, leaves: pooled.shape, dtype: pooled.dtype }];
}

export const sdpKind: LayerKind<'sdp'> = {
  kind: 'sdp',
  title: 'point-wise layer of its own',
  fields: { sdp: sdpSchema, pdp: optional(pdpSchema) },
  runs: 'engines',
  lacks: () => undefined,
  map: ({ kind, ...stages }, visit) => ({ kind, ...mapPointAndPooling(stages, visit) }),
  check(context, { sdp, pdp }) {
    if (sdp.input === undefined) wrong(context, 'an SDP that starts a pipeline has an input', 'a surface', 'none');
    checkPointAndPooling(context, sdp, pdp, surfaceOf(context, sdp.input, 'sdp.input').shape);
  },
  checkRegisters(context, { sdp, pdp }, target) {
    const precision = precisionOf(context, atoms(context, sdp.input!, 'sdp.input'), 'sdp.input', target);
    const [, channels] = surfaceOf(context, sdp.input!, 'sdp.input').shape;
    checkPointAndPoolingRegisters(context, sdp, pdp, { precision, channels }, target);
  },
  work: (launch, typeOf) => pointAndPoolingWork(launch, typeOf(launch.sdp.input!), typeOf),
};
