/**
 * A layer of a Program as operations of the firmware: one for each stage of its pipeline. Every field that nvdla/sw's
 * firmware reads is stated; fields that a layer does not use have the values that NVIDIA's compiler writes there.
 */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import {
  type Cdp,
  type Conv,
  type Convert,
  isNvdlaSdp,
  type Layer,
  type Lookup,
  type LookupSlope,
  type NvdlaSdp,
  type Pdp,
  type Pipeline,
  type Sdp,
  type SdpUnit,
} from '../../../program/layer.ts';
import {
  activationCodes,
  aluCodes,
  convolutionCodes,
  memoryCodes,
  pixelSignCodes,
  poolingCodes,
  precisionCodes,
  rowExtensions,
  sourceCodes,
  spacingCodes,
  tableCodes,
  unitCodes,
  weightFormatCodes,
} from '../../../program/nvdla/codes.ts';
import {
  atomElements,
  type ConvolutionPrecision,
  entriesPerSlice,
  precisionBytes,
} from '../../../program/nvdla/convolution-buffer.ts';
import { featureData, pixelFormatOf } from '../../../program/nvdla/pixel-formats.ts';
import { pooledColumns, poolingStripes } from '../../../program/nvdla/pooling.ts';
import type { ElementType } from '../../../program/surface.ts';
import type {
  CdpOp,
  ConvertParam,
  ConvOp,
  DataCube,
  LutParam,
  OperationDesc,
  PdpOp,
  SdpOp,
  SdpUnitOp,
} from '../format/descriptors.ts';
import { cubeOf, type LowerContext, noConvert, noUnit, nowhere, precisionOf } from './cube.ts';
import { lowerPixels, lowerRubik, lowerTransfers } from './moves.ts';

/** The operations of a layer, in the order of its stages. @throws program/invalid */
export function lowerLayer(layer: Layer, context: LowerContext): readonly OperationDesc[] {
  switch (layer.kind) {
    case 'conv': {
      const between = convolutionCube(layer.conv, context);
      return [
        lowerConv(layer.conv, between, layer.name, context),
        ...lowerPoint(layer.sdp, layer.pdp, between, layer, context),
      ];
    }
    case 'sdp':
      return lowerPoint(layer.sdp, layer.pdp, cubeOf(layer.sdp.input!, context), layer, context);
    case 'pdp':
      return [lowerPdp(layer.pdp, cubeOf(layer.pdp.input!, context), context)];
    case 'cdp':
      return [lowerCdp(layer.cdp, context)];
    case 'pixels':
      return [lowerPixels(layer.pixels, context)];
    case 'rubik':
      return [lowerRubik(layer.rubik, context)];
    case 'bdma':
      return [lowerTransfers(layer.transfers, layer.name, context)];
    default:
      return fail('program/invalid', `the open NVDLA has no ${layer.kind}`, { layer: layer.name });
  }
}

/** The accumulator cube, as it would lie in memory. */
function convolutionCube({ output, core }: Conv<number>, { target }: LowerContext): DataCube {
  const { channels, height, width } = output;
  const lineStride = width * target.memoryAtom;
  const blocks = Math.ceil(channels / atomElements(target, core!.precision));
  return {
    ...nowhere,
    type: memoryCodes.numbers.hardware,
    size: blocks * height * lineStride,
    width,
    height,
    channel: channels,
    lineStride,
    surfaceStride: height * lineStride,
  };
}

function lowerConv(conv: Conv<number>, dst: DataCube, layer: string, context: LowerContext): OperationDesc {
  const core = conv.core!;
  const { target, surfaces } = context;
  const src = cubeOf(conv.input, context);
  const image = surfaces[conv.input]!.format === 'dla_hwc4';
  const weights = surfaces[conv.weights]!;
  const mean = core.image?.mean;
  const precision = precisionCodes.numbers[core.precision];
  const kernelChannels = image ? conv.kernel.w * src.channel : src.channel;
  const kernelWidth = image ? 1 : conv.kernel.w;
  const format = image ? pixelFormatOf(core.precision, core.image?.order ?? []) : featureData;
  if (format === undefined) {
    fail('program/invalid', 'no pixel format has this order', { layer }, { actual: `${core.image?.order ?? 'none'}` });
  }
  const op: ConvOp = {
    convMode: convolutionCodes.numbers.direct,
    dataReuse: Number(core.reuse.data),
    weightReuse: Number(core.reuse.weights),
    skipDataRelease: Number(core.keep.data),
    skipWeightRelease: Number(core.keep.weights),
    reserved0: 0,
    entryPerSlice: entriesPerSlice(
      { channels: src.channel, width: src.width, padding: conv.padding.left + conv.padding.right, image },
      core.precision,
      target,
    ),
    dataFormat: format ?? 0,
    pixelMapping: 0,
    fetchGrain: 1,
    reservedB: [0, 0, 0, 0, 0, 0, 0, 0],
    batch: 1,
    weightFormat: weightFormatCodes.numbers.uncompressed,
    dataBank: core.cbuf.dataBanks,
    weightBank: core.cbuf.weightBanks,
    batchStride: 0,
    postExtension: rowExtensions.indexOf(core.image?.rowsPerBlock ?? 1),
    pixelOverride: pixelSignCodes.numbers[core.image?.unsigned === undefined ? 'signed' : 'unsigned'],
    release: src.height,
    inputWidthCsc: src.width,
    inputHeightCsc: src.height,
    inputChannelCsc: src.channel,
    kernelWidthCsc: kernelWidth,
    kernelHeightCsc: conv.kernel.h,
    kernelChannelCsc: kernelChannels,
    inputWidthCmac: conv.output.width,
    inputHeightCmac: conv.output.height,
    bytesPerKernel: kernelChannels * kernelWidth * conv.kernel.h * precisionBytes(core.precision),
    meanRy: mean?.[0] ?? 0,
    meanGu: mean?.[1] ?? 0,
    meanBv: mean?.[2] ?? 0,
    meanAx: mean?.[3] ?? 0,
    meanFormat: Number(mean !== undefined),
    convStrideX: conv.stride.w,
    convStrideY: conv.stride.h,
    padLeft: conv.padding.left,
    padRight: conv.padding.right,
    padTop: conv.padding.top,
    padBottom: conv.padding.bottom,
    dilationX: conv.dilation.w,
    dilationY: conv.dilation.h,
    reserved2: [0, 0],
    praTruncate: 0,
    inPrecision: precision,
    outPrecision: precision,
    padValue: conv.padValue,
    inConvert: core.convert ? convertOf(core.convert) : noConvert,
    outConvert: { scale: 1, truncate: conv.truncate, enable: 1, offset: 0 },
  };
  const weight: DataCube = {
    ...nowhere,
    ...context.place(weights),
    size: weights.size,
    width: kernelWidth,
    height: conv.kernel.h,
    channel: kernelChannels,
  };
  const none = nowhere;
  return {
    type: 'conv',
    op,
    surfaces: { weight, wmb: none, wgs: none, src, dst, offsetU: 0n, inLineUvStride: 0 },
  };
}

const convertOf = ({ offset, scale, shift }: Convert): ConvertParam => ({ scale, truncate: shift, enable: 1, offset });

/** SDP, and PDP behind it. */
function lowerPoint(
  sdp: Sdp<number>,
  pdp: Pdp<number> | undefined,
  src: DataCube,
  layer: Pipeline<number> & { readonly name: string },
  context: LowerContext,
): readonly OperationDesc[] {
  if (!isNvdlaSdp(sdp)) {
    return fail('program/invalid', 'the open NVDLA has no float-scale SDP', { layer: layer.name });
  }
  const dst = pdp === undefined ? cubeOf(sdp.output!, context) : { ...src, ...flying(src, context, sdp.outputType) };
  const point = lowerSdp(sdp, src, dst, layer, context);
  return pdp === undefined ? [point] : [point, lowerPdp(pdp, dst, context)];
}

/** A cube that is handed on in hardware. */
function flying({ width, height, channel }: DataCube, { target }: LowerContext, type: ElementType): DataCube {
  const lineStride = width * target.memoryAtom;
  const blocks = Math.ceil((channel * elementSize[type]) / target.memoryAtom);
  return {
    ...nowhere,
    type: memoryCodes.numbers.hardware,
    size: blocks * height * lineStride,
    width,
    height,
    channel,
    lineStride,
    surfaceStride: height * lineStride,
  };
}

function lowerSdp(
  sdp: NvdlaSdp<number>,
  src: DataCube,
  dst: DataCube,
  layer: Pipeline<number> & { readonly name: string },
  context: LowerContext,
): OperationDesc {
  const input = layer.kind === 'conv' ? layer.conv.core!.precision : context.surfaces[sdp.input!]!.dtype;
  const unit = (part: SdpUnit<number> | undefined) => lowerUnit(part, layer.name, context);
  const [x1, x2, y] = [unit(sdp.x1), unit(sdp.x2), unit(sdp.y)];
  const op: SdpOp = {
    srcPrecision: precisionCodes.numbers[input as ConvolutionPrecision],
    dstPrecision: precisionCodes.numbers[sdp.outputType],
    lutIndex: sdp.lookup ? context.lut(sdp.lookup) : -1,
    outConvert: convertOf(sdp.convert),
    convMode: convolutionCodes.numbers.direct,
    batch: 1,
    reserved0: 0,
    batchStride: 0,
    x1: x1.op,
    x2: x2.op,
    y: y.op,
  };
  const operandCube = (part: { readonly operand?: number }, what: SdpUnit<number> | undefined): DataCube =>
    part.operand === undefined ? nowhere : unitCube(what!, src, context);
  return {
    type: 'sdp',
    op,
    surfaces: {
      src,
      x1: operandCube(x1, sdp.x1),
      x2: operandCube(x2, sdp.x2),
      y: operandCube(y, sdp.y),
      dst,
    },
  };
}

function lowerUnit(
  unit: SdpUnit<number> | undefined,
  layer: string,
  { surfaces }: LowerContext,
): { readonly op: SdpUnitOp; readonly operand?: number } {
  if (unit === undefined) return { op: noUnit };
  if (unit.aluFromRegister || unit.mulFromRegister || unit.afterPrelu) {
    fail('program/invalid', 'descriptors cannot say what a unit of SDP does here', { layer });
  }
  const { operand } = unit;
  const dtype = operand === undefined ? undefined : surfaces[operand]!.dtype;
  const op: SdpUnitOp = {
    enable: 1,
    aluType: unit.alu === undefined ? 0 : aluCodes.numbers[unit.alu],
    type: unitCodes.numbers[unit.alu ? (unit.mul ? 'both' : 'alu') : unit.mul ? 'mul' : 'none'],
    mode: sourceCodes.numbers[unit.source],
    activation: activationCodes.numbers[unit.activation],
    shift: unit.aluShift,
    truncate: unit.truncate,
    precision: precisionCodes.numbers[(dtype ?? 'int8') as ConvolutionPrecision],
    aluOperand: unit.aluOperand,
    mulOperand: unit.mulOperand,
    aluConvert: unit.aluConvert ? convertOf(unit.aluConvert) : noConvert,
    mulConvert: unit.mulConvert ? convertOf(unit.mulConvert) : noConvert,
  };
  return operand === undefined ? { op } : { op, operand };
}

/** A table of one number (or pair) per kernel, or a cube of one per point. */
function unitCube({ operand, source }: SdpUnit<number>, src: DataCube, context: LowerContext): DataCube {
  const surface = context.surfaces[operand!]!;
  if (source === 'point') return cubeOf(operand!, context);
  return {
    ...nowhere,
    ...context.place(surface),
    size: surface.size,
    width: 1,
    height: 1,
    channel: src.channel,
    lineStride: surface.size,
    surfaceStride: surface.size,
  };
}

function lowerPdp(pdp: Pdp<number>, src: DataCube, context: LowerContext): OperationDesc {
  const { target, surfaces } = context;
  const dst = cubeOf(pdp.output, context);
  const precision = surfaces[pdp.output]!.dtype as ConvolutionPrecision;
  const { kernel, stride, padding } = pdp;
  const columns =
    src.type === memoryCodes.numbers.hardware ? dst.width : pooledColumns(kernel, stride, precision, target);
  const stripes = poolingStripes({ kernel, stride, padding, inputWidth: src.width, outputWidth: dst.width }, columns);
  const op: PdpOp = {
    partialInWidthFirst: stripes.count > 1 ? stripes.input[0] : 0,
    partialInWidthMid: stripes.input[1],
    partialInWidthLast: stripes.input[2],
    partialWidthFirst: stripes.count > 1 ? stripes.output[0] : 0,
    partialWidthMid: stripes.output[1],
    partialWidthLast: stripes.output[2],
    splitNum: stripes.count,
    mode: poolingCodes.numbers[pdp.mode],
    width: kernel.w - 1,
    height: kernel.h - 1,
    strideX: stride.w,
    strideY: stride.h,
    padLeft: padding.left,
    padRight: padding.right,
    padTop: padding.top,
    padBottom: padding.bottom,
    precision: precisionCodes.numbers[precision],
    reserved0: 0,
    padValues: pdp.average?.padValues ?? [0, 0, 0, 0, 0, 0, 0],
  };
  return { type: 'pdp', op, surfaces: { src, dst } };
}

function lowerCdp(cdp: Cdp<number>, context: LowerContext): OperationDesc {
  const op: CdpOp = {
    inPrecision: precisionOf(context.surfaces[cdp.input]!),
    outPrecision: precisionOf(context.surfaces[cdp.output]!),
    lutIndex: cdp.lookup ? context.lut(cdp.lookup) : -1,
    inConvert: convertOf(cdp.inputConvert),
    outConvert: convertOf(cdp.outputConvert),
    localSize: cdp.localSize,
    bypassSquareSum: Number(cdp.bypassSquareSum),
    bypassMultiply: Number(cdp.bypassMultiply),
    reserved0: 0,
  };
  return { type: 'cdp', op, surfaces: { src: cubeOf(cdp.input, context), dst: cubeOf(cdp.output, context) } };
}

const slopeOf = ({ scale, shift }: LookupSlope) => ({ scale, shift, reserved0: 0 });
/** Ends are 64 bits wide in the descriptor; SDP takes 32 of them and CDP 38. */
const bits64 = (value: number): bigint => BigInt.asUintN(64, BigInt(value));

/** @param entries of a table, by its surface */
export const lowerLookup = (lookup: Lookup<number>, entries: (surface: number) => readonly number[]): LutParam => ({
  linearExpTable: entries(lookup.le.entries),
  linearOnlyTable: entries(lookup.lo.entries),
  linearExpOffset: lookup.le.exponent,
  reserved0: 0,
  linearOnlyOffset: lookup.lo.exponent,
  reserved1: 0,
  linearExpStart: bits64(lookup.le.start),
  linearExpEnd: bits64(lookup.le.end),
  linearOnlyStart: bits64(lookup.lo.start),
  linearOnlyEnd: bits64(lookup.lo.end),
  linearExpUnderflow: slopeOf(lookup.le.underflow),
  linearExpOverflow: slopeOf(lookup.le.overflow),
  linearOnlyUnderflow: slopeOf(lookup.lo.underflow),
  linearOnlyOverflow: slopeOf(lookup.lo.overflow),
  hybridPriority: tableCodes.numbers[lookup.hybridPriority],
  underflowPriority: tableCodes.numbers[lookup.underflowPriority],
  overflowPriority: tableCodes.numbers[lookup.overflowPriority],
  method: spacingCodes.numbers[lookup.le.spacing],
});
