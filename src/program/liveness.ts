/**
 * When the bytes of a surface matter. Layers are launched in order, so time is the index of the launch: a surface is
 * live from the first layer that writes it to the last that reads it, ends included (a launch streams, so its input and
 * its output may not share memory). A surface inside another (a view) lives in its root: the ranges are the root's.
 * Inputs of the task are live from before the first launch, outputs to after the last; constants always.
 */

import { type ChannelRange, layerReads, layerWrites } from './access.ts';
import { placeInside } from './geometry.ts';
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

/** A run of channels and a run of rows of a surface: [from, to) and [fromRow, toRow). */
export interface Region extends ChannelRange {
  readonly fromRow: number;
  readonly toRow: number;
}

/** The part of its root surface that a surface, or a part of its channels, covers. */
export function rootRegion(
  surfaces: readonly Surface[],
  id: number,
  channels?: ChannelRange,
): Region & { readonly root: number } {
  const surface = surfaces[id]!;
  const root = rootOf(surfaces, id);
  const start = root === id ? { channel: 0, row: 0 } : placeInside(surface, surfaces[root]!);
  return {
    root,
    from: start.channel + (channels?.from ?? 0),
    to: start.channel + (channels?.to ?? surface.shape[1]),
    fromRow: start.row,
    toRow: start.row + surface.shape[2],
  };
}

/** Channels times rows that two regions of one surface share. */
export const sharedArea = (a: Region, b: Region): number =>
  Math.max(0, Math.min(a.to, b.to) - Math.max(a.from, b.from)) *
  Math.max(0, Math.min(a.toRow, b.toRow) - Math.max(a.fromRow, b.fromRow));

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
