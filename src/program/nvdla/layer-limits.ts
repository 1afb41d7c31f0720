/**
 * What a layer must be to be what a configuration of the open NVDLA forms from its registers: a Program says the same as the
 * descriptors that it is lowered to. Ranges are those of the registers (nvdla/hw spec/manual) and of the firmware's checks
 * (nvdla/sw `conv.c`, `sdp.c`, `pdp.c`, `cdp.c`).
 */

import type { NvdlaFeatures, Target } from '../../targets/target.ts';
import { elementsPerAtom } from '../geometry.ts';
import {
  type Cdp,
  type Conv,
  type Convert,
  type IntegerScaleSdp,
  type Layer,
  looksUp,
  type Pdp,
  type Sdp,
  type SdpUnit,
} from '../layer.ts';
import { type LayerContext, surfaceOf, whole, wrong } from '../layer-context.ts';
import type { ElementType } from '../surface.ts';
import { atomElements, type ConvolutionPrecision, kernelGroupOf, precisionBytes } from './convolution-buffer.ts';
import { poolingReciprocals } from './pooling-reciprocals.ts';
import { pooledColumns } from './pooling-width.ts';

type Nvdla = Target & { readonly nvdla: NvdlaFeatures };

export const isNvdla = (target: Target): target is Nvdla => target.nvdla !== undefined;

/** @throws program/invalid */
export function checkNvdlaLayer(context: LayerContext, layer: Layer, target: Nvdla): void {
  const { nvdla, name } = target;
  switch (layer.kind) {
    case 'conv': {
      checkConv(context, layer.conv, target);
      const precision = layer.conv.core?.precision ?? 'int8';
      checkSdp(context, layer.sdp, { precision, channels: layer.conv.output.channels }, target);
      if (layer.pdp) checkPdp(context, layer.pdp, resultType(layer.sdp), target);
      return;
    }
    case 'sdp': {
      const precision = precisionOf(context, atoms(context, layer.sdp.input!, 'sdp.input'), 'sdp.input', target);
      const [, channels] = surfaceOf(context, layer.sdp.input!, 'sdp.input').shape;
      checkSdp(context, layer.sdp, { precision, channels }, target);
      if (layer.pdp) checkPdp(context, layer.pdp, resultType(layer.sdp), target);
      return;
    }
    case 'pdp': {
      const input = atoms(context, layer.pdp.input!, 'pdp.input');
      checkPdp(context, layer.pdp, precisionOf(context, input, 'pdp.input', target), target);
      return;
    }
    case 'cdp':
      checkCdp(context, layer.cdp, target);
      return;
    case 'pixels': {
      const { input } = layer.pixels;
      precisionOf(context, atoms(context, input, 'pixels.input'), 'pixels.input', target);
      return;
    }
    case 'rubik':
      if (!nvdla.rubik) wrong(context, `${name} has no Rubik`, 'another layer', layer.kind);
      precisionOf(context, surfaceOf(context, layer.rubik.input, 'rubik.input').dtype, 'rubik.input', target);
      return;
    case 'bdma':
      if (!nvdla.bdma) wrong(context, `${name} has no bridge DMA`, 'another layer', layer.kind);
      return;
    case 'resize':
    case 'copy':
      wrong(context, `${name} has no engine for this layer`, 'another layer', layer.kind);
  }
}

const resultType = (sdp: Sdp<number>): ConvolutionPrecision =>
  sdp.arithmetic === 'integer-scale' ? sdp.outputType : 'int8';

/** The type of a surface that is cut into atoms. */
function atoms(context: LayerContext, id: number, field: string): ElementType {
  const { dtype, format } = surfaceOf(context, id, field);
  if (elementsPerAtom(format) === 1) wrong(context, `${field} is not cut into atoms`, 'chw8, chw16 or chw32', format);
  return dtype;
}

function precisionOf(
  context: LayerContext,
  type: ElementType,
  field: string,
  { nvdla, name }: Nvdla,
): ConvolutionPrecision {
  const precision = nvdla.precisions.find((candidate) => candidate === type);
  return precision ?? wrong(context, `${name} has no ${field} of this type`, nvdla.precisions.join(', '), type);
}

const same = (context: LayerContext, field: string, actual: unknown, expected: unknown): void => {
  if (actual !== expected) wrong(context, `${field} is not what the hardware does`, `${expected}`, `${actual}`);
};

function checkConv(context: LayerContext, conv: Conv<number>, target: Nvdla): void {
  const { kernel, stride, dilation, padding, output } = conv;
  const core = conv.core ?? wrong(context, 'a convolution of the open NVDLA has a core', 'conv.core', 'none');
  const { precision } = core;
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
    whole(context, `conv.kernel.${axis}`, kernel[axis], 1, 32);
    whole(context, `conv.stride.${axis}`, stride[axis], 1, 8);
    whole(context, `conv.dilation.${axis}`, dilation[axis], 1, 32);
  }
  for (const [side, most] of [
    ['left', 31],
    ['top', 31],
    ['right', 63],
    ['bottom', 63],
  ] as const) {
    whole(context, `conv.padding.${side}`, padding[side], 0, most);
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
  if (core.convert) checkConvert(context, 'conv.core.convert', core.convert, { offset: 16, shift: 63 });
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
  whole(context, 'the channels under a row of the kernel', channels * kernel.w, 1, 8192);
}

interface Bits {
  /** Of the offset, signed. */
  readonly offset: number;
  readonly shift: number;
}

function checkConvert(context: LayerContext, field: string, { offset, scale, shift }: Convert, most: Bits): void {
  whole(context, `${field}.offset`, offset, -(2 ** (most.offset - 1)), 2 ** (most.offset - 1) - 1);
  whole(context, `${field}.scale`, scale, -32_768, 32_767);
  whole(context, `${field}.shift`, shift, 0, most.shift);
}

/** What the precisions of input and result make SDP compute in (nvdla/sw sdp.c, map_proc_precision). */
const processPrecision = (input: ConvolutionPrecision, output: ConvolutionPrecision): ConvolutionPrecision =>
  input !== 'float16' && output === 'int8' ? 'int8' : input;

interface SdpInput {
  readonly precision: ConvolutionPrecision;
  readonly channels: number;
}

function checkSdp(context: LayerContext, sdp: Sdp<number>, input: SdpInput, target: Nvdla): void {
  if (sdp.arithmetic !== 'integer-scale') return;
  const { precision, channels } = input;
  precisionOf(context, sdp.outputType, 'sdp.outputType', target);
  same(context, 'sdp.processing', sdp.processing, precision === 'float16' ? 'float' : undefined);
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
  checkConvert(context, 'sdp.convert', sdp.convert, { offset: 32, shift: 63 });
  if (sdp.y && !target.nvdla.elementwise) wrong(context, `${target.name} has no element-wise unit`, 'no sdp.y', 'one');
  for (const name of ['x1', 'x2', 'y'] as const) {
    const unit = sdp[name];
    if (unit) checkUnit(context, sdp, name, unit);
  }
  same(context, 'sdp.lookup', sdp.lookup === undefined ? 'absent' : 'there', looksUp(sdp.y) ? 'there' : 'absent');
  if (looksUp(sdp.y) && !target.nvdla.lookupTable) wrong(context, `${target.name} has no lookup table`, 'none', 'one');
}

function checkUnit(
  context: LayerContext,
  sdp: IntegerScaleSdp<number>,
  name: 'x1' | 'x2' | 'y',
  unit: SdpUnit<number>,
): void {
  const field = `sdp.${name}`;
  const isY = name === 'y';
  if (unit.alu === 'equal' && !isY) wrong(context, `${field} has no comparison`, 'sdp.y', name);
  const activations = isY ? ['none', 'prelu', 'lut'] : ['none', 'prelu', 'relu'];
  for (const activation of [unit.activation, unit.afterPrelu ?? 'none']) {
    if (!activations.includes(activation))
      wrong(context, `${field} has no such activation`, activations.join(), activation);
  }
  if (unit.activation === 'prelu') same(context, `${field}.mul of a PReLU`, unit.mul, true);
  whole(context, `${field}.truncate`, unit.truncate, 0, isY ? 1023 : 63);
  if (isY) same(context, `${field}.aluShift`, unit.aluShift, 0);
  else {
    for (const operand of ['aluOperand', 'mulOperand'] as const) {
      whole(context, `${field}.${operand}`, unit[operand], -32_768, 32_767);
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
    checkConvert(context, `${field}.${part}Convert`, convert, { offset: 32, shift: 63 });
  }
  if (unit.operand === undefined) return;
  const use = fromMemory.alu ? (fromMemory.mul ? 'both' : 'alu') : fromMemory.mul ? 'mul' : 'nothing';
  same(context, `${field}.operandUse`, unit.operandUse, use);
  const { dtype } = surfaceOf(context, unit.operand, field);
  const types = sdp.processing === 'float' ? ['float16'] : ['int8', 'int16'];
  if (!types.includes(dtype)) wrong(context, `${field}.operand has another type`, types.join(' or '), dtype);
}

function checkPdp(context: LayerContext, pdp: Pdp<number>, precision: ConvolutionPrecision, target: Nvdla): void {
  const { kernel, stride, padding, average } = pdp;
  same(context, 'the type of pdp.output', atoms(context, pdp.output, 'pdp.output'), precision);
  for (const axis of ['h', 'w'] as const) {
    whole(context, `pdp.kernel.${axis}`, kernel[axis], 1, 8);
    whole(context, `pdp.stride.${axis}`, stride[axis], 1, 8);
  }
  for (const side of ['top', 'left', 'bottom', 'right'] as const)
    whole(context, `pdp.padding.${side}`, padding[side], 0, 7);
  same(context, 'pdp.countPadding', pdp.countPadding, true);
  same(context, 'pdp.average', average === undefined ? 'absent' : 'there', pdp.mode === 'average' ? 'there' : 'absent');
  const [, , , width] = surfaceOf(context, pdp.output, 'pdp.output').shape;
  const columns = pooledColumns(kernel, stride, precision, target);
  if (pdp.input === undefined && width > columns)
    wrong(context, 'pdp.output is wider than the line buffer', columns, width);
  if (average === undefined) return;
  const table = poolingReciprocals(precision);
  same(context, 'pdp.average.recipWidth', average.recipWidth, table[kernel.w - 1]);
  same(context, 'pdp.average.recipHeight', average.recipHeight, table[kernel.h - 1]);
  same(context, 'the number of pdp.average.padValues', average.padValues.length, 7);
  for (const value of average.padValues) {
    whole(
      context,
      'pdp.average.padValues',
      value,
      precision === 'float16' ? 0 : -(2 ** 18),
      precision === 'float16' ? 0 : 2 ** 18 - 1,
    );
  }
}

function checkCdp(context: LayerContext, cdp: Cdp<number>, target: Nvdla): void {
  const type = precisionOf(context, atoms(context, cdp.input, 'cdp.input'), 'cdp.input', target);
  same(context, 'the type of cdp.output', atoms(context, cdp.output, 'cdp.output'), type);
  if (![3, 5, 7, 9].includes(cdp.localSize))
    wrong(context, 'CDP sums 3, 5, 7 or 9 channels', '3, 5, 7 or 9', cdp.localSize);
  if (cdp.lookup === undefined) wrong(context, 'a normalization needs its table', 'cdp.lookup', 'none');
  // On int8 the converters take only the low bits of their offsets (nvdla/hw cmod/hls/cdp_libs).
  const narrow = type === 'int8';
  checkConvert(context, 'cdp.inputConvert', cdp.inputConvert, { offset: narrow ? 8 : 16, shift: 31 });
  checkConvert(context, 'cdp.outputConvert', cdp.outputConvert, { offset: narrow ? 25 : 32, shift: 63 });
}
