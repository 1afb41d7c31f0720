/**
 * A launch of the firmware's operations as a layer of a Program: lower/operations.ts read backwards. Registers are narrower than
 * the fields of descriptors, and of what an operation does not use nothing is said.
 */

import { fail } from '../../../base/errors.ts';
import {
  type Cdp,
  type Conv,
  type ConvCore,
  type Convert,
  type Move,
  type NvdlaSdp,
  nvdlaArithmetic,
  type Pdp,
  type Pipeline,
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
  processPrecision,
  rowExtensions,
  sourceCodes,
  unitCodes,
  weightFormatCodes,
} from '../../../program/nvdla/codes.ts';
import {
  atomElements,
  type ConvolutionPrecision,
  kernelGroupOf,
  precisionBytes,
} from '../../../program/nvdla/convolution-buffer.ts';
import { featureData, pixelFormats } from '../../../program/nvdla/pixel-formats.ts';
import { poolingReciprocals } from '../../../program/nvdla/pooling.ts';
import type { Shape4 } from '../../../program/surface.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import type { ConvertParam, DataCube, SdpOp, SdpUnitOp } from '../format/descriptors.ts';
import type { TaskOperation } from '../format/task-descriptors.ts';
import type { Access, CubeAccess, RunAccess } from './access.ts';
import { featureCube, type LiftContext, precisionAt, strideOf, unsaid } from './lift-context.ts';
import { liftLookup } from './lookup.ts';
import { liftRubik, liftTransfers } from './moves.ts';

type Of<T extends TaskOperation['type']> = Extract<TaskOperation, { type: T }>;
type Stage<T> = Omit<T, 'input' | 'output'>;

/** @throws loadable/unliftable, loadable/corrupt */
export function liftLaunch(
  operations: readonly TaskOperation[],
  context: LiftContext,
): Pipeline<Access> | Move<Access> {
  const [first, second, third] = operations;
  switch (first?.type) {
    case 'conv': {
      if (second?.type !== 'sdp') throw new Error('a convolution is followed by a single-point operation');
      return { kind: 'conv', conv: liftConv(first, context), ...liftPoint(second, third, context) };
    }
    case 'sdp':
      return { kind: 'sdp', ...liftPoint(first, second, context) };
    case 'pdp':
      return { kind: 'pdp', pdp: liftPdp(first, context) };
    case 'cdp':
      return { kind: 'cdp', cdp: liftCdp(first, context) };
    case 'rubik':
      return { kind: 'rubik', rubik: liftRubik(first, context) };
    case 'bdma':
      return { kind: 'bdma', transfers: liftTransfers(first.surfaces, context) };
    default:
      throw new Error('a launch has operations');
  }
}

const signed = (value: number, bits: number): number => (value << (32 - bits)) >> (32 - bits);

/** @param bits of the offset's register */
const convertOf = ({ offset, scale, truncate }: ConvertParam, bits: number): Convert => ({
  offset: signed(offset, bits),
  scale,
  shift: truncate & 63,
});

function liftConv({ op, surfaces }: Of<'conv'>, context: LiftContext): Conv<Access> {
  const { target } = context;
  const { src, dst, weight } = surfaces;
  if (op.convMode !== convolutionCodes.numbers.direct) unsaid('Winograd convolution');
  if (op.weightFormat !== weightFormatCodes.numbers.uncompressed) unsaid('compressed weights');
  if (op.batch !== 1) unsaid('hardware batches', { actual: op.batch });
  if (op.inPrecision !== op.outPrecision) unsaid('conversion of precision on the way into the convolution');
  const precision = precisionAt(op.outPrecision);
  const image = op.dataFormat === featureData ? undefined : liftImage(op, src, precision, context);
  const atom = atomElements(target, precision);
  return {
    input: image?.input ?? featureCube(src, [1, src.channel, src.height, src.width], precision, context),
    weights: { kind: 'run', ...context.place(weight), dtype: precision, size: weight.size },
    kernel: { h: op.kernelHeightCsc, w: image?.kernelWidth ?? op.kernelWidthCsc },
    stride: { h: op.convStrideY, w: op.convStrideX },
    dilation: { h: op.dilationY, w: op.dilationX },
    padding: { top: op.padTop, left: op.padLeft, bottom: op.padBottom, right: op.padRight },
    // int8 data is padded with the low byte.
    padValue: precision === 'int8' ? signed(op.padValue, 8) : op.padValue,
    groups: 1,
    transposed: false,
    output: { channels: dst.channel, height: op.inputHeightCmac, width: op.inputWidthCmac },
    sparse: false,
    truncate: op.outConvert.truncate,
    core: {
      precision,
      kernelGroup: kernelGroupOf(target, precision),
      channelBlock: target.atomic.c,
      accumulatorChannels: Math.ceil(dst.channel / atom) * atom,
      accumulatorBits: target.nvdla.accumulatorBits,
      cbuf: { dataBanks: op.dataBank, weightBanks: op.weightBank },
      ...(op.inConvert.enable && { convert: convertOf(op.inConvert, nvdlaLimits.convolution.convert.offsetBits) }),
      ...(image && { image: image.image }),
      reuse: { data: op.dataReuse === 1, weights: op.weightReuse === 1 },
      keep: { data: op.skipDataRelease === 1, weights: op.skipWeightRelease === 1 },
    },
  };
}

function liftImage(
  op: Of<'conv'>['op'],
  src: DataCube,
  precision: ConvolutionPrecision,
  context: LiftContext,
): { readonly input: CubeAccess; readonly image: NonNullable<ConvCore['image']>; readonly kernelWidth: number } {
  const format = pixelFormats.get(op.dataFormat) ?? unsaid('this pixel format', { actual: op.dataFormat });
  if (format.type !== precision) unsaid(`pixels of ${format.type} in a convolution of ${precision}`);
  const components = format.order.length;
  if (src.channel !== components || op.kernelChannelCsc % components !== 0 || op.kernelWidthCsc !== 1) {
    const detail = { expected: components, actual: `${src.channel}, ${op.kernelChannelCsc}` };
    fail('loadable/corrupt', `kernels, pixels of ${format.name} and data differ in channels`, {}, detail);
  }
  const rowsPerBlock = rowExtensions[op.postExtension];
  if (!rowsPerBlock) fail('loadable/corrupt', 'there is no such extension of rows', {}, { actual: op.postExtension });
  const isUnsigned = op.pixelOverride !== pixelSignCodes.numbers.signed && precision !== 'float16';
  const [lineStride, surfaceStride] = [strideOf(src.lineStride, context), strideOf(src.surfaceStride, context)];
  return {
    input: {
      kind: 'cube',
      ...context.place(src),
      shape: [1, components, src.height, src.width],
      dtype: precision,
      format: 'dla_hwc4',
      lineStride,
      surfaceStride,
    },
    image: {
      order: format.order,
      ...(isUnsigned && { unsigned: 8 * precisionBytes(precision) }),
      ...(op.meanFormat === 1 && { mean: [op.meanRy, op.meanGu, op.meanBv, op.meanAx].slice(0, components) }),
      rowsPerBlock,
    },
    kernelWidth: op.kernelChannelCsc / components,
  };
}

/** SDP, and PDP behind it. */
function liftPoint(point: Of<'sdp'>, pooling: TaskOperation | undefined, context: LiftContext) {
  const sdp = liftSdp(point, context);
  const { src, dst } = point.surfaces;
  const shape: Shape4 = [1, src.channel, src.height, src.width];
  const input =
    src.type === memoryCodes.numbers.hardware
      ? {}
      : { input: featureCube(src, shape, precisionAt(point.op.srcPrecision), context) };
  if (pooling?.type === 'pdp') return { sdp: { ...sdp, ...input }, pdp: liftPdp(pooling, context) };
  const output = featureCube(dst, shape, sdp.outputType, context);
  if (input.input === undefined || !copies(point.op)) return { sdp: { ...sdp, ...input, output } };
  const copied = true as const;
  return { sdp: { ...sdp, input: { ...input.input, copied }, output: { ...output, copied } } };
}

/** Whether SDP changes nothing. */
function copies({ srcPrecision, dstPrecision, outConvert, x1, x2, y }: SdpOp): boolean {
  const { offset, scale, truncate } = outConvert;
  const isPlain = srcPrecision === precisionCodes.numbers.float16 || (offset === 0 && scale === 1 && truncate === 0);
  return srcPrecision === dstPrecision && isPlain && [x1, x2, y].every(({ enable }) => enable === 0);
}

function liftSdp({ op, surfaces }: Of<'sdp'>, context: LiftContext): Stage<NvdlaSdp<Access>> {
  if (op.convMode !== convolutionCodes.numbers.direct) unsaid('Winograd convolution');
  if (op.batch !== 1) unsaid('hardware batches', { actual: op.batch });
  const process = processPrecision(precisionAt(op.srcPrecision), precisionAt(op.dstPrecision));
  const { src } = surfaces;
  const unit = (name: 'x1' | 'x2' | 'y') =>
    liftUnit(op[name], surfaces[name], { isY: name === 'y', src, process }, context);
  const [x1, x2, y] = [unit('x1'), unit('x2'), unit('y')];
  if (op.lutIndex >= 0) context.loaded.sdp = op.lutIndex;
  const looksUp = y?.activation === 'lut';
  return {
    arithmetic: nvdlaArithmetic(process),
    ...(x1 && { x1 }),
    ...(x2 && { x2 }),
    ...(y && { y }),
    convert: convertOf(op.outConvert, 32),
    ...(looksUp && { lookup: liftLookup('sdp', process === 'float16', context) }),
    outputType: precisionAt(op.dstPrecision),
  };
}

interface UnitContext {
  readonly isY: boolean;
  /** The data that the unit works on. */
  readonly src: DataCube;
  readonly process: ConvolutionPrecision;
}

function liftUnit(op: SdpUnitOp, cube: DataCube, unit: UnitContext, context: LiftContext): SdpUnit<Access> | undefined {
  if (op.enable === 0) return undefined;
  const { isY } = unit;
  const type = unitCodes.names[op.type];
  const adds = type === 'alu' || type === 'both';
  const mul = type === 'mul' || type === 'both';
  const alu = aluCodes.names[op.aluType];
  const mode = sourceCodes.names[op.mode];
  const activation = activationCodes.names[op.activation];
  if (type === undefined || mode === undefined || (adds && (alu === undefined || (alu === 'equal' && !isY)))) {
    const actual = `type ${op.type}, mode ${op.mode}, algorithm ${op.aluType}`;
    return fail('loadable/corrupt', 'a unit of SDP has no such function', {}, { actual });
  }
  const source = adds || mul ? mode : 'layer';
  const inRegister = source === 'layer';
  const register = (used: boolean, value: number): number =>
    used && inRegister ? (isY ? value : signed(value, nvdlaLimits.point.operandBits)) : 0;
  const converts = (used: boolean, convert: ConvertParam): boolean => isY && used && convert.enable !== 0;
  if (inRegister && (converts(adds, op.aluConvert) || converts(mul, op.mulConvert))) {
    unsaid('an operand in a register that goes through a converter');
  }
  const prelu = mul && activation === 'prelu';
  const other = isY ? activation === 'lut' && ('lut' as const) : activation === 'relu' && ('relu' as const);
  const operandUse = adds ? (mul ? 'both' : 'alu') : 'mul';
  return {
    ...(adds && { alu: alu! }),
    mul,
    source,
    ...(!inRegister && { operand: operandOf(op, cube, operandUse === 'both' ? 2 : 1, unit, context), operandUse }),
    aluOperand: register(adds, op.aluOperand),
    mulOperand: register(mul, op.mulOperand),
    aluShift: adds && !isY ? op.shift & 63 : 0,
    truncate: op.truncate,
    activation: prelu ? 'prelu' : other || 'none',
    ...(converts(adds, op.aluConvert) && { aluConvert: convertOf(op.aluConvert, 32) }),
    ...(converts(mul, op.mulConvert) && { mulConvert: convertOf(op.mulConvert, 32) }),
  };
}

/** An operand has as many channels in an atom as the data that it meets, whatever its own size. */
function operandOf(
  op: SdpUnitOp,
  cube: DataCube,
  each: 1 | 2,
  { src, process }: UnitContext,
  context: LiftContext,
): Access {
  const dtype = op.precision === precisionCodes.numbers.int8 ? 'int8' : process === 'float16' ? 'float16' : 'int16';
  if (process === 'float16' && dtype === 'int8') fail('loadable/corrupt', 'operands of float16 have two bytes');
  const channels = src.channel * each;
  if (op.mode === sourceCodes.numbers.kernel) {
    const atom = atomElements(context.target, process);
    const size = Math.ceil(src.channel / atom) * atom * each * precisionBytes(dtype);
    return { kind: 'run', ...context.place(cube), dtype, size, channels } satisfies RunAccess;
  }
  if (each === 2 || precisionBytes(dtype) !== precisionBytes(process)) {
    unsaid(
      `operands of ${each * precisionBytes(dtype)} bytes for each point, beside data of ${precisionBytes(process)}`,
    );
  }
  return featureCube(cube, [1, channels, src.height, src.width], dtype, context);
}

function liftPdp({ op, surfaces }: Of<'pdp'>, context: LiftContext): Pdp<Access> {
  const { src, dst } = surfaces;
  const precision = precisionAt(op.precision);
  const mode = poolingCodes.names[op.mode];
  if (mode === undefined) return fail('loadable/corrupt', 'there is no such pooling', {}, { actual: op.mode });
  const table = poolingReciprocals(precision);
  const [recipWidth, recipHeight] = [table[op.width], table[op.height]];
  if (recipWidth === undefined || recipHeight === undefined) {
    return fail('loadable/corrupt', 'a pooling window is larger than 8', {}, { actual: `${op.height}×${op.width}` });
  }
  const flying = src.type === memoryCodes.numbers.hardware;
  return {
    ...(!flying && { input: featureCube(src, [1, src.channel, src.height, src.width], precision, context) }),
    mode,
    kernel: { h: op.height + 1, w: op.width + 1 },
    stride: { h: op.strideY, w: op.strideX },
    padding: { top: op.padTop, left: op.padLeft, bottom: op.padBottom, right: op.padRight },
    countPadding: true,
    ...(mode === 'average' && {
      average: {
        recipWidth,
        recipHeight,
        padValues: op.padValues.map((value) => signed(value, nvdlaLimits.pooling.padValueBits)),
      },
    }),
    output: featureCube(dst, [1, dst.channel, dst.height, dst.width], precision, context),
  };
}

function liftCdp({ op, surfaces }: Of<'cdp'>, context: LiftContext): Cdp<Access> {
  const { src, dst } = surfaces;
  const { sizes, input, output } = nvdlaLimits.normalization;
  const precision = precisionAt(op.inPrecision);
  const localSize = sizes.find((size) => size === op.localSize);
  if (localSize === undefined || op.outPrecision !== op.inPrecision) {
    const actual = `${op.localSize} channels`;
    return fail(
      'loadable/corrupt',
      'there is no such normalization',
      {},
      { expected: '3, 5, 7 or 9 channels', actual },
    );
  }
  if (op.lutIndex >= 0) context.loaded.cdp = op.lutIndex;
  const shape: Shape4 = [1, src.channel, src.height, src.width];
  const offsetBits = precision === 'int8' ? 'int8OffsetBits' : 'offsetBits';
  const inputConvert = convertOf(op.inConvert, input[offsetBits]);
  return {
    input: featureCube(src, shape, precision, context),
    localSize,
    inputConvert: { ...inputConvert, shift: inputConvert.shift & 31 },
    outputConvert: convertOf(op.outConvert, output[offsetBits]),
    bypassSquareSum: op.bypassSquareSum !== 0,
    bypassMultiply: op.bypassMultiply !== 0,
    lookup: liftLookup('cdp', precision === 'float16', context),
    output: featureCube(dst, shape, precision, context),
  };
}
