/** The rules of operations behind the convolution: SDP, PDP, CDP, Rubik and the bridge DMA (nvdla/sw `sdp.c` and others). */

import {
  activationCodes,
  aluCodes,
  convolutionCodes,
  memoryCodes,
  poolingCodes,
  precisionCodes,
  processPrecision,
  rubikCodes,
  sourceCodes,
  unitCodes,
} from '../../../program/nvdla/codes.ts';
import { type ConvolutionPrecision, precisionBytes } from '../../../program/nvdla/convolution-buffer.ts';
import { pooledColumns } from '../../../program/nvdla/pooling.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import type { ConvertParam, DataCube, OperationDesc, SdpUnitOp } from '../format/descriptors.ts';
import { type CubeContext, checkCube, checkFlyingCube, featureForm, isHardware, placeOf } from './cube.ts';
import type { Findings } from './findings.ts';

const limits = nvdlaLimits.pooling;

type Operation<T extends OperationDesc['type']> = Extract<OperationDesc, { type: T }>;

/** The precision that a field says, when there is one and the target has it. */
export function precisionIn(
  field: string,
  value: number,
  { target }: CubeContext,
  findings: Findings,
): ConvolutionPrecision | undefined {
  const precision = precisionCodes.names[value];
  if (precision === undefined) {
    findings.add('precision', 'there is no such precision', { field, expected: '0, 1 or 2', actual: value });
    return undefined;
  }
  if (!target.nvdla.precisions.includes(precision)) {
    const expected = target.nvdla.precisions.join(', ');
    findings.add('precision', `${target.name} has no ${precision}`, {
      field,
      expected,
      actual: precision,
      target: true,
    });
    return undefined;
  }
  return precision;
}

const units = ['x1', 'x2', 'y'] as const;
const types = unitCodes.numbers;
const modes = sourceCodes.numbers;
const activations = activationCodes.numbers;

export function checkSinglePoint(
  { op, surfaces }: Operation<'sdp'>,
  luts: number,
  context: CubeContext,
  findings: Findings,
): void {
  const { target } = context;
  const input = precisionIn('op.srcPrecision', op.srcPrecision, context, findings);
  const output = precisionIn('op.dstPrecision', op.dstPrecision, context, findings);
  if (input === undefined || output === undefined) return;
  const { src, dst } = surfaces;
  for (const [field, cube, precision] of [
    ['surfaces.src', src, input],
    ['surfaces.dst', dst, output],
  ] as const) {
    if (isHardware(cube)) checkFlyingCube(field, cube, findings);
    else checkCube(field, cube, featureForm(cube, precision, target), context, findings);
  }
  for (const side of ['width', 'height', 'channel'] as const) {
    findings.equal('shape', `surfaces.dst.${side}`, dst[side], src[side], 'SDP gives a cube of the size that it takes');
  }
  findings.range('op.convMode', op.convMode, 0, convolutionCodes.numbers.winograd);
  findings.range('op.batch', op.batch, ...nvdlaLimits.point.batch);
  checkConvert('op.outConvert', op.outConvert, findings);
  checkLut(op.lutIndex, luts, findings);
  const process = processPrecision(input, output);
  let looksUp = false;
  for (const name of units) {
    const unit = op[name];
    if (unit.enable === 0) continue;
    if (name === 'y' && !target.nvdla.elementwise) {
      findings.add('engine', `${target.name} has no element-wise unit`, {
        field: 'op.y.enable',
        expected: 0,
        actual: 1,
        target: true,
      });
    }
    checkUnit(name, unit, findings);
    looksUp ||= unit.activation === activations.lut;
    if (unit.type === types.none || unit.mode === modes.layer) continue;
    checkOperand(`surfaces.${name}`, unit, surfaces[name], { src, process }, context, findings);
  }
  if (looksUp && op.lutIndex < 0) {
    findings.add('lut', 'a lookup has no table', { field: 'op.lutIndex', expected: 'a table', actual: op.lutIndex });
  }
  if (looksUp && !target.nvdla.lookupTable) {
    findings.add('engine', `${target.name} has no lookup table in SDP`, { field: 'op.y.activation', target: true });
  }
}

function checkUnit(name: (typeof units)[number], unit: SdpUnitOp, findings: Findings): void {
  const isY = name === 'y';
  findings.range(`op.${name}.enable`, unit.enable, 0, 1);
  findings.range(`op.${name}.type`, unit.type, types.none, types.both);
  findings.range(`op.${name}.mode`, unit.mode, modes.layer, modes.point);
  findings.range(`op.${name}.aluType`, unit.aluType, 0, isY ? aluCodes.numbers.equal : aluCodes.numbers.sum);
  findings.range(`op.${name}.precision`, unit.precision, 0, precisionCodes.numbers.float16);
  const { none, relu, lut, prelu } = activations;
  const wanted = isY ? [none, lut, prelu] : [none, relu, prelu];
  if (!wanted.includes(unit.activation)) {
    findings.add('field', 'the unit has no such activation', {
      field: `op.${name}.activation`,
      expected: wanted.join(', '),
      actual: unit.activation,
    });
  }
  if (!isY) {
    findings.range(`op.${name}.shift`, unit.shift, ...nvdlaLimits.point.shift);
    findings.range(`op.${name}.truncate`, unit.truncate, ...nvdlaLimits.point.shift);
  }
  if (isY && unit.mode !== modes.layer) {
    checkConvert('op.y.aluConvert', unit.aluConvert, findings);
    checkConvert('op.y.mulConvert', unit.mulConvert, findings);
  }
}

const checkConvert = (field: string, { enable, truncate }: ConvertParam, findings: Findings): void => {
  if (enable !== 0) findings.range(`${field}.truncate`, truncate, ...nvdlaLimits.point.convert.shift);
};

/** A number, or a pair of them, for every element or every channel. */
function checkOperand(
  field: string,
  unit: SdpUnitOp,
  cube: DataCube,
  { src, process }: { readonly src: DataCube; readonly process: ConvolutionPrecision },
  context: CubeContext,
  findings: Findings,
): void {
  if (isHardware(cube)) {
    findings.add('cube-memory', 'an operand lies in memory', {
      field: `${field}.type`,
      expected: '0 or 1',
      actual: cube.type,
    });
    return;
  }
  const elements = context.target.memoryAtom / precisionBytes(process);
  const pixel =
    elements * (unit.precision === precisionCodes.numbers.int8 ? 1 : 2) * (unit.type === types.both ? 2 : 1);
  const runs = Math.ceil(src.channel / elements);
  const unitBytes = context.target.nvdla.registers === 'v1' ? 32 : context.target.memoryAtom;
  if (unit.mode === modes.kernel) {
    const left = placeOf(field, cube, context, findings, unitBytes);
    const bytes = (src.channel * pixel) / elements;
    if (left !== undefined && bytes > left) {
      findings.add('cube-bounds', 'an operand leaves its memory', {
        field,
        expected: `at most ${left} bytes`,
        actual: bytes,
      });
    }
    return;
  }
  for (const side of ['width', 'height'] as const) {
    findings.equal('shape', `${field}.${side}`, cube[side], src[side], 'the operand has another size than the data');
  }
  const whole = { ...cube, width: src.width, height: src.height, channel: src.channel };
  checkCube(field, whole, { pixel, runs, unit: unitBytes }, context, findings);
}

function checkLut(index: number, luts: number, findings: Findings): void {
  if (index >= -1 && index < luts) return;
  findings.add('lut', 'there is no such table', { field: 'op.lutIndex', expected: `-1 to ${luts - 1}`, actual: index });
}

export function checkPooling(
  { op, surfaces: { src, dst } }: Operation<'pdp'>,
  context: CubeContext,
  findings: Findings,
): void {
  const { target } = context;
  const precision = precisionIn('op.precision', op.precision, context, findings);
  if (precision === undefined) return;
  const flies = isHardware(src);
  if (flies) checkFlyingCube('surfaces.src', src, findings);
  else checkCube('surfaces.src', src, featureForm(src, precision, target), context, findings);
  checkCube('surfaces.dst', dst, featureForm(dst, precision, target), context, findings);
  for (const [field, least, most] of [
    ['mode', 0, poolingCodes.names.length - 1],
    ['width', 0, limits.window[1] - 1],
    ['height', 0, limits.window[1] - 1],
    ['strideX', ...limits.stride],
    ['strideY', ...limits.stride],
    ['padLeft', ...limits.padding],
    ['padRight', ...limits.padding],
    ['padTop', ...limits.padding],
    ['padBottom', ...limits.padding],
    ['splitNum', 1, flies ? 1 : limits.stripes[1]],
  ] as const) {
    findings.range(`op.${field}`, op[field], least, most);
  }
  for (const [index, value] of op.padValues.entries()) {
    const most = precision === 'float16' ? 0 : 2 ** (limits.padValueBits - 1) - 1;
    findings.range(`op.padValues[${index}]`, value, precision === 'float16' ? 0 : -most - 1, most);
  }
  findings.equal('shape', 'surfaces.dst.channel', dst.channel, src.channel, 'pooling keeps the channels');
  for (const [field, size, pads, kernel, stride, made] of [
    ['surfaces.dst.width', src.width, op.padLeft + op.padRight, op.width + 1, op.strideX, dst.width],
    ['surfaces.dst.height', src.height, op.padTop + op.padBottom, op.height + 1, op.strideY, dst.height],
  ] as const) {
    const most = Math.floor((size + pads - kernel) / stride) + 1;
    if (made > most) {
      findings.add('shape', 'the pooling makes more than its input gives', {
        field,
        expected: `at most ${most}`,
        actual: made,
      });
    }
  }
  checkStripes({ op, dst, precision }, context, findings);
}

function checkStripes(
  {
    op,
    dst,
    precision,
  }: { readonly op: Operation<'pdp'>['op']; readonly dst: DataCube; readonly precision: ConvolutionPrecision },
  { target }: CubeContext,
  findings: Findings,
): void {
  const { splitNum, partialWidthFirst: first, partialWidthMid: mid, partialWidthLast: last } = op;
  if (op.strideX < 1 || op.strideY < 1 || splitNum < 1) return;
  if (splitNum > 1) {
    const covered = first + (splitNum - 2) * mid + last;
    findings.equal('stripes', 'op.splitNum', covered, dst.width, 'the stripes do not cover the result');
  }
  for (const [part, from, input, output] of [
    ['First', 2, op.partialInWidthFirst, first],
    ['Mid', 3, op.partialInWidthMid, mid],
    ['Last', 2, op.partialInWidthLast, last],
  ] as const) {
    // A stripe that there is has columns.
    const least = splitNum >= from ? 1 : 0;
    findings.range(`op.partialInWidth${part}`, input, least, limits.stripeColumns[1]);
    findings.range(`op.partialWidth${part}`, output, least, limits.stripeColumns[1]);
  }
  const kernel = { h: op.height + 1, w: op.width + 1 };
  const columns = pooledColumns(kernel, { h: op.strideY, w: op.strideX }, precision, target);
  const widest = splitNum > 1 ? Math.max(first, splitNum > 2 ? mid : 0, last) : dst.width;
  if (widest > columns) {
    findings.add('stripes', 'a stripe does not fit the line buffer', {
      field: 'op.splitNum',
      expected: `at most ${columns} columns`,
      actual: widest,
    });
  }
}

export function checkNormalization(
  { op, surfaces: { src, dst } }: Operation<'cdp'>,
  luts: number,
  context: CubeContext,
  findings: Findings,
): void {
  const precision = precisionIn('op.inPrecision', op.inPrecision, context, findings);
  if (precision === undefined) return;
  findings.equal('precision', 'op.outPrecision', op.outPrecision, op.inPrecision, 'CDP cannot change the precision');
  for (const [field, cube] of [
    ['surfaces.src', src],
    ['surfaces.dst', dst],
  ] as const) {
    checkCube(field, cube, featureForm(cube, precision, context.target), context, findings);
  }
  for (const side of ['width', 'height', 'channel'] as const) {
    findings.equal('shape', `surfaces.dst.${side}`, dst[side], src[side], 'CDP gives a cube of the size that it takes');
  }
  if (!nvdlaLimits.normalization.sizes.some((size) => size === op.localSize)) {
    findings.add('field', 'CDP sums 3, 5, 7 or 9 channels', {
      field: 'op.localSize',
      expected: '3, 5, 7 or 9',
      actual: op.localSize,
    });
  }
  findings.range('op.inConvert.truncate', op.inConvert.truncate, ...nvdlaLimits.normalization.input.shift);
  findings.range('op.outConvert.truncate', op.outConvert.truncate, ...nvdlaLimits.normalization.output.shift);
  if (op.lutIndex < 0 || op.lutIndex >= luts) {
    findings.add('lut', 'a normalization needs its table', {
      field: 'op.lutIndex',
      expected: `0 to ${luts - 1}`,
      actual: op.lutIndex,
    });
  }
}

const rubikModes = rubikCodes.numbers;

export function checkRubik(
  { op, surfaces: { src, dst } }: Operation<'rubik'>,
  context: CubeContext,
  findings: Findings,
): void {
  const { target } = context;
  if (!target.nvdla.rubik) {
    findings.add('engine', `${target.name} has no Rubik`, { target: true });
    return;
  }
  const precision = precisionIn('op.precision', op.precision, context, findings);
  if (precision === undefined || !findings.range('op.mode', op.mode, rubikModes.contract, rubikModes.merge)) return;
  const check = (field: string, cube: DataCube, isPlanes: boolean): void => {
    if (!isPlanes) {
      checkCube(field, cube, featureForm(cube, precision, target), context, findings);
      return;
    }
    const form = { pixel: precisionBytes(precision), runs: cube.channel, unit: target.memoryAtom };
    checkCube(field, { ...cube, surfaceStride: cube.planeStride }, form, context, findings);
  };
  check('surfaces.src', src, op.mode === rubikModes.merge);
  check('surfaces.dst', dst, op.mode === rubikModes.split);
  const contracts = op.mode === rubikModes.contract;
  if (contracts) {
    findings.range('op.strideX', op.strideX, 1, 32);
    findings.range('op.strideY', op.strideY, 1, 32);
  }
  const [x, y] = contracts ? [op.strideX, op.strideY] : [1, 1];
  findings.equal('shape', 'surfaces.dst.width', dst.width, src.width * x, 'Rubik makes another width');
  findings.equal('shape', 'surfaces.dst.height', dst.height, src.height * y, 'Rubik makes another height');
  const atom = target.memoryAtom / precisionBytes(precision);
  const channels = contracts ? Math.ceil(dst.channel / atom) * atom * x * y : dst.channel;
  const given = contracts ? Math.ceil(src.channel / atom) * atom : src.channel;
  findings.equal('shape', 'surfaces.src.channel', given, channels, 'Rubik takes other channels');
}

const { lineUnit, repeats: repeatRange } = nvdlaLimits.bdma;

export function checkTransfers({ op, surfaces }: Operation<'bdma'>, context: CubeContext, findings: Findings): void {
  const { target } = context;
  if (!target.nvdla.bdma) {
    findings.add('engine', `${target.name} has no bridge DMA`, { target: true });
    return;
  }
  findings.equal(
    'field',
    'op.numTransfers',
    op.numTransfers,
    surfaces.numTransfers,
    'the transfers are counted twice and differ',
  );
  if (!findings.range('surfaces.numTransfers', surfaces.numTransfers, 0, surfaces.transfers.length)) return;
  for (const [index, transfer] of surfaces.transfers.slice(0, surfaces.numTransfers).entries()) {
    const { lineSize, lineRepeat, surfaceRepeat } = transfer;
    const name = `surfaces.transfers[${index}]`;
    const repeats = [
      findings.range(`${name}.lineRepeat`, lineRepeat, ...repeatRange),
      findings.range(`${name}.surfaceRepeat`, surfaceRepeat, ...repeatRange),
      findings.range(`${name}.lineSize`, lineSize, lineUnit, 2 ** 18),
    ];
    if (!repeats.every((fits) => fits)) continue;
    for (const [side, type] of [
      ['source', surfaces.sourceType],
      ['destination', surfaces.destinationType],
    ] as const) {
      const field = `${name}.${side}Address`;
      const [line, surface] = [transfer[`${side}Line`], transfer[`${side}Surface`]];
      if ([lineSize, line, surface].some((bytes) => bytes % lineUnit !== 0)) {
        findings.add('cube-alignment', 'a transfer has no whole units', {
          field,
          expected: `multiples of ${lineUnit}`,
          actual: `${lineSize}, ${line}, ${surface}`,
        });
      }
      if (line < lineSize || surface < line * lineRepeat) {
        findings.add('cube-strides', 'lines or surfaces of a transfer overlap', {
          field,
          expected: `at least ${lineSize} and ${line * lineRepeat}`,
          actual: `${line} and ${surface}`,
        });
      }
      const place = {
        type: type === memoryCodes.numbers.secondary ? type : memoryCodes.numbers.primary,
        address: transfer[`${side}Address`],
        offset: 0,
      };
      const left = placeOf(field, place, context, findings, lineUnit);
      const end = (surfaceRepeat - 1) * surface + (lineRepeat - 1) * line + lineSize;
      if (left !== undefined && end > left) {
        findings.add('cube-bounds', 'a transfer leaves its memory', {
          field,
          expected: `at most ${left} bytes`,
          actual: end,
        });
      }
    }
  }
}
