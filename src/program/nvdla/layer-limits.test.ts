/** That a Program of the open NVDLA is refused where its registers could not say the same. */

import { describe, expect, it } from 'vitest';
import { type RandomProgram, randomProgram } from '../../loadable/nvdla/testing/random-program.ts';
import { nvFull, nvLarge, nvSmall } from '../../targets/nvdla.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import type { Layer } from '../layer.ts';
import type { Program } from '../program.ts';
import { problemOf } from '../testing/problem-of.ts';
import { validateProgram } from '../validate.ts';

type Which = (layer: Layer, program: Program) => boolean;

/** A Program with a layer of some kind, and that layer. */
function find(target: NvdlaTarget, which: Which): RandomProgram & { readonly layer: Layer } {
  for (let seed = 1; seed < 5000; seed++) {
    const random = randomProgram(target, seed, 6);
    const layer = random.program.layers.find((candidate) => which(candidate, random.program));
    if (layer) return { ...random, layer };
  }
  throw new Error('no seed gives such a layer');
}

function replace(object: unknown, [key, ...rest]: readonly string[], value: unknown): unknown {
  if (key === undefined) return value;
  const copy = (Array.isArray(object) ? [...object] : { ...(object as object) }) as Record<string, unknown>;
  const changed = replace(copy[key], rest, value);
  if (changed === undefined) delete copy[key];
  else copy[key] = changed;
  return copy;
}

/** The message with which a target refuses a layer of which one field is another. */
function refusal(target: NvdlaTarget, which: Which, path: string, value: unknown): string {
  const { program, blobs, layer } = find(target, which);
  validateProgram(program, blobs, target);
  const layers = program.layers.map((one) => (one === layer ? (replace(one, path.split('.'), value) as Layer) : one));
  const { code, message, place } = problemOf(() => validateProgram({ ...program, layers }, blobs, target));
  expect(code).toBe('program/invalid');
  expect(place.layer).toBe(layer.name);
  return message;
}

const conv: Which = (layer, { surfaces }) =>
  layer.kind === 'conv' && surfaces[layer.conv.input]!.format !== 'dla_hwc4' && layer.conv.core?.precision === 'int8';
const image: Which = (layer, { surfaces }) =>
  layer.kind === 'conv' &&
  surfaces[layer.conv.input]!.format === 'dla_hwc4' &&
  surfaces[layer.conv.input]!.shape[1] === 4;
const point: Which = (layer, { surfaces }) =>
  layer.kind === 'sdp' &&
  surfaces[layer.sdp.input!]!.dtype === 'int8' &&
  'x1' in layer.sdp &&
  layer.sdp.lookup === undefined &&
  layer.sdp.x1?.operand === undefined;
const table: Which = (layer) =>
  layer.kind === 'sdp' &&
  'x1' in layer.sdp &&
  layer.sdp.x1?.source === 'kernel' &&
  layer.sdp.x1.operandUse === 'both' &&
  layer.sdp.x1.activation !== 'prelu';
const lookup: Which = (layer) => layer.kind === 'sdp' && 'lookup' in layer.sdp && layer.sdp.lookup !== undefined;
const element: Which = (layer) => layer.kind === 'sdp' && 'y' in layer.sdp && layer.sdp.y?.alu === 'equal';
const average: Which = (layer, { surfaces }) =>
  layer.kind === 'pdp' && layer.pdp.mode === 'average' && surfaces[layer.pdp.output]!.dtype === 'int8';
const maximum: Which = (layer, { surfaces }) =>
  layer.kind === 'pdp' &&
  layer.pdp.mode === 'max' &&
  layer.pdp.kernel.h === 1 &&
  surfaces[layer.pdp.output]!.shape[2] === 1;
const lrn: Which = (layer) => layer.kind === 'cdp';
const merge: Which = (layer) => layer.kind === 'rubik' && layer.rubik.mode === 'merge';
const contract: Which = (layer) => layer.kind === 'rubik' && layer.rubik.mode === 'contract';
const pixels: Which = (layer) => layer.kind === 'pixels' && layer.pixels.to.column === 1;
const transfer: Which = (layer) => layer.kind === 'bdma' && layer.transfers.length === 2;

describe('a layer of the open NVDLA', () => {
  it.each<[Which, string, unknown, string]>([
    [conv, 'conv.core.kernelGroup', 16, 'conv.core.kernelGroup is not what the hardware does'],
    [conv, 'conv.core.channelBlock', 8, 'conv.core.channelBlock is not what the hardware does'],
    [conv, 'conv.core.accumulatorBits', 34, 'conv.core.accumulatorBits is not what the hardware does'],
    [conv, 'conv.core.accumulatorChannels', 7, 'conv.core.accumulatorChannels is not what the hardware does'],
    [conv, 'conv.core.precision', 'float16', 'conv.core.kernelGroup is not what the hardware does'],
    [conv, 'conv.core.cbuf.weightBanks', 16, 'conv.core.cbuf.weightBanks is out of range'],
    [conv, 'conv.core.cbuf.dataBanks', 0, 'conv.core.cbuf.dataBanks is out of range'],
    [conv, 'conv.core.image', { order: [0], rowsPerBlock: 1 }, 'conv.core.image is not what the hardware does'],
    [conv, 'conv.core.convert', { offset: 2 ** 15, scale: 1, shift: 0 }, 'conv.core.convert.offset is out of range'],
    [image, 'conv.core.image', undefined, 'an image needs conv.core.image'],
    [image, 'conv.core.image.order', [0, 1, 2, 2], 'conv.core.image.order is no order of components'],
    [image, 'conv.core.image.mean', [1], 'the number of conv.core.image.mean is not what the hardware does'],
    [point, 'sdp.arithmetic', 'nvdla-float16', 'sdp.arithmetic is not what the hardware does'],
    [point, 'sdp.x1.aluOperand', 2 ** 15, 'sdp.x1.aluOperand is out of range'],
    [point, 'sdp.x1.activation', 'lut', 'sdp.x1 has no such activation'],
    [point, 'sdp.x1.alu', 'equal', 'sdp.x1 has no comparison'],
    [point, 'sdp.x1.aluConvert', { offset: 0, scale: 1, shift: 0 }, 'sdp.x1.aluConvert has nothing to convert'],
    [point, 'sdp.convert.scale', 2 ** 15, 'sdp.convert.scale is out of range'],
    [table, 'sdp.x1.operandUse', 'alu', 'sdp.x1.operandUse is not what the hardware does'],
    [table, 'sdp.x1.mul', false, 'sdp.x1.operandUse is not what the hardware does'],
    [lookup, 'sdp.lookup', undefined, 'sdp.lookup is not what the hardware does'],
    [lookup, 'sdp.lookup.le.entries', 0, 'sdp.lookup.le.entries is not a constant'],
    [lookup, 'sdp.lookup.lo.end', 2 ** 31, 'sdp.lookup.lo.end is out of range'],
    [lookup, 'sdp.lookup.lo.overflow.shift', 16, 'sdp.lookup.lo.overflow.shift is out of range'],
    [element, 'sdp.y.aluShift', 1, 'sdp.y.aluShift is not what the hardware does'],
    [average, 'pdp.countPadding', false, 'pdp.countPadding is not what the hardware does'],
    [average, 'pdp.average.recipWidth', 77, 'pdp.average.recipWidth is not what the hardware does'],
    [average, 'pdp.average.padValues', [0], 'the number of pdp.average.padValues is not what the hardware does'],
    [maximum, 'pdp.stride.h', 9, 'pdp.stride.h is out of range'],
    [lrn, 'cdp.localSize', 4, 'CDP sums 3, 5, 7 or 9 channels'],
    [lrn, 'cdp.lookup', undefined, 'a normalization needs its table'],
    [pixels, 'pixels.channels', 33, 'pixels.channels is out of range'],
    [pixels, 'pixels.rows', 8193, 'the rows of pixels, by channels of an atom is out of range'],
    [pixels, 'pixels.to.row', 8192, 'pixels.to.row is out of range'],
    [pixels, 'pixels.from.column', 1, 'pixels.from.column is out of range'],
    [pixels, 'pixels.outputChannel', 32, 'the channel of pixels.to is out of range'],
    [pixels, 'pixels.to.column', 0, 'the same channels are written twice'],
    [merge, 'rubik.mode', 'split', 'has a format that split does not take'],
    [merge, 'rubik.stride.h', 2, 'only contract has a stride'],
    [contract, 'rubik.stride', { h: 2, w: 2 }, 'the shape of rubik.output does not fit'],
    [transfer, 'transfers', [], 'the number of transfers is out of range'],
    [transfer, 'transfers.0.lineBytes', 40, 'bdma.lineBytes is not aligned'],
    [transfer, 'transfers.1.lines', 8193, 'bdma.lines is out of range'],
    [transfer, 'transfers.1.surfaces', 4096, 'bdma.input leaves '],
  ])('keeps what registers say (%#: %o %s)', (which, path, value, message) => {
    expect(refusal(nvFull, which, path, value)).toContain(message);
  });

  it('is of an engine that the configuration has', () => {
    const without = (from: NvdlaTarget, which: Which, target: NvdlaTarget): string => {
      const { program, blobs } = find(from, which);
      return problemOf(() => validateProgram({ ...program, target: target.name }, blobs, target)).message;
    };
    expect(without(nvFull, merge, { ...nvFull, nvdla: { ...nvFull.nvdla, rubik: false } })).toBe(
      'nv_full has no Rubik',
    );
    expect(without(nvFull, transfer, { ...nvFull, nvdla: { ...nvFull.nvdla, bdma: false } })).toBe(
      'nv_full has no bridge DMA',
    );
    const plain = { ...nvLarge, nvdla: { ...nvLarge.nvdla, elementwise: false, lookupTable: false } };
    expect(without(nvLarge, element, plain)).toBe('nv_large has no element-wise unit');
  });

  it('is checked without a target as far as that goes', () => {
    const { program, blobs, layer } = find(nvFull, transfer);
    validateProgram(program, blobs);
    const layers = program.layers.map((one) => (one === layer ? ({ ...one, transfers: [] } as Layer) : one));
    expect(problemOf(() => validateProgram({ ...program, layers }, blobs)).message).toMatch(/number of transfers/);
  });

  it('may be any that a configuration without 16-bit types has', () => {
    for (let seed = 1; seed < 40; seed++) {
      const { program, blobs } = randomProgram(nvSmall, seed, 8);
      validateProgram(program, blobs, nvSmall);
    }
  });
});
