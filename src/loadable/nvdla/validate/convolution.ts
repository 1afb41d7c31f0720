/**
 * The rules of a convolution: registers, the weight stream, the banks of the convolution buffer
 * (docs/hardware/nvdla-timing.md#convolution-buffer).
 */

import { convolutionCodes, rowExtensions, weightFormatCodes } from '../../../program/nvdla/codes.ts';
import {
  type ConvolutionPrecision,
  entriesPerSlice,
  kernelGroupOf,
  precisionBytes,
} from '../../../program/nvdla/convolution-buffer.ts';
import { featureData, pixelFormats } from '../../../program/nvdla/pixel-formats.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import type { OperationDesc } from '../format/descriptors.ts';
import {
  type CubeContext,
  checkBytes,
  checkCube,
  checkFlyingCube,
  featureForm,
  isHardware,
  weightUnit,
} from './cube.ts';
import type { Findings } from './findings.ts';

type Convolution = Omit<Extract<OperationDesc, { type: 'conv' }>, 'type'>;

const { compressed } = weightFormatCodes.numbers;
const { winograd } = convolutionCodes.numbers;
const limits = nvdlaLimits.convolution;

/** Components and bytes of a component of a pixel format of one plane. */
function pixelOf(number: number): { readonly components: number; readonly bytes: number } | undefined {
  const format = pixelFormats.get(number);
  return format && { components: format.order.length, bytes: precisionBytes(format.type) };
}

export function checkConvolution(
  { op, surfaces }: Convolution,
  precision: ConvolutionPrecision,
  context: CubeContext,
  findings: Findings,
): void {
  const { target } = context;
  const { src, dst, weight } = surfaces;
  checkRegisters(op, findings);
  if (isHardware(src)) {
    findings.add('cube-memory', 'a convolution reads memory', {
      field: 'surfaces.src.type',
      expected: '0 or 1',
      actual: src.type,
    });
    return;
  }
  const image = op.dataFormat !== featureData;
  const pixel = image ? pixelOf(op.dataFormat) : undefined;
  if (image && pixel === undefined) {
    findings.add('field', 'the pixel format is of two planes, or none', {
      field: 'op.dataFormat',
      actual: op.dataFormat,
    });
    return;
  }
  if (image && pixel) {
    findings.equal('shape', 'surfaces.src.channel', src.channel, pixel.components, 'pixels have other components');
    findings.equal('precision', 'op.dataFormat', pixel.bytes, precisionBytes(precision), 'pixels have another type');
    const form = { pixel: pixel.components * pixel.bytes, runs: 1, unit: target.memoryAtom };
    checkCube('surfaces.src', src, form, context, findings);
  } else checkCube('surfaces.src', src, featureForm(src, precision, target), context, findings);
  if (!checkFlyingCube('surfaces.dst', dst, findings)) return;
  checkShapes({ op, surfaces }, image, findings);
  checkBuffer({ op, surfaces }, precision, image, context, findings);

  const bytesPerKernel = op.kernelWidthCsc * op.kernelHeightCsc * op.kernelChannelCsc * precisionBytes(precision);
  findings.equal('weights', 'op.bytesPerKernel', op.bytesPerKernel, bytesPerKernel, 'a kernel has another size');
  const unit = weightUnit(target);
  if (op.weightFormat !== compressed && weight.size < dst.channel * bytesPerKernel) {
    findings.add('weights', 'there are fewer weights than the kernels need', {
      field: 'surfaces.weight.size',
      expected: `at least ${dst.channel * bytesPerKernel}`,
      actual: weight.size,
    });
  }
  if (weight.size % unit !== 0) {
    findings.add('weights', 'weights are no whole units of the register', {
      field: 'surfaces.weight.size',
      expected: `a multiple of ${unit}`,
      actual: weight.size,
      target: true,
    });
  }
  if (op.weightReuse === 0) checkBytes('surfaces.weight', weight, weight.size, context, findings);
  if (op.weightFormat === compressed) {
    for (const name of ['wmb', 'wgs'] as const) {
      checkBytes(`surfaces.${name}`, surfaces[name], surfaces[name].size, context, findings);
    }
  }
}

function checkRegisters(op: Convolution['op'], findings: Findings): void {
  for (const [field, least, most] of [
    ['convMode', 0, winograd],
    ['dataReuse', 0, 1],
    ['weightReuse', 0, 1],
    ['skipDataRelease', 0, 1],
    ['skipWeightRelease', 0, 1],
    ['weightFormat', 0, compressed],
    ['pixelMapping', 0, 1],
    ['pixelOverride', 0, 1],
    ['meanFormat', 0, 1],
    ['fetchGrain', ...limits.rows],
    ['batch', ...limits.batch],
    ['postExtension', 0, rowExtensions.length - 1],
    ['release', ...limits.rows],
    ['kernelWidthCsc', ...limits.kernel],
    ['kernelHeightCsc', ...limits.kernel],
    ['kernelChannelCsc', ...nvdlaLimits.extent],
    ['convStrideX', ...limits.stride],
    ['convStrideY', ...limits.stride],
    ['dilationX', ...limits.dilation],
    ['dilationY', ...limits.dilation],
    ['padLeft', ...limits.padding],
    ['padRight', ...limits.paddingBehind],
    ['padTop', ...limits.padding],
    ['padBottom', ...limits.paddingBehind],
    ['praTruncate', 0, 3],
    ['bytesPerKernel', ...limits.bytesPerKernel],
  ] as const) {
    findings.range(`op.${field}`, op[field], least, most);
  }
  const { inConvert, outConvert } = op;
  if (inConvert.enable !== 0) {
    const most = 2 ** (limits.convert.offsetBits - 1);
    findings.range('op.inConvert.truncate', inConvert.truncate, ...limits.convert.shift);
    findings.range('op.inConvert.offset', inConvert.offset, -most, most - 1);
  }
  // The firmware refuses anything else (nvdla/sw conv.c).
  findings.equal('field', 'op.outConvert.scale', outConvert.scale, 1, 'a convolution can only shift its results');
  findings.equal('field', 'op.outConvert.offset', outConvert.offset, 0, 'a convolution can only shift its results');
  findings.range('op.outConvert.truncate', outConvert.truncate, ...limits.truncate);
}

function checkShapes({ op, surfaces: { src, dst } }: Convolution, image: boolean, findings: Findings): void {
  const equal = (field: string, actual: number, expected: number, message: string): boolean =>
    findings.equal('shape', field, actual, expected, message);
  equal('op.inputWidthCmac', op.inputWidthCmac, dst.width, 'the core makes another width than its cube has');
  equal('op.inputHeightCmac', op.inputHeightCmac, dst.height, 'the core makes another height than its cube has');
  if (op.convMode === winograd) return;
  equal('op.inputHeightCsc', op.inputHeightCsc, src.height, 'the core takes another height than its cube has');
  if (!image) {
    equal('op.inputWidthCsc', op.inputWidthCsc, src.width, 'the core takes another width than its cube has');
    equal('op.inputChannelCsc', op.inputChannelCsc, src.channel, 'the core takes other channels than its cube has');
    equal('op.kernelChannelCsc', op.kernelChannelCsc, src.channel, 'kernels and data differ in channels');
  } else {
    equal('op.kernelWidthCsc', op.kernelWidthCsc, 1, 'the kernel of an image is one position wide');
    equal('op.kernelChannelCsc', op.kernelChannelCsc % src.channel, 0, 'kernels hold no whole pixels');
    equal('op.dilationX', op.dilationX, 1, 'an image is not dilated across');
  }
  const columns = image ? op.kernelChannelCsc / src.channel : op.kernelWidthCsc;
  for (const [field, size, pads, kernel, dilation, stride, made] of [
    ['surfaces.dst.width', src.width, op.padLeft + op.padRight, columns, op.dilationX, op.convStrideX, dst.width],
    [
      'surfaces.dst.height',
      src.height,
      op.padTop + op.padBottom,
      op.kernelHeightCsc,
      op.dilationY,
      op.convStrideY,
      dst.height,
    ],
  ] as const) {
    const most = Math.floor((size + pads - (dilation * (kernel - 1) + 1)) / stride) + 1;
    if (made > most) {
      findings.add('shape', 'the convolution makes more than its input gives', {
        field,
        expected: `at most ${most}`,
        actual: made,
      });
    }
  }
}

function checkBuffer(
  { op, surfaces: { src, dst } }: Convolution,
  precision: ConvolutionPrecision,
  image: boolean,
  { target }: CubeContext,
  findings: Findings,
): void {
  const { banks, entriesPerBank, entryBytes } = target.cbuf;
  findings.range('op.dataBank', op.dataBank, 1, banks - 1, 'banks');
  findings.range('op.weightBank', op.weightBank, 1, banks - 1, 'banks');
  // The first generation keeps its last bank for the mask of compressed weights.
  const free = banks - (op.weightFormat === compressed ? 1 : 0);
  if (op.dataBank + op.weightBank > free) {
    findings.add('banks', 'data and weights have more banks than there are', {
      field: 'op.dataBank',
      expected: `at most ${free}`,
      actual: op.dataBank + op.weightBank,
      target: true,
    });
  }
  if (op.convMode === winograd) return;
  const slice = { channels: src.channel, width: src.width, padding: op.padLeft + op.padRight, image };
  const wanted = entriesPerSlice(slice, precision, target);
  if (op.entryPerSlice !== wanted) {
    findings.add('entries-per-slice', 'a slice takes other entries than its row does', {
      field: 'op.entryPerSlice',
      expected: wanted,
      actual: op.entryPerSlice,
      target: true,
    });
  }
  const rows = src.height * op.entryPerSlice * op.batch;
  if (rows > op.dataBank * entriesPerBank) {
    findings.add('data-banks', 'the rows of the input do not fit their banks', {
      field: 'op.dataBank',
      expected: `at most ${op.dataBank * entriesPerBank} entries`,
      actual: rows,
    });
  }
  const group = Math.min(dst.channel, kernelGroupOf(target, precision)) * op.bytesPerKernel;
  const room = op.weightBank * entriesPerBank * entryBytes;
  if (op.weightFormat !== compressed && group > room) {
    findings.add('weight-banks', 'the weights of a kernel group do not fit their banks', {
      field: 'op.weightBank',
      expected: `at most ${room} bytes`,
      actual: group,
    });
  }
}
