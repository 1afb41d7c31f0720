/**
 * The rules of a convolution: registers, the weight stream, the banks of the convolution buffer
 * (docs/hardware/nvdla-timing.md#convolution-buffer).
 */

import {
  type ConvolutionPrecision,
  entriesPerSlice,
  kernelGroupOf,
  precisionBytes,
} from '../../../program/nvdla/convolution-buffer.ts';
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

const featureData = 36;
const compressed = 1;

/** Components and bytes of a component of the pixel formats of one plane (nvdla/hw `arnvdla.h`). */
function pixelOf(format: number): { readonly components: number; readonly bytes: number } | undefined {
  if (format === 0) return { components: 1, bytes: 1 };
  if (format <= 5) return { components: 1, bytes: 2 };
  if (format <= 11) return { components: 4, bytes: 2 };
  if (format <= 19 || format === 26 || format === 27) return { components: 4, bytes: 1 };
  return undefined;
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
    ['convMode', 0, 1],
    ['dataReuse', 0, 1],
    ['weightReuse', 0, 1],
    ['skipDataRelease', 0, 1],
    ['skipWeightRelease', 0, 1],
    ['weightFormat', 0, 1],
    ['pixelMapping', 0, 1],
    ['pixelOverride', 0, 1],
    ['meanFormat', 0, 1],
    ['fetchGrain', 1, 4096],
    ['batch', 1, 32],
    ['postExtension', 0, 2],
    ['release', 1, 4096],
    ['kernelWidthCsc', 1, 32],
    ['kernelHeightCsc', 1, 32],
    ['kernelChannelCsc', 1, 8192],
    ['convStrideX', 1, 8],
    ['convStrideY', 1, 8],
    ['dilationX', 1, 32],
    ['dilationY', 1, 32],
    ['padLeft', 0, 31],
    ['padRight', 0, 63],
    ['padTop', 0, 31],
    ['padBottom', 0, 63],
    ['praTruncate', 0, 3],
    ['bytesPerKernel', 1, 2 ** 18],
  ] as const) {
    findings.range(`op.${field}`, op[field], least, most);
  }
  const { inConvert, outConvert } = op;
  if (inConvert.enable !== 0) {
    findings.range('op.inConvert.truncate', inConvert.truncate, 0, 63);
    findings.range('op.inConvert.offset', inConvert.offset, -32_768, 32_767);
  }
  // The firmware refuses anything else (nvdla/sw conv.c).
  findings.equal('field', 'op.outConvert.scale', outConvert.scale, 1, 'a convolution can only shift its results');
  findings.equal('field', 'op.outConvert.offset', outConvert.offset, 0, 'a convolution can only shift its results');
  findings.range('op.outConvert.truncate', outConvert.truncate, 0, 31);
}

function checkShapes({ op, surfaces: { src, dst } }: Convolution, image: boolean, findings: Findings): void {
  const equal = (field: string, actual: number, expected: number, message: string): boolean =>
    findings.equal('shape', field, actual, expected, message);
  equal('op.inputWidthCmac', op.inputWidthCmac, dst.width, 'the core makes another width than its cube has');
  equal('op.inputHeightCmac', op.inputHeightCmac, dst.height, 'the core makes another height than its cube has');
  if (op.convMode === 1) return;
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
  if (op.convMode === 1) return;
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
