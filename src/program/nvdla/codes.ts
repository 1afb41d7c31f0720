/**
 * What numbers in descriptors and registers of the open NVDLA stand for. Whoever writes a number takes it from here, and whoever
 * reads one finds its name here. Sources: nvdla/hw `arnvdla.h`, nvdla/sw kmd `dla_interface.h`, umd `dlatypes.h`, `loadable.fbs`
 * and `nvdla/IType.h`.
 */

import type { ConvolutionPrecision } from './convolution-buffer.ts';

export interface Codes<T extends string> {
  /** By their numbers, from 0. */
  readonly names: readonly T[];
  readonly numbers: Readonly<Record<T, number>>;
}

const codes = <T extends string>(...names: readonly T[]): Codes<T> => ({
  names,
  numbers: Object.fromEntries(names.map((name, number) => [name, number])) as Record<T, number>,
});

/** Of data and of what an engine computes in; in registers and descriptors alike. */
export const precisionCodes = codes<ConvolutionPrecision>('int8', 'int16', 'float16');

/** What the precisions of its input and result make SDP compute in (nvdla/sw sdp.c, map_proc_precision). */
export const processPrecision = (input: ConvolutionPrecision, output: ConvolutionPrecision): ConvolutionPrecision =>
  input !== 'float16' && output === 'int8' ? 'int8' : input;

/** Where a cube of a descriptor is: in a memory, or handed on in hardware. */
export const memoryCodes = codes('primary', 'secondary', 'hardware');
/** RAM_TYPE fields of registers count the other way round. */
export const ramTypeCodes = codes('secondary', 'primary');

export const convolutionCodes = codes('direct', 'winograd');
export const weightFormatCodes = codes('uncompressed', 'compressed');
export const pixelSignCodes = codes('unsigned', 'signed');
/** Post-extension: rows of the kernel that one block of the weight stream holds. */
export const rowExtensions = [1, 2, 4] as const;

/** What a sub-unit of SDP does with its operand. */
export const unitCodes = codes('none', 'mul', 'alu', 'both');
/** What the read DMA fetches for a sub-unit (DATA_USE). */
export const operandUseCodes = codes('mul', 'alu', 'both');
/** What there is one operand for. */
export const sourceCodes = codes('layer', 'kernel', 'point');
export const aluCodes = codes('max', 'min', 'sum', 'equal');
export const activationCodes = codes('none', 'relu', 'lut', 'prelu');

export const poolingCodes = codes('average', 'max', 'min');
export const rubikCodes = codes('contract', 'split', 'merge');

/** The tables of SDP and CDP: their numbers in the access registers, and which of them has priority. */
export const tableCodes = codes('le', 'lo');
export const spacingCodes = codes('exponential', 'linear');

/** Of loadables. */
export const memoryDomainCodes = codes('system', 'sram');
export const eventCodes = codes('wait', 'signal');
/** Of tensors that an application binds. */
export const dataTypeCodes = codes('unknown', 'float', 'float16', 'int16', 'int8');
export const dataFormatCodes = codes('unknown', 'NCHW', 'NHWC', 'NCxHWx');
export const dataCategoryCodes = codes('image', 'weight', 'feature', 'planar', 'bias');
export const pixelMappingCodes = codes('pitch linear', 'no mapping');
