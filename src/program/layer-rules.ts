/** What the validator asks of one layer: that the shapes, types, formats and numbers of its stages fit together. */

import { fail } from '../base/errors.ts';
import type { Target } from '../targets/target.ts';
import { layerReads, layerWrites } from './access.ts';
import { isFeatureFormat } from './geometry.ts';
import type {
  Cdp,
  Conv,
  ConvCore,
  Convert,
  Copy,
  FloatScaleSdp,
  IntegerScaleSdp,
  Lookup,
  Pdp,
  Resize,
  Sdp,
  SdpUnit,
} from './layer.ts';
import { constant, extent, type LayerContext, padding, sameShape, surfaceOf, whole, wrong } from './layer-context.ts';
import { checkPixels, checkRubik, checkTransfers } from './move-rules.ts';
import { checkNvdlaLayer, isNvdla } from './nvdla/layer-limits.ts';
import type { BlobTable, Program } from './program.ts';
import { fullGroup } from './sparsity.ts';
import type { Shape4, Surface } from './surface.ts';

/** @throws program/invalid */
export function checkLayers(program: Program, blobs?: BlobTable, target?: Target): void {
  const constants = new Map(program.constants.map(({ surface, blob }) => [surface, blob]));
  for (const layer of program.layers) checkLayer({ program, layer, blobs, constants, target });
}

function checkLayer(context: LayerContext): void {
  const { layer, target } = context;
  for (const { surface, field } of [...layerReads(layer), ...layerWrites(layer)]) surfaceOf(context, surface, field);
  for (const { surface, role, field } of layerReads(layer)) {
    const { format, name } = surfaceOf(context, surface, field);
    if (format === 'dla_hwc4' && field !== 'conv.input') {
      fail('program/invalid', 'only a convolution reads dla_hwc4', { layer: layer.name, value: name });
    }
    if ((role === 'input' || role === 'operand') && !isFeatureFormat(format)) {
      fail('program/invalid', `${field} is not a feature surface`, { layer: layer.name, value: name });
    }
  }
  for (const { surface, field } of layerWrites(layer)) {
    const { format, name } = surfaceOf(context, surface, field);
    if (!isFeatureFormat(format) || format === 'dla_hwc4') {
      fail('program/invalid', `${field} cannot be written as ${format}`, { layer: layer.name, value: name });
    }
  }
  const arithmetic = 'sdp' in layer ? layer.sdp.arithmetic : undefined;
  if (target !== undefined && arithmetic !== undefined && arithmetic !== target.arithmetic) {
    wrong(context, "the arithmetic is not the target's", target.arithmetic, arithmetic);
  }
  switch (layer.kind) {
    case 'conv': {
      if (layer.sdp.input !== undefined) wrong(context, 'the SDP of a convolution has no input', 'none', 'a surface');
      const input = surfaceOf(context, layer.conv.input, 'conv.input');
      checkConv(context, layer.conv, layer.sdp, input);
      const { channels, height, width } = layer.conv.output;
      checkPointAndPooling(context, layer.sdp, layer.pdp, [input.shape[0], channels, height, width]);
      break;
    }
    case 'sdp': {
      if (layer.sdp.input === undefined)
        wrong(context, 'an SDP that starts a pipeline has an input', 'a surface', 'none');
      checkPointAndPooling(context, layer.sdp, layer.pdp, surfaceOf(context, layer.sdp.input, 'sdp.input').shape);
      break;
    }
    case 'pdp': {
      if (layer.pdp.input === undefined)
        wrong(context, 'a PDP that starts a pipeline has an input', 'a surface', 'none');
      const input = surfaceOf(context, layer.pdp.input, 'pdp.input');
      checkPdp(context, layer.pdp, input.shape);
      checkUnchanged(context, input, surfaceOf(context, layer.pdp.output, 'pdp.output'));
      break;
    }
    case 'cdp':
      checkCdp(context, layer.cdp);
      break;
    case 'resize':
      checkResize(context, layer.resize);
      break;
    case 'copy':
      checkCopy(context, layer.copy);
      break;
    case 'pixels':
      checkPixels(context, layer.pixels);
      break;
    case 'rubik':
      checkRubik(context, layer.rubik);
      break;
    case 'bdma':
      checkTransfers(context, layer.transfers);
      break;
  }
  if (target === undefined) return;
  if (isNvdla(target)) checkNvdlaLayer(context, layer, target);
  else if (layer.kind === 'pixels' || layer.kind === 'rubik' || layer.kind === 'bdma') {
    wrong(context, `${target.name} has no engine for this layer`, 'another layer', layer.kind);
  }
}

/** Rows or columns of the output: what ⌊(in + padding − (dilation·(kernel−1)+1)) / stride⌋ + 1 gives. */
function outputExtent(size: number, kernel: number, stride: number, dilation: number, pads: number): number {
  return Math.floor((size + pads - (dilation * (kernel - 1) + 1)) / stride) + 1;
}

function checkConv(context: LayerContext, conv: Conv<number>, sdp: Sdp<number>, input: Surface): void {
  const { kernel, stride, dilation, output, groups } = conv;
  extent(context, 'conv.kernel', kernel);
  extent(context, 'conv.stride', stride);
  extent(context, 'conv.dilation', dilation);
  padding(context, 'conv.padding', conv.padding);
  whole(context, 'conv.groups', groups, 1, 65_535);
  whole(context, 'conv.truncate', conv.truncate, 0, 31);
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
    const fits = context.target?.nvdla ? actual >= 1 && actual <= expected : actual === expected;
    if (expected < 1 || !fits) wrong(context, `conv.output does not fit along ${axis}`, expected, actual);
  }
  if (!context.constants.has(conv.weights)) wrong(context, 'conv.weights is not a constant', 'a constant', 'a surface');
  const weights = surfaceOf(context, conv.weights, 'conv.weights');
  const format = sdp.arithmetic === 'integer-scale' ? 'vector' : 'kcrs';
  if (weights.format !== format) wrong(context, 'conv.weights has another format', format, weights.format);
  if ((conv.core !== undefined) !== (sdp.arithmetic === 'integer-scale')) {
    wrong(
      context,
      'conv.core does not fit the arithmetic',
      sdp.arithmetic,
      conv.core === undefined ? 'no core' : 'a core',
    );
  }
  if (sdp.arithmetic === 'integer-scale') {
    if (conv.bias !== undefined)
      wrong(context, 'the bias of an integer-scale convolution is in its SDP', 'none', 'a bias');
    if (conv.core !== undefined) checkCore(context, conv.core);
    return;
  }
  for (const surface of [input, weights]) {
    if (surface.dtype !== 'int8') wrong(context, `${surface.name} has another type`, 'int8', surface.dtype);
  }
  const [outer, inner] = conv.transposed ? [channels, output.channels] : [output.channels, channels];
  sameShape(context, 'conv.weights', weights.shape, [outer, inner / groups, kernel.h, kernel.w]);
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

function checkPointAndPooling(
  context: LayerContext,
  sdp: Sdp<number>,
  pdp: Pdp<number> | undefined,
  shape: Shape4,
): void {
  if (sdp.arithmetic === 'float-scale') checkFloatSdp(context, sdp, shape);
  else checkIntegerSdp(context, sdp, shape);
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
    return;
  }
  if (sdp.output === undefined) wrong(context, 'the pipeline writes nothing', 'an output', 'none');
  sameShape(context, 'sdp.output', surfaceOf(context, sdp.output, 'sdp.output').shape, shape);
}

function checkFloatSdp(context: LayerContext, sdp: FloatScaleSdp<number>, shape: Shape4): void {
  const perChannel = [1, shape[1]];
  constant(context, sdp.scale, 'sdp.scale', 'float32', perChannel);
  if (sdp.shift !== undefined) constant(context, sdp.shift, 'sdp.shift', 'float32', perChannel);
  if (sdp.slope !== undefined) constant(context, sdp.slope, 'sdp.slope', 'float32', perChannel);
  if (sdp.lut !== undefined) constant(context, sdp.lut, 'sdp.lut', 'int8', [256]);
  whole(context, 'sdp.low', sdp.low, -128, 127);
  whole(context, 'sdp.high', sdp.high, sdp.low, 127);
  for (const id of [sdp.input, sdp.operand?.input, sdp.output]) {
    if (id === undefined) continue;
    const { name, dtype } = surfaceOf(context, id, 'sdp');
    if (dtype !== 'int8') wrong(context, `${name} has another type`, 'int8', dtype);
  }
  if (sdp.operand === undefined) return;
  if (!Number.isFinite(sdp.operand.scale))
    wrong(context, 'sdp.operand.scale is not finite', 'a number', sdp.operand.scale);
  operandShape(context, 'sdp.operand', sdp.operand.input, shape);
}

/** A point-wise operand has the cube's shape, or one element per channel. */
function operandShape(context: LayerContext, field: string, id: number, shape: Shape4): void {
  const operand = surfaceOf(context, id, field).shape;
  const [n, c] = shape;
  sameShape(context, field, operand, operand[2] === 1 && operand[3] === 1 ? [n, c, 1, 1] : shape);
}

function checkIntegerSdp(context: LayerContext, sdp: IntegerScaleSdp<number>, shape: Shape4): void {
  for (const name of ['x1', 'x2', 'y'] as const) {
    const unit = sdp[name];
    if (unit !== undefined) checkUnit(context, `sdp.${name}`, unit, shape);
  }
  checkConvert(context, 'sdp.convert', sdp.convert);
  if (sdp.lookup) checkLookup(context, 'sdp.lookup', sdp.lookup, sdp.processing === 'float' ? 'float16' : 'int16');
  if (sdp.output === undefined) return;
  const { dtype } = surfaceOf(context, sdp.output, 'sdp.output');
  if (dtype !== sdp.outputType) wrong(context, 'sdp.output has another type', sdp.outputType, dtype);
}

/** Ends of SDP's tables have 32 bits, of CDP's 38 (nvdla/hw spec/manual). */
const tableEnd = { sdp: 2 ** 31, cdp: 2 ** 37 } as const;

function checkLookup(
  context: LayerContext,
  field: 'sdp.lookup' | 'cdp.lookup',
  lookup: Lookup<number>,
  dtype: 'int16' | 'float16',
): void {
  const end = tableEnd[field === 'sdp.lookup' ? 'sdp' : 'cdp'];
  // Of float16 processing ends are the bits of a float32.
  const [least, most] = dtype === 'float16' ? [-(2 ** 31), 2 ** 32 - 1] : [-end, end - 1];
  for (const [name, count] of [
    ['le', 65],
    ['lo', 257],
  ] as const) {
    const curve = lookup[name];
    constant(context, curve.entries, `${field}.${name}.entries`, dtype, [count]);
    whole(context, `${field}.${name}.start`, curve.start, least, most);
    whole(context, `${field}.${name}.end`, curve.end, least, most);
    whole(context, `${field}.${name}.exponent`, curve.exponent, -128, 127);
    for (const side of ['underflow', 'overflow'] as const) {
      whole(context, `${field}.${name}.${side}.scale`, curve[side].scale, -32_768, 65_535);
      whole(context, `${field}.${name}.${side}.shift`, curve[side].shift, -16, 15);
    }
  }
}

function checkConvert(context: LayerContext, field: string, { offset, scale, shift }: Convert): void {
  whole(context, `${field}.offset`, offset, -(2 ** 31), 2 ** 31 - 1);
  whole(context, `${field}.scale`, scale, -32_768, 65_535);
  whole(context, `${field}.shift`, shift, 0, 63);
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

function checkPdp(context: LayerContext, pdp: Pdp<number>, shape: Shape4): void {
  extent(context, 'pdp.kernel', pdp.kernel);
  extent(context, 'pdp.stride', pdp.stride);
  padding(context, 'pdp.padding', pdp.padding);
  const [n, c, h, w] = shape;
  const { top, left, bottom, right } = pdp.padding;
  if (top >= pdp.kernel.h || bottom >= pdp.kernel.h || left >= pdp.kernel.w || right >= pdp.kernel.w) {
    wrong(
      context,
      'pdp.padding leaves windows without a pixel',
      'less than the kernel',
      `${top}, ${left}, ${bottom}, ${right}`,
    );
  }
  if (context.target?.arithmetic === 'integer-scale' && pdp.mode === 'average' && pdp.average === undefined) {
    wrong(context, 'an average needs its reciprocals', 'pdp.average', 'none');
  }
  if (pdp.average !== undefined) {
    whole(context, 'pdp.average.recipWidth', pdp.average.recipWidth, 0, 65_536);
    whole(context, 'pdp.average.recipHeight', pdp.average.recipHeight, 0, 65_536);
    for (const value of pdp.average.padValues) whole(context, 'pdp.average.padValues', value, -(2 ** 31), 2 ** 31 - 1);
  }
  const height = outputExtent(h, pdp.kernel.h, pdp.stride.h, 1, top + bottom);
  const width = outputExtent(w, pdp.kernel.w, pdp.stride.w, 1, left + right);
  if (height < 1 || width < 1)
    wrong(context, 'pdp.kernel is larger than the padded input', 'an output', `${height}×${width}`);
  const { shape: made } = surfaceOf(context, pdp.output, 'pdp.output');
  const [, , rows, columns] = made;
  const open = context.target?.nvdla !== undefined;
  sameShape(context, 'pdp.output', made, [
    n,
    c,
    open ? Math.min(rows, height) : height,
    open ? Math.min(columns, width) : width,
  ]);
}

/** What only moves or selects integers keeps their type and scale. */
function checkUnchanged(context: LayerContext, input: Surface, output: Surface): void {
  if (input.dtype !== output.dtype) wrong(context, 'the type changes', input.dtype, output.dtype);
  if (input.scale !== output.scale) wrong(context, 'the scale changes', `${input.scale}`, `${output.scale}`);
}

function checkCdp(context: LayerContext, cdp: Cdp<number>): void {
  checkConvert(context, 'cdp.inputConvert', cdp.inputConvert);
  checkConvert(context, 'cdp.outputConvert', cdp.outputConvert);
  const { shape, dtype } = surfaceOf(context, cdp.input, 'cdp.input');
  if (cdp.lookup) checkLookup(context, 'cdp.lookup', cdp.lookup, dtype === 'float16' ? 'float16' : 'int16');
  sameShape(context, 'cdp.output', surfaceOf(context, cdp.output, 'cdp.output').shape, shape);
}

function checkResize(context: LayerContext, resize: Resize<number>): void {
  extent(context, 'resize.scale', resize.scale);
  const input = surfaceOf(context, resize.input, 'resize.input');
  const output = surfaceOf(context, resize.output, 'resize.output');
  const [n, c, h, w] = input.shape;
  sameShape(context, 'resize.output', output.shape, [n, c, h * resize.scale.h, w * resize.scale.w]);
  checkUnchanged(context, input, output);
}

function checkCopy(context: LayerContext, copy: Copy<number>): void {
  const input = surfaceOf(context, copy.input, 'copy.input');
  const output = surfaceOf(context, copy.output, 'copy.output');
  whole(context, 'copy.channels', copy.channels, 1, 65_535);
  whole(context, 'copy.inputChannel', copy.inputChannel, 0, input.shape[1] - copy.channels);
  whole(context, 'copy.outputChannel', copy.outputChannel, 0, output.shape[1] - copy.channels);
  const [n, , h, w] = input.shape;
  sameShape(context, 'copy.output', output.shape, [n, output.shape[1], h, w]);
  checkUnchanged(context, input, output);
}
