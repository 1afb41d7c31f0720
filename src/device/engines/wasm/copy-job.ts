/** Copies between layouts: the copy engine, and what brings surfaces of other formats into the kernels' own. */

import type { Shape4 } from '../../../program/surface.ts';
import * as layout from './job.ts';
import type { KernelHost } from './kernel-host.ts';
import { asBytes, atomsSize, isAtoms, type Placement, placeAtoms } from './placement.ts';

export interface CopyRange {
  readonly inputChannel: number;
  readonly outputChannel: number;
  readonly channels: number;
}

/** The image's place inside a larger output, and what surrounds it. */
export interface Surround {
  readonly top: number;
  readonly left: number;
  readonly fill: number;
}

const nothing: Surround = { top: 0, left: 0, fill: 0 };

/** Rows that a unit takes, so that there are several units for each thread. */
export const rowsPerUnit = (rows: number, planes: number, threads: number): number =>
  threads === 1 ? rows : Math.max(1, Math.ceil((rows * planes) / (threads * 4) / Math.max(planes, 1)));

export function runCopy(
  host: KernelHost,
  source: Placement,
  target: Placement,
  { inputChannel, outputChannel, channels: moved }: CopyRange,
  around: Surround = nothing,
): void {
  const [from, to] = [asBytes(source), asBytes(target)];
  const unit = source.elementBytes;
  const [batch, channels, height, width] = to.shape;
  const rows = rowsPerUnit(height, batch, host.threads);
  const rowUnits = Math.ceil(height / rows);
  host.run(layout.kindCopy, batch * rowUnits, 0, batch * moved * unit * height * width, (job) => {
    job.input(from);
    job.output(to);
    job.set(layout.unitRows, rows);
    job.set(layout.rowUnits, rowUnits);
    job.set(layout.copyChannels, moved * unit);
    job.set(layout.inFirst, inputChannel * unit);
    job.set(layout.inAtom, from.atom);
    job.set(layout.outFirst, outputChannel * unit);
    job.set(layout.outAtom, to.atom);
    job.set(layout.outRoom, Math.max(to.room, channels));
    job.set(layout.copyTop, around.top);
    job.set(layout.copyLeft, around.left);
    job.set(layout.copyFill, around.fill);
  });
}

export const wholeRange = (place: Placement): CopyRange => ({
  inputChannel: 0,
  outputChannel: 0,
  channels: place.shape[1],
});

/** A packed surface of whole atoms in scratch memory. */
export const scratchAtoms = (host: KernelHost, name: string, shape: Shape4, elementBytes: number): Placement =>
  placeAtoms(host.scratch.take(name, atomsSize(shape, elementBytes) + 64), shape, elementBytes);

/** The same values as whole atoms: the surface itself, or a copy in scratch memory. */
export function asAtoms(host: KernelHost, place: Placement, name: string): Placement {
  if (isAtoms(place)) return place;
  const atoms = scratchAtoms(host, name, place.shape, place.elementBytes);
  runCopy(host, place, atoms, wholeRange(place));
  return atoms;
}

/** Runs `work` on a target of whole atoms that it may write while it reads `sources`, and brings the result to `place`. */
export function toAtoms<T>(host: KernelHost, place: Placement, direct: boolean, work: (target: Placement) => T): T {
  if (direct && isAtoms(place)) return work(place);
  const atoms = scratchAtoms(host, 'output', place.shape, place.elementBytes);
  const result = work(atoms);
  runCopy(host, atoms, place, wholeRange(place));
  return result;
}
