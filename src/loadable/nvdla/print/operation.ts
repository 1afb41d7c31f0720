/** An operation's descriptor in words. Converters are `(x - offset) * scale >> truncate`. */

import { unitCodes } from '../../../program/nvdla/codes.ts';
import type { CdpOp, ConvertParam, ConvOp, OperationDesc, PdpOp, SdpOp, SdpUnitOp } from '../format/descriptors.ts';
import { count, named, names, type Phrase, phrase, reserved, unless } from './names.ts';

/** Lines, the first of which goes with the operation's name. */
export function operationLines(operation: OperationDesc): readonly string[] {
  switch (operation.type) {
    case 'conv':
      return convolutionLines(operation.op);
    case 'sdp':
      return pointLines(operation.op);
    case 'pdp':
      return poolingLines(operation.op);
    case 'cdp':
      return normalizationLines(operation.op);
    case 'rubik': {
      const { mode, precision, strideX, strideY } = operation.op;
      return [
        phrase(
          named(names.rubik, mode),
          named(names.precision, precision),
          (strideX !== 0 || strideY !== 0) && `stride ${strideX}x${strideY}`,
        ),
      ];
    }
    case 'bdma':
      return [phrase(count(operation.op.numTransfers, 'transfer'), reserved({ reserved0: operation.op.reserved0 }))];
  }
}

function convolutionLines(op: ConvOp): readonly string[] {
  const means = [op.meanRy, op.meanGu, op.meanBv, op.meanAx];
  return [
    phrase(
      named(names.convolution, op.convMode),
      precisions(op.inPrecision, op.outPrecision),
      `input w${op.inputWidthCsc} h${op.inputHeightCsc} c${op.inputChannelCsc} ${named(names.pixelFormat, op.dataFormat)}`,
      op.pixelMapping !== 0 && named(names.pixelMapping, op.pixelMapping),
      op.pixelOverride !== 0 && `pixels ${named(names.pixelSign, op.pixelOverride)}`,
      `kernel w${op.kernelWidthCsc} h${op.kernelHeightCsc} c${op.kernelChannelCsc}`,
      `stride ${op.convStrideX}x${op.convStrideY}`,
      (op.dilationX !== 1 || op.dilationY !== 1) && `dilation ${op.dilationX}x${op.dilationY}`,
      padding(op),
      unless(0, 'padding value', op.padValue),
      `output w${op.inputWidthCmac} h${op.inputHeightCmac}`,
      unless(0, 'post extension', op.postExtension),
      unless(1, 'batch', op.batch),
      unless(0, 'batch stride', op.batchStride, ' bytes'),
      reserved({ reserved0: op.reserved0, reservedB: op.reservedB, reserved2: op.reserved2 }),
    ),
    phrase(
      `buffer: data in ${count(op.dataBank, 'bank')}`,
      `${count(op.entryPerSlice, 'entry', 'entries')} a slice`,
      unless(0, 'fetch grain', op.fetchGrain),
      unless(0, 'release', op.release, ' slices'),
      op.dataReuse !== 0 && flag('data reused', op.dataReuse),
      op.skipDataRelease !== 0 && flag('data kept', op.skipDataRelease),
      `weights in ${count(op.weightBank, 'bank')}`,
      `${count(op.bytesPerKernel, 'byte')} a kernel ${named(names.weightFormat, op.weightFormat)}`,
      op.weightReuse !== 0 && flag('weights reused', op.weightReuse),
      op.skipWeightRelease !== 0 && flag('weights kept', op.skipWeightRelease),
    ),
    ...lines(
      phrase(
        convert('input', op.inConvert),
        (op.meanFormat !== 0 || means.some((mean) => mean !== 0)) &&
          `mean ${means.join(' ')}${op.meanFormat === 1 ? '' : ` (format ${op.meanFormat})`}`,
        convert('accumulator', op.outConvert),
        unless(0, 'Winograd truncates', op.praTruncate),
      ),
    ),
  ];
}

function pointLines(op: SdpOp): readonly string[] {
  return [
    phrase(
      precisions(op.srcPrecision, op.dstPrecision),
      convert('output', op.outConvert),
      unless(-1, 'lookup table', op.lutIndex),
      op.convMode !== 0 && `${named(names.convolution, op.convMode)} convolution`,
      unless(1, 'batch', op.batch),
      unless(0, 'batch stride', op.batchStride, ' bytes'),
      reserved({ reserved0: op.reserved0 }),
    ),
    ...lines(unitLine('X1', op.x1), unitLine('X2', op.x2), unitLine('Y', op.y)),
  ];
}

/** A unit's work and its operand, in words. */
function unitText({ type, aluType }: SdpUnitOp): string {
  const alu = `ALU ${named(names.alu, aluType)}`;
  const does = unitCodes.names[type];
  if (does === 'alu') return alu;
  if (does === 'both') return `${alu} then MUL`;
  const rest = aluType === 0 ? '' : ` (${alu} not used)`;
  return `${does === 'none' ? 'passes on' : does === 'mul' ? 'MUL' : `unknown (${type})`}${rest}`;
}

function unitLine(name: string, unit: SdpUnitOp): Phrase {
  if (Object.values(unit).every(isZero)) return undefined;
  const operand = unit.mode !== 0 || unit.precision !== 0;
  return `${flag(name, unit.enable)}: ${phrase(
    unitText(unit),
    (operand || unit.type !== 0) && `an operand for ${named(names.operand, unit.mode)}`,
    operand && `in ${named(names.precision, unit.precision)}`,
    unless(0, 'ALU operand', unit.aluOperand),
    unless(0, 'MUL operand', unit.mulOperand),
    unless(0, 'shift', unit.shift),
    unless(0, 'truncate', unit.truncate),
    unit.activation !== 0 && named(names.activation, unit.activation),
    convert('ALU operand', unit.aluConvert),
    convert('MUL operand', unit.mulConvert),
  )}`;
}

function poolingLines(op: PdpOp): readonly string[] {
  const widths = [
    `of input ${op.partialInWidthFirst} ${op.partialInWidthMid} ${op.partialInWidthLast}`,
    `of output ${op.partialWidthFirst} ${op.partialWidthMid} ${op.partialWidthLast}`,
  ];
  return [
    phrase(
      named(names.pooling, op.mode),
      named(names.precision, op.precision),
      `kernel w${op.width + 1} h${op.height + 1}`,
      `stride ${op.strideX}x${op.strideY}`,
      padding(op),
      op.padValues.some((value) => value !== 0) && `padding values ${op.padValues.join(' ')}`,
      reserved({ reserved0: op.reserved0 }),
    ),
    ...lines(
      (op.splitNum !== 1 || /[1-9]/.test(widths.join())) &&
        `${count(op.splitNum, 'stripe')}: first, middle and last columns ${widths.join(', ')}`,
    ),
  ];
}

const normalizationLines = (op: CdpOp): readonly string[] => [
  phrase(
    precisions(op.inPrecision, op.outPrecision),
    `over ${count(op.localSize, 'channel')}`,
    unless(-1, 'lookup table', op.lutIndex),
    op.bypassSquareSum !== 0 && flag('without square sum', op.bypassSquareSum),
    op.bypassMultiply !== 0 && flag('without multiplication', op.bypassMultiply),
    reserved({ reserved0: op.reserved0 }),
  ),
  ...lines(phrase(convert('input', op.inConvert), convert('output', op.outConvert))),
];

const lines = (...parts: readonly Phrase[]): readonly string[] => parts.filter((part): part is string => !!part);

const precisions = (from: number, to: number): string =>
  `${named(names.precision, from)} to ${named(names.precision, to)}`;

/** A switch that is on, with its number where that is not 1. */
const flag = (label: string, value: number): string =>
  `${label}${value === 0 ? ' (off)' : value === 1 ? '' : ` (${value})`}`;

const isZero = (value: number | ConvertParam): boolean =>
  typeof value === 'number' ? value === 0 : Object.values(value).every((part) => part === 0);

function convert(label: string, param: ConvertParam): Phrase {
  const { scale, truncate, enable, offset } = param;
  if (isZero(param)) return undefined;
  return flag(`${label} (x - ${offset}) * ${scale} >> ${truncate}`, enable);
}

type Padding = Pick<ConvOp, 'padLeft' | 'padRight' | 'padTop' | 'padBottom'>;

const padding = ({ padLeft, padRight, padTop, padBottom }: Padding): Phrase =>
  [padLeft, padRight, padTop, padBottom].some((value) => value !== 0) &&
  `padding l${padLeft} r${padRight} t${padTop} b${padBottom}`;
