/**
 * How much of the open NVDLA's convolution buffer data and weights take. The buffer is made of banks of entries; an entry
 * holds one or more atoms. A *slice* is one row of the input with all its channels, and begins a new entry. Weights lie
 * one after the other, a kernel group at a time. Formulas: docs/hardware/nvdla-timing.md#convolution-buffer; they give
 * what NVIDIA's compiler writes in the descriptors of every network of the conformance data.
 */

import type { NvdlaFeatures, NvdlaTarget } from '../../targets/target.ts';

export type ConvolutionPrecision = NvdlaFeatures['precisions'][number];

/** Bytes of one element. */
export const precisionBytes = (precision: ConvolutionPrecision): 1 | 2 => (precision === 'int8' ? 1 : 2);

/** Channels that lie side by side in an atom. */
export const atomElements = ({ memoryAtom }: NvdlaTarget, precision: ConvolutionPrecision): number =>
  memoryAtom / precisionBytes(precision);

/** Kernels whose weights lie interleaved in the stream. */
export const kernelGroupOf = ({ atomic, nvdla }: NvdlaTarget, precision: ConvolutionPrecision): number =>
  precision === 'int8' ? atomic.k : nvdla.kernelGroup16;

export interface Slice {
  readonly channels: number;
  readonly width: number;
  /** Columns of padding, which only images keep in the buffer. */
  readonly padding: number;
  readonly image: boolean;
}

/** Entries that a slice takes. */
export function entriesPerSlice(slice: Slice, precision: ConvolutionPrecision, target: NvdlaTarget): number {
  const { channels, width, padding, image } = slice;
  const entry = target.cbuf.entryBytes;
  const size = precisionBytes(precision);
  if (image) return Math.ceil(((width + padding) * channels * size) / entry);
  const atoms = Math.ceil((channels * size) / target.memoryAtom);
  const atomsPerEntry = entry / target.memoryAtom;
  const rest = atoms % atomsPerEntry;
  // Three quarters of an entry are not packed (nvdla/sw ConvCoreNode.cpp, formula book).
  const fraction = rest === 3 ? width : Math.ceil((rest * width) / atomsPerEntry);
  return Math.floor(atoms / atomsPerEntry) * width + fraction;
}

/** Banks for a number of slices. */
export const dataBanks = (slices: number, perSlice: number, { cbuf }: NvdlaTarget): number =>
  Math.ceil((slices * perSlice) / cbuf.entriesPerBank);

/** Bytes of a weight stream in memory: whole entries. */
export const streamBytes = (kernels: number, kernelBytes: number, { cbuf }: NvdlaTarget): number =>
  Math.ceil((kernels * kernelBytes) / cbuf.entryBytes) * cbuf.entryBytes;

/** Banks for the weights of some kernels. */
export const weightBanks = (kernels: number, kernelBytes: number, target: NvdlaTarget): number =>
  Math.ceil(streamBytes(kernels, kernelBytes, target) / (target.cbuf.entryBytes * target.cbuf.entriesPerBank));
