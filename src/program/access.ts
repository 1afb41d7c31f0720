/**
 * Which surfaces a layer reads and writes, and in what role, for the validator, the allocator, the estimator and the schedulers; and
 * the same launch over other surfaces.
 */

import type { Layer, Move, Pipeline } from './layer.ts';
import type { ReadAccess, Visit, WriteAccess } from './layers/kind.ts';
import { kindOf } from './layers/table.ts';

export type Read = ReadAccess & { readonly surface: number };
export type Write = WriteAccess & { readonly surface: number };

/** Everything a layer reads, stage by stage. A surface that is read in two places appears twice. */
export function layerReads(layer: Layer): readonly Read[] {
  const reads: Read[] = [];
  kindOf(layer).map(layer, (surface, access) => {
    if (access.role !== 'output') reads.push({ surface, ...access });
  });
  return reads;
}

/** Everything a layer writes: one surface, of the bridge DMA those that its transfers end in, each once. */
export function layerWrites(layer: Layer): readonly Write[] {
  const writes = new Map<number, Write>();
  kindOf(layer).map(layer, (surface, access) => {
    if (access.role !== 'output') return;
    const before = writes.get(surface)?.bytes;
    writes.set(surface, {
      surface,
      ...access,
      ...(before !== undefined && access.bytes !== undefined && { bytes: before + access.bytes }),
    });
  });
  return [...writes.values()];
}

/** The same launch over other surfaces: every field of a stage that refers to memory goes through a function. */
export function mapLaunch<S, T>(launch: Pipeline<S>, visit: Visit<S, T>): Pipeline<T>;
export function mapLaunch<S, T>(launch: Pipeline<S> | Move<S>, visit: Visit<S, T>): Pipeline<T> | Move<T>;
export function mapLaunch<S, T>(launch: Pipeline<S> | Move<S>, visit: Visit<S, T>): Pipeline<T> | Move<T> {
  return kindOf(launch).map(launch, visit);
}

/** Whether engines compute it; what only moves bytes is done by the open NVDLA's firmware. */
export const isPipeline = <S>(launch: Pipeline<S> | Move<S>): launch is Pipeline<S> =>
  kindOf(launch).runs === 'engines';
