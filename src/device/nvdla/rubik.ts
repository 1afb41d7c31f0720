/**
 * Rubik rearranges cubes. *Contract* makes an image out of the channels of a deconvolution: input channels come in
 * stride.w · stride.h runs of whole atoms, one for each position in a block of output pixels. *Split* takes a feature cube
 * apart into planes, one a channel, and *merge* puts planes together (nvdla/sw `rubik.c` for the strides).
 */

import { fail } from '../../graph/errors.ts';
import type { Extent } from '../../program/layer.ts';
import type { Bus } from '../bus.ts';
import type { Cube } from '../cube.ts';
import type { LaunchResult } from '../launch.ts';
import { checkShape } from '../reference/feature.ts';
import { elementBytes } from './core-features.ts';

export interface Rubik {
  readonly mode: 'contract' | 'split' | 'merge';
  /** Planes are `dla_linear`, everything else features. */
  readonly input: Cube;
  readonly output: Cube;
  /** Contract only. */
  readonly stride: Extent;
  /** Contract only: bytes from one run of input channels to the next. */
  readonly runStride: number;
  readonly atomBytes: number;
}

/** @throws device/fault */
export function runRubik(rubik: Rubik, bus: Bus): LaunchResult {
  const { input, output } = rubik;
  checkShape(input.shape, "Rubik's input");
  checkShape(output.shape, "Rubik's output");
  if (rubik.mode === 'contract') contract(rubik, bus);
  else replane(rubik, bus);
  return {
    writes: [output],
    events: [{ engine: 'rubik', event: 'done' }],
    counters: { macs: 0, readBytes: input.size, writtenBytes: output.size, saturated: 0 },
  };
}

function contract({ input, output, stride, runStride, atomBytes }: Rubik, bus: Bus): void {
  const [, channels, height, width] = output.shape;
  const runs = Math.ceil((channels * elementBytes(output.dtype)) / atomBytes);
  for (let run = 0; run < runs; run++) {
    for (let y = 0; y < height; y++) {
      const to = output.address + BigInt(run * output.surfaceStride + y * output.lineStride);
      const line = new Uint8Array(width * atomBytes);
      const row = Math.floor(y / stride.h);
      for (let phase = 0; phase < stride.w; phase++) {
        const from =
          (stride.w * (y % stride.h) + phase) * runStride + run * input.surfaceStride + row * input.lineStride;
        const pixels = bus.read(input.address + BigInt(from), (width / stride.w) * atomBytes);
        for (let x = phase, at = 0; x < width; x += stride.w, at += atomBytes) {
          line.set(pixels.subarray(at, at + atomBytes), x * atomBytes);
        }
      }
      bus.write(to, line);
    }
  }
}

/** Split or merge. The channels that fill up the last atom of features become zero. */
function replane({ mode, input, output, atomBytes }: Rubik, bus: Bus): void {
  const [features, planes] = mode === 'split' ? [input, output] : [output, input];
  const [, channels, height, width] = input.shape;
  const size = elementBytes(input.dtype);
  const perAtom = atomBytes / size;
  for (let first = 0; first < channels; first += perAtom) {
    const last = Math.min(first + perAtom, channels);
    for (let y = 0; y < height; y++) {
      const atoms = features.address + BigInt((first / perAtom) * features.surfaceStride + y * features.lineStride);
      const plane = (c: number): bigint => planes.address + BigInt(c * planes.surfaceStride + y * planes.lineStride);
      const line = mode === 'split' ? bus.read(atoms, width * atomBytes) : new Uint8Array(width * atomBytes);
      for (let c = first; c < last; c++) {
        const row = mode === 'split' ? new Uint8Array(width * size) : bus.read(plane(c), width * size);
        for (let x = 0; x < width; x++) {
          const at = x * atomBytes + (c - first) * size;
          if (mode === 'split') row.set(line.subarray(at, at + size), x * size);
          else line.set(row.subarray(x * size, (x + 1) * size), at);
        }
        if (mode === 'split') bus.write(plane(c), row);
      }
      if (mode === 'merge') bus.write(atoms, line);
    }
  }
}

/** @throws device/fault when the shapes do not fit the mode */
export function checkRubik({ mode, input, output, stride }: Rubik): void {
  const [, inChannels, height, width] = input.shape;
  const [, outChannels, outHeight, outWidth] = output.shape;
  const fits =
    mode === 'contract'
      ? outHeight === height * stride.h && outWidth === width * stride.w
      : inChannels === outChannels && outHeight === height && outWidth === width;
  if (!fits) fail('device/fault', `Rubik cannot ${mode} these cubes`);
}
