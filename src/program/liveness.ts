/**
 * When the bytes of a surface matter. Layers are launched in order, so time is the index of the launch: a surface is
 * live from the first layer that writes it to the last that reads it, ends included (a launch streams, so its input and
 * its output may not share memory). A surface inside another (a view) lives in its root: the ranges are the root's.
 * Inputs of the task are live from before the first launch, outputs to after the last; constants always.
 */

import { layerReads, layerWrites, type Write } from './access.ts';
import { placeInside } from './geometry.ts';
import type { ChannelRange } from './layers/kind.ts';
import type { Program } from './program.ts';
import type { Surface } from './surface.ts';

export interface LiveRange {
  /** Launch index of the first write; −1 for what is there before the first launch. */
  readonly first: number;
  /** Launch index of the last use; the number of layers for what must outlive the task. */
  readonly last: number;
  /** How many layers read it (or a view of it); a layer counts once. */
  readonly reads: number;
}

/** The surface whose memory a surface lives in: itself, unless it is a view. @throws RangeError on circular parents */
export function rootOf(surfaces: readonly Surface[], id: number): number {
  let root = id;
  for (let steps = 0; steps <= surfaces.length; steps++) {
    const parent = surfaces[root]?.parent;
    if (parent === undefined) return root;
    root = parent;
  }
  throw new RangeError(`the parents of surface ${id} form a circle`);
}

/** Every step-th of [from, to), beginning with `from`. */
interface Steps {
  readonly from: number;
  readonly to: number;
  readonly step: number;
}

/** A run of channels of a surface, and some of its pixels. */
export interface Region extends ChannelRange {
  readonly rows: Steps;
  readonly columns: Steps;
}

/** The part of its root surface that a surface, or what a layer accesses of it, covers. */
export function rootRegion(
  surfaces: readonly Surface[],
  { surface: id, channels, comb }: Pick<Write, 'surface' | 'channels' | 'comb'>,
): Region & { readonly root: number } {
  const surface = surfaces[id]!;
  const root = rootOf(surfaces, id);
  const start = root === id ? { channel: 0, row: 0 } : placeInside(surface, surfaces[root]!);
  const [, channelCount, height, width] = surface.shape;
  const whole = { row: 0, column: 0, step: { h: 1, w: 1 }, rows: height, columns: width };
  const { row, column, step, rows, columns } = comb ?? whole;
  return {
    root,
    from: start.channel + (channels?.from ?? 0),
    to: start.channel + (channels?.to ?? channelCount),
    rows: stepped(start.row + row, rows, step.h),
    columns: stepped(column, columns, step.w),
  };
}

const stepped = (from: number, count: number, step: number): Steps => ({
  from,
  to: from + (count - 1) * step + 1,
  step,
});

/** Elements of a channel that two regions of one surface share. */
export const sharedPixels = (a: Region, b: Region): number => common(a.rows, b.rows) * common(a.columns, b.columns);

/** Elements that two regions of one surface share. */
export const sharedArea = (a: Region, b: Region): number =>
  Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from)) * sharedPixels(a, b);

/** How many numbers two runs of steps have in common. */
function common(a: Steps, b: Steps): number {
  const [from, to] = [Math.max(a.from, b.from), Math.min(a.to, b.to)];
  if (from >= to) return 0;
  const [coarse, fine] = a.step >= b.step ? [a, b] : [b, a];
  const first = coarse.from + Math.ceil((from - coarse.from) / coarse.step) * coarse.step;
  if (first >= to) return 0;
  const count = Math.floor((to - 1 - first) / coarse.step) + 1;
  if (fine.step === 1) return count;
  if (fine.step === coarse.step) return (first - fine.from) % fine.step === 0 ? count : 0;
  let met = 0;
  for (let at = first; at < to; at += coarse.step) if ((at - fine.from) % fine.step === 0) met++;
  return met;
}

/** The live range of every root surface; undefined for views and for surfaces that no layer touches. */
export function liveRanges(
  program: Pick<Program, 'surfaces' | 'layers' | 'inputs' | 'outputs' | 'constants'>,
): readonly (LiveRange | undefined)[] {
  const { surfaces, layers } = program;
  const ranges = surfaces.map(() => undefined as { first: number; last: number; reads: number } | undefined);
  const roots = surfaces.map(({ id }) => rootOf(surfaces, id));
  const touch = (root: number, from: number, to: number) => {
    const range = ranges[root];
    if (range === undefined) ranges[root] = { first: from, last: to, reads: 0 };
    else {
      range.first = Math.min(range.first, from);
      range.last = Math.max(range.last, to);
    }
  };
  for (const { surface } of program.constants) touch(roots[surface]!, -1, layers.length);
  for (const surface of program.inputs) touch(roots[surface]!, -1, -1);
  for (const [index, layer] of layers.entries()) {
    for (const { surface } of layerWrites(layer)) touch(roots[surface]!, index, index);
    const read = new Set(layerReads(layer).map(({ surface }) => roots[surface]!));
    for (const root of read) {
      touch(root, index, index);
      ranges[root]!.reads++;
    }
  }
  for (const surface of program.outputs) touch(roots[surface]!, layers.length, layers.length);
  return ranges;
}
