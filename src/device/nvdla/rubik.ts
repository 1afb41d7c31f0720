/**
 * Rubik rearranges cubes. *Contract* makes an image out of the channels of a deconvolution: input channels come in
 * stride.w · stride.h runs of whole atoms, one for each position in a block of output pixels. *Split* takes a feature cube
 * apart into planes, one a channel, and *merge* puts planes together (nvdla/sw `rubik.c` for the strides).
 */

import { elementSize } from '../../base/data-type.ts';
import { fail } from '../../base/errors.ts';
import type { Extent } from '../../program/layer.ts';
import type { Bus } from '../bus.ts';
import { featureExtent } from '../engines/reference/feature.ts';
import type { Cube, LaunchResult } from '../launch.ts';
import type { Span } from './form/check-pipeline.ts';

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

/** The spans that Rubik reads and writes. @throws device/fault */
export function rubikSpans({ mode, input, output, stride, runStride, atomBytes }: Rubik): readonly [Span, Span] {
  const read = featureExtent(input, "Rubik's input");
  const written = featureExtent(output, "Rubik's output");
  if (mode !== 'contract') return [spanOf(input, read), spanOf(output, written)];
  const [, , height, width] = input.shape;
  const runs = runsOf(output, atomBytes);
  const last = (stride.h * stride.w - 1) * runStride + (runs - 1) * input.surfaceStride;
  return [spanOf(input, last + (height - 1) * input.lineStride + width * atomBytes), spanOf(output, written)];
}

const spanOf = ({ address }: Cube, size: number): Span => ({ address, size });

/** Runs of whole atoms that the channels of a cube make. */
const runsOf = ({ shape, dtype }: Cube, atomBytes: number): number =>
  Math.ceil((shape[1] * elementSize[dtype]) / atomBytes);

/** @throws device/fault */
export function runRubik(rubik: Rubik, bus: Bus): LaunchResult {
  const [read, written] = rubikSpans(rubik);
  const from = bus.locate(read.address, read.size);
  const to = bus.locateForWrite(written.address, written.size);
  if (rubik.mode === 'contract') contract(rubik, bus.bytes, from, to);
  else replane(rubik, bus.bytes, from, to);
  const { input, output } = rubik;
  return {
    writes: [output],
    events: [{ engine: 'rubik', event: 'done' }],
    counters: { macs: 0, readBytes: input.size, writtenBytes: output.size, saturated: 0 },
  };
}

function contract({ input, output, stride, runStride, atomBytes }: Rubik, bytes: Uint8Array, from: number, to: number) {
  const [, , height, width] = output.shape;
  const runs = runsOf(output, atomBytes);
  const line = new Uint8Array(width * atomBytes);
  for (let run = 0; run < runs; run++) {
    for (let y = 0; y < height; y++) {
      const row = run * input.surfaceStride + Math.floor(y / stride.h) * input.lineStride;
      for (let phase = 0; phase < stride.w; phase++) {
        let at = from + row + (stride.w * (y % stride.h) + phase) * runStride;
        for (let x = phase; x < width; x += stride.w, at += atomBytes) {
          line.set(bytes.subarray(at, at + atomBytes), x * atomBytes);
        }
      }
      bytes.set(line, to + run * output.surfaceStride + y * output.lineStride);
    }
  }
}

/** Split or merge. The channels that fill up the last atom of features become zero. */
function replane({ mode, input, output, atomBytes }: Rubik, bytes: Uint8Array, from: number, to: number): void {
  const [, channels, height, width] = input.shape;
  const size = elementSize[input.dtype];
  const perAtom = atomBytes / size;
  const [features, planes] = mode === 'split' ? [input, output] : [output, input];
  const atomsAt = (run: number, y: number): number => run * features.surfaceStride + y * features.lineStride;
  const rowAt = (c: number, y: number): number => c * planes.surfaceStride + y * planes.lineStride;
  const atoms = new Uint8Array(width * atomBytes);
  const row = new Uint8Array(width * size);
  for (let first = 0; first < channels; first += perAtom) {
    const run = first / perAtom;
    const last = Math.min(first + perAtom, channels);
    for (let y = 0; y < height; y++) {
      if (mode === 'split') {
        const at = from + atomsAt(run, y);
        atoms.set(bytes.subarray(at, at + atoms.length));
        for (let c = first; c < last; c++) {
          for (let x = 0; x < width; x++) {
            const element = x * atomBytes + (c - first) * size;
            row.set(atoms.subarray(element, element + size), x * size);
          }
          bytes.set(row, to + rowAt(c, y));
        }
      } else {
        atoms.fill(0);
        for (let c = first; c < last; c++) {
          const at = from + rowAt(c, y);
          row.set(bytes.subarray(at, at + row.length));
          for (let x = 0; x < width; x++) {
            atoms.set(row.subarray(x * size, (x + 1) * size), x * atomBytes + (c - first) * size);
          }
        }
        bytes.set(atoms, to + atomsAt(run, y));
      }
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
