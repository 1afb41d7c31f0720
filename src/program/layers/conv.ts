/** Convolution and deconvolution, with the stages behind it. */

import * as z from '../../base/schema.ts';
import { fullGroup } from '../../sparsify/eligibility.ts';
import { nvdlaLimits } from '../../targets/nvdla-limits.ts';
import { isNvdla, type NvdlaTarget } from '../../targets/target.ts';
import { atomElements, type ConvolutionPrecision, kernelGroupOf, precisionBytes } from '../nvdla/convolution-buffer.ts';
import type { Shape4, Surface } from '../surface.ts';
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
  checkConvertRegisters,
  checkExtent,
  checkPadding,
  convertSchema,
  type Extent,
  extentSchema,
  index,
  indices,
  integer,
  optional,
  outputExtent,
  type Padding,
  paddingSchema,
  record,
} from './fields.ts';
import type { CubeType, LayerKind, MacWork, Visit } from './kind.ts';
import { pdpSchema } from './pdp.ts';
import {
  checkPointAndPooling,
  checkPointAndPoolingRegisters,
  isNvdlaSdp,
  mapPointAndPooling,
  pointAndPoolingWork,
  type Sdp,
  sdpSchema,
} from './sdp.ts';

/**
 * Convolution: acc[k, y, x] = bias[k] + Σ w[k, c, r, s] · in[c, y·stride.h + r·dilation.h − top, x·stride.w + …].
 *
 * INT8 accumulates exactly; on orin and xavier the int32 bias is added here, on the open NVDLA by the SDP. FP16 on orin and xavier
 * (float16 input and weights): products are exact in float32, and an accumulator takes them one by one, each addition rounded to
 * float32: from +0, row by row of the kernel, in it column by column, in that the channels of the group from first to last.
 * The bias is the SDP's shift.
 */
export interface Conv<S> {
  readonly input: S;
  /** `kcrs` of the input's type on orin and xavier; NVDLA's packed kernel groups on the open NVDLA. */
  readonly weights: S;
  /** int32 vector at scale (input scale × weight scale); INT8 on orin and xavier only. */
  readonly bias?: S;
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly dilation: Extent;
  readonly padding: Padding;
  /** The value of padding, in the input's integers. */
  readonly padValue: number;
  readonly groups: number;
  /** Deconvolution: out[k, y·stride.h + r, x·stride.w + s] += w[c, k, r, s] · in[c, y, x]; weights `kcrs` hold [C, K/groups, R, S] as ONNX does. */
  readonly transposed: boolean;
  /** Size of the accumulator cube, before any pooling. */
  readonly output: { readonly channels: number; readonly height: number; readonly width: number };
  /** The weights are 2:4 sparse along input channels and the layer runs in sparse mode (orin). */
  readonly sparse: boolean;
  /** Right shift with rounding on the way out of the accumulator (CACC truncate); integer-scale targets only. */
  readonly truncate: number;
  /** What only the open NVDLA's convolution core has; present exactly on integer-scale targets. */
  readonly core?: ConvCore;
}

/**
 * How NVDLA's convolution core is set up. The weights of an integer-scale convolution are a `vector` surface: the packed
 * stream of docs/hardware/nvdla.md#layouts, kernel group by kernel group, in which each block of channels follows the last
 * without padding.
 */
export interface ConvCore {
  readonly precision: ConvolutionPrecision;
  /** Kernels whose weights lie interleaved in the stream (atomic K). */
  readonly kernelGroup: number;
  /** Channels of one step of the stream (atomic C). */
  readonly channelBlock: number;
  /**
   * Channels of the accumulator cube: whole atoms, as the stages behind work on them. Those beyond the kernels are 0
   * when they leave the core.
   */
  readonly accumulatorChannels: number;
  /** Signed width at which the accumulator saturates. */
  readonly accumulatorBits: number;
  readonly cbuf: { readonly dataBanks: number; readonly weightBanks: number };
  /** Converts the input on its way into the convolution buffer, to 17 bits and then to the precision. */
  readonly convert?: Convert;
  /** The input is an image: interleaved pixels of one or four components, not features. */
  readonly image?: ImageInput;
  /** Take what an earlier launch kept in the convolution buffer instead of reading memory. */
  readonly reuse: { readonly data: boolean; readonly weights: boolean };
  /** Leave data or weights in the convolution buffer for a later launch. */
  readonly keep: { readonly data: boolean; readonly weights: boolean };
}

/**
 * Pixels on their way into the convolution core. The weight stream takes the pixels under one row of the kernel as the
 * channels of one position.
 */
export interface ImageInput {
  /** For each component that kernels see, its place in a pixel in memory. */
  readonly order: readonly number[];
  /** Bits of components that are unsigned; absent for signed ones. */
  readonly unsigned?: number;
  /** Subtracted by the converter, for each component, instead of its offset. */
  readonly mean?: readonly number[];
  /** Rows of the kernel that one block of the weight stream holds (post-extension). */
  readonly rowsPerBlock: 1 | 2 | 4;
}

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
  convert: optional(convertSchema),
  image: optional(image),
  reuse: dataAndWeights,
  keep: dataAndWeights,
});

const convSchema = record<Conv<number>>()({
  input: index,
  weights: index,
  bias: optional(index),
  kernel: extentSchema,
  stride: extentSchema,
  dilation: extentSchema,
  padding: paddingSchema,
  padValue: integer,
  groups: integer,
  transposed: z.boolean(),
  output: record<Conv<number>['output']>()({ channels: integer, height: integer, width: integer }),
  sparse: z.boolean(),
  truncate: integer,
  core: optional(core),
});

function mapConv<S, T>({ bias, ...conv }: Conv<S>, visit: Visit<S, T>): Conv<T> {
  const { core } = conv;
  return {
    ...conv,
    input: visit(conv.input, {
      role: 'input',
      field: 'conv.input',
      ...(!core?.reuse.data && { client: 'features' }),
    }),
    weights: visit(conv.weights, {
      role: 'weights',
      field: 'conv.weights',
      ...(!core?.reuse.weights && { client: 'weights' }),
    }),
    ...(bias !== undefined && { bias: visit(bias, { role: 'vector', field: 'conv.bias' }) }),
  };
}

function checkConv(context: LayerContext, conv: Conv<number>, sdp: Sdp<number>, input: Surface): void {
  const { kernel, stride, dilation, output, groups } = conv;
  checkExtent(context, 'conv.kernel', kernel);
  checkExtent(context, 'conv.stride', stride);
  checkExtent(context, 'conv.dilation', dilation);
  checkPadding(context, 'conv.padding', conv.padding);
  whole(context, 'conv.groups', groups, 1, 65_535);
  whole(context, 'conv.truncate', conv.truncate, ...nvdlaLimits.convolution.truncate);
  whole(
    context,
    'conv.padValue',
    conv.padValue,
    input.dtype === 'int8' ? -128 : -32_768,
    input.dtype === 'int8' ? 127 : 32_767,
  );
  whole(context, 'conv.output.channels', output.channels, 1, 65_535);
  const [, channels, height, width] = input.shape;
  if (channels % groups !== 0 || output.channels % groups !== 0) {
    wrong(
      context,
      'the channels do not divide into groups',
      `multiples of ${groups}`,
      `${channels}, ${output.channels}`,
    );
  }
  for (const [axis, size, actual, pads] of [
    ['h', height, output.height, conv.padding.top + conv.padding.bottom],
    ['w', width, output.width, conv.padding.left + conv.padding.right],
  ] as const) {
    if (conv.transposed) {
      // ONNX's output_padding adds fewer rows than a stride, which only the bias reaches.
      const least = (size - 1) * stride[axis] + dilation[axis] * (kernel[axis] - 1) + 1 - pads;
      if (Number.isInteger(actual) && actual >= Math.max(1, least) && actual < least + stride[axis]) continue;
      wrong(context, `conv.output does not fit along ${axis}`, `[${least}, ${least + stride[axis]})`, actual);
    }
    const expected = outputExtent(size, kernel[axis], stride[axis], dilation[axis], pads);
    // The open NVDLA may leave out the last rows and columns.
    const fits = isNvdla(context.target) ? actual >= 1 && actual <= expected : actual === expected;
    if (expected < 1 || !fits) wrong(context, `conv.output does not fit along ${axis}`, expected, actual);
  }
  if (!context.constants.has(conv.weights)) wrong(context, 'conv.weights is not a constant', 'a constant', 'a surface');
  const weights = surfaceOf(context, conv.weights, 'conv.weights');
  const format = isNvdlaSdp(sdp) ? 'vector' : 'kcrs';
  if (weights.format !== format) wrong(context, 'conv.weights has another format', format, weights.format);
  if ((conv.core !== undefined) !== isNvdlaSdp(sdp)) {
    wrong(
      context,
      'conv.core does not fit the arithmetic',
      sdp.arithmetic,
      conv.core === undefined ? 'no core' : 'a core',
    );
  }
  if (isNvdlaSdp(sdp)) {
    if (conv.bias !== undefined)
      wrong(context, 'the bias of an integer-scale convolution is in its SDP', 'none', 'a bias');
    if (conv.core !== undefined) checkCore(context, conv.core);
    return;
  }
  if (input.dtype !== 'int8' && input.dtype !== 'float16') {
    wrong(context, `${input.name} has another type`, 'int8 or float16', input.dtype);
  }
  if (weights.dtype !== input.dtype) wrong(context, `${weights.name} has another type`, input.dtype, weights.dtype);
  const [outer, inner] = conv.transposed ? [channels, output.channels] : [output.channels, channels];
  sameShape(context, 'conv.weights', weights.shape, [outer, inner / groups, kernel.h, kernel.w]);
  if (input.dtype === 'float16') {
    if (conv.bias !== undefined) wrong(context, 'the bias of an FP16 convolution is in its SDP', 'none', 'a bias');
    if (conv.sparse) wrong(context, 'only an INT8 convolution is sparse', 'int8', input.dtype);
    same(context, 'conv.padValue', conv.padValue, 0);
    return;
  }
  if (conv.bias !== undefined) constant(context, conv.bias, 'conv.bias', 'int32', [output.channels]);
  if (conv.sparse) checkSparse(context, conv, weights);
}

function checkCore(context: LayerContext, core: ConvCore): void {
  for (const field of ['kernelGroup', 'channelBlock'] as const)
    whole(context, `conv.core.${field}`, core[field], 1, 1024);
  whole(context, 'conv.core.accumulatorBits', core.accumulatorBits, 1, 48);
  for (const field of ['dataBanks', 'weightBanks'] as const) {
    whole(context, `conv.core.cbuf.${field}`, core.cbuf[field], 0, 64);
  }
}

function checkSparse(context: LayerContext, conv: Conv<number>, weights: Surface): void {
  if (conv.transposed || conv.groups !== 1) wrong(context, 'a sparse convolution has one group', 1, conv.groups);
  const data = context.blobs?.get(context.constants.get(conv.weights) ?? '');
  const full = data && fullGroup(data, weights.shape);
  if (full === undefined) return;
  const { kernel, channel, used } = full;
  wrong(context, `the weights of kernel ${kernel} are not 2:4 sparse at channel ${channel}`, 'at most 2', used);
}

function checkConvRegisters(context: LayerContext, conv: Conv<number>, target: NvdlaTarget): void {
  const { kernel, stride, dilation, padding, output } = conv;
  const core = conv.core ?? wrong(context, 'a convolution of the open NVDLA has a core', 'conv.core', 'none');
  const { precision } = core;
  const limits = nvdlaLimits.convolution;
  precisionOf(context, precision, 'conv.core.precision', target);
  same(context, 'conv.groups', conv.groups, 1);
  same(context, 'conv.transposed', conv.transposed, false);
  same(context, 'conv.sparse', conv.sparse, false);
  same(context, 'conv.core.kernelGroup', core.kernelGroup, kernelGroupOf(target, precision));
  same(context, 'conv.core.channelBlock', core.channelBlock, target.atomic.c);
  same(context, 'conv.core.accumulatorBits', core.accumulatorBits, target.nvdla.accumulatorBits);
  const atom = atomElements(target, precision);
  same(context, 'conv.core.accumulatorChannels', core.accumulatorChannels, Math.ceil(output.channels / atom) * atom);
  for (const axis of ['h', 'w'] as const) {
    whole(context, `conv.kernel.${axis}`, kernel[axis], ...limits.kernel);
    whole(context, `conv.stride.${axis}`, stride[axis], ...limits.stride);
    whole(context, `conv.dilation.${axis}`, dilation[axis], ...limits.dilation);
  }
  for (const [side, [least, most]] of [
    ['left', limits.padding],
    ['top', limits.padding],
    ['right', limits.paddingBehind],
    ['bottom', limits.paddingBehind],
  ] as const) {
    whole(context, `conv.padding.${side}`, padding[side], least, most);
  }
  const { banks } = target.cbuf;
  whole(context, 'conv.core.cbuf.dataBanks', core.cbuf.dataBanks, 1, banks - 1);
  whole(context, 'conv.core.cbuf.weightBanks', core.cbuf.weightBanks, 1, banks - core.cbuf.dataBanks);
  const input = surfaceOf(context, conv.input, 'conv.input');
  same(context, 'the type of conv.input', input.dtype, precision);
  const channels = input.shape[1];
  if (input.format === 'dla_hwc4') checkImage(context, conv, channels);
  else {
    atoms(context, conv.input, 'conv.input');
    same(context, 'conv.core.image', core.image, undefined);
  }
  const weights = surfaceOf(context, conv.weights, 'conv.weights');
  same(context, 'the type of conv.weights', weights.dtype, precision);
  const bytes = output.channels * channels * kernel.h * kernel.w * precisionBytes(precision);
  whole(context, 'the size of conv.weights', weights.size, bytes, 2 ** 32 - 1);
  if (core.convert) checkConvertRegisters(context, 'conv.core.convert', core.convert, limits.convert);
}

/** @param held by the surface: pixels of three channels have a fourth component, which meets zeros */
function checkImage(context: LayerContext, { core, dilation, kernel }: Conv<number>, held: number): void {
  const channels = held === 3 ? 4 : held;
  const image = core?.image ?? wrong(context, 'an image needs conv.core.image', 'conv.core.image', 'none');
  if (channels !== 1 && channels !== 4) wrong(context, 'pixels have one or four components', '1, 3 or 4', held);
  const places = image.order.toSorted((a, b) => a - b).join();
  if (places !== (channels === 1 ? '0' : '0,1,2,3')) {
    wrong(context, 'conv.core.image.order is no order of components', `${channels} places`, image.order.join());
  }
  if (image.mean) same(context, 'the number of conv.core.image.mean', image.mean.length, channels);
  for (const mean of image.mean ?? []) whole(context, 'conv.core.image.mean', mean, -32_768, 32_767);
  if (image.unsigned !== undefined)
    same(context, 'conv.core.image.unsigned', image.unsigned, 8 * precisionBytes(core!.precision));
  same(context, 'conv.dilation.w of an image', dilation.w, 1);
  whole(context, 'the channels under a row of the kernel', channels * kernel.w, ...nvdlaLimits.extent);
}

function macWork({ output, kernel, groups, transposed, sparse }: Conv<unknown>, input: CubeType): MacWork {
  const [, inputChannels, height, width] = input.shape;
  return {
    inputChannels,
    kernels: output.channels,
    rows: kernel.h,
    columns: kernel.w,
    groups,
    pixels: transposed ? height * width : output.height * output.width,
    image: input.format === 'dla_hwc4',
    sparse,
  };
}

export const convKind: LayerKind<'conv'> = {
  kind: 'conv',
  title: 'convolution',
  fields: { conv: convSchema, sdp: sdpSchema, pdp: optional(pdpSchema) },
  runs: 'engines',
  lacks: () => undefined,
  map: ({ kind, conv, ...rest }, visit) => ({ kind, conv: mapConv(conv, visit), ...mapPointAndPooling(rest, visit) }),
  check(context, { conv, sdp, pdp }) {
    if (sdp.input !== undefined) wrong(context, 'the SDP of a convolution has no input', 'none', 'a surface');
    const input = surfaceOf(context, conv.input, 'conv.input');
    checkConv(context, conv, sdp, input);
    const { channels, height, width } = conv.output;
    checkPointAndPooling(context, sdp, pdp, [input.shape[0], channels, height, width]);
  },
  checkRegisters(context, { conv, sdp, pdp }, target) {
    checkConvRegisters(context, conv, target);
    const input = { precision: conv.core?.precision ?? 'int8', channels: conv.output.channels };
    checkPointAndPoolingRegisters(context, sdp, pdp, input, target);
  },
  work({ conv, ...rest }, typeOf) {
    const input = typeOf(conv.input);
    const { channels, height, width } = conv.output;
    const made: Shape4 = [input.shape[0], channels, height, width];
    const { dtype } = input;
    return [
      { engine: 'conv', enters: input.shape, leaves: made, dtype, macs: macWork(conv, input) },
      ...pointAndPoolingWork(rest, { shape: made, dtype }, typeOf),
    ];
  },
};
