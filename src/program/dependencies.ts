/**
 * Which layers wait for which. A layer comes after those that write what it reads, after those that write the atoms it
 * completes or read what it overwrites, and, where its output takes over memory, after all layers that used that memory before. Waits that it has
 * already stay; waits that follow from others are left out. The memory plan was made for launches in order: only these waits
 * let launches run side by side.
 */

import { layerReads, layerWrites } from './access.ts';
import { elementsPerAtom } from './geometry.ts';
import type { Layer } from './layer.ts';
import { liveRanges, type Region, rootOf, rootRegion, sharedArea, sharedPixels } from './liveness.ts';
import type { Program } from './program.ts';
import type { Surface } from './surface.ts';

interface Use extends Region {
  readonly layer: number;
}

/** The layers of a program in the same order, each with its `after`. */
export function withDependencies(program: Program): readonly Layer[] {
  const { surfaces, layers } = program;
  const roots = surfaces.map(({ id }) => rootOf(surfaces, id));
  const writers = surfaces.map((): Use[] => []);
  const readers = surfaces.map((): Use[] => []);
  const users = surfaces.map(() => new Set<number>());
  for (const layer of layers) {
    for (const read of layerReads(layer)) {
      const { root, ...region } = rootRegion(surfaces, read);
      users[root]!.add(layer.id);
      readers[root]!.push({ layer: layer.id, ...region });
    }
    for (const write of layerWrites(layer)) {
      const { root, ...region } = rootRegion(surfaces, write);
      users[root]!.add(layer.id);
      writers[root]!.push({ layer: layer.id, ...region });
    }
  }
  const former = takenOver(program, roots);
  const wanted = layers.map(({ after }) => new Set(after));
  for (const layer of layers) {
    const after = wanted[layer.id]!;
    for (const read of layerReads(layer)) {
      const region = rootRegion(surfaces, read);
      for (const write of writers[region.root]!) {
        if (write.layer < layer.id && sharedArea(write, region) > 0) after.add(write.layer);
      }
    }
    for (const written of layerWrites(layer)) {
      const { root, ...region } = rootRegion(surfaces, written);
      const { from, to } = region;
      const atom = elementsPerAtom(surfaces[root]!.format);
      for (const write of writers[root]!) {
        const sharesAtom =
          sharedPixels(write, region) > 0 &&
          Math.floor(write.from / atom) <= Math.floor((to - 1) / atom) &&
          Math.floor(from / atom) <= Math.floor((write.to - 1) / atom);
        if (sharesAtom && write.layer < layer.id) after.add(write.layer);
      }
      for (const read of readers[root]!) {
        if (read.layer < layer.id && sharedArea(read, region) > 0) after.add(read.layer);
      }
      for (const old of former[root]!) for (const user of users[old]!) after.add(user);
    }
  }
  return prune(layers, wanted);
}

/** Stretches of a memory in the order of their addresses, each with the root surface that had it last. */
type Held = { readonly start: number; readonly end: number; readonly id: number }[];

/**
 * For every root surface, the ones whose memory it takes over. Who had a stretch before the last one had it is not among them: the last
 * one waits for it.
 */
function takenOver(program: Program, roots: readonly number[]): readonly (readonly number[])[] {
  const { surfaces } = program;
  const ranges = liveRanges(program);
  const memories = { managed_sram: [] as Held, local_dram: [] as Held };
  const former = surfaces.map((): readonly number[] => []);
  const arrivals = surfaces.filter(({ id }) => roots[id] === id && ranges[id] !== undefined);
  for (const surface of arrivals.toSorted((a, b) => ranges[a.id]!.first - ranges[b.id]!.first)) {
    const { id, memory } = surface;
    if (memory !== 'managed_sram' && memory !== 'local_dram') continue;
    former[id] = take(memories[memory], surface).filter((old) => ranges[old]!.last < ranges[id]!.first);
  }
  return former;
}

/** Hands a surface its stretch of a memory. @returns the surfaces that had something of it last */
function take(held: Held, { id, offset: start, size }: Surface): readonly number[] {
  const end = start + size;
  let [from, high] = [0, held.length];
  while (from < high) {
    const middle = (from + high) >> 1;
    if (held[middle]!.end > start) high = middle;
    else from = middle + 1;
  }
  let to = from;
  while (to < held.length && held[to]!.start < end) to++;
  const met = held.slice(from, to);
  const left = met.filter((one) => one.start < start).map((one) => ({ ...one, end: start }));
  const right = met.filter((one) => one.end > end).map((one) => ({ ...one, start: end }));
  held.splice(from, to - from, ...left, { start, end, id }, ...right);
  return [...new Set(met.map((one) => one.id))];
}

/** Keeps the waits that no other kept wait implies. One bit for each pair of layers. */
function prune(layers: readonly Layer[], wanted: readonly ReadonlySet<number>[]): readonly Layer[] {
  const words = Math.ceil(layers.length / 32);
  const before = new Uint32Array(words * layers.length);
  return layers.map((layer) => {
    const own = layer.id * words;
    const after: number[] = [];
    for (const id of [...wanted[layer.id]!].sort((a, b) => b - a)) {
      if ((before[own + (id >> 5)]! >>> (id & 31)) & 1) continue;
      after.push(id);
      const theirs = id * words;
      for (let word = 0; word <= id >> 5; word++) before[own + word]! |= before[theirs + word]!;
      before[own + (id >> 5)]! |= 1 << (id & 31);
    }
    return { ...layer, after: after.reverse() };
  });
}
