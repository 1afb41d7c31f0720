/** The bytes that a launch on the open NVDLA moves, client by client of its memory interface. */

import { type Bytes, bytes } from '../../base/units.ts';
import { layerReads, layerWrites } from '../../program/access.ts';
import type { Layer } from '../../program/layer.ts';
import type { ReadClient } from '../../program/layers/kind.ts';
import type { Surface } from '../../program/surface.ts';
import { accessBytes } from '../layer-work.ts';
import type { NvdlaConditions } from './conditions.ts';

/** Bytes a cycle that a client can read. */
export const clientRate = (client: ReadClient, { rates }: NvdlaConditions): number =>
  client === 'features' || client === 'weights' ? rates.convolution : rates.buffered;

export interface Traffic {
  readonly reads: readonly { readonly client: ReadClient; readonly size: Bytes }[];
  readonly written: Bytes;
}

/** Cycles of all traffic: on the interface in each direction, and on the memory behind it in both. Not rounded. */
export function sharedCycles({ reads, written }: Traffic, { rates }: NvdlaConditions): number {
  const read = reads.reduce((sum, { size }) => sum + size, 0);
  return Math.max(read / rates.port, written / rates.port, (read + written) / rates.memory);
}

export function layerTraffic(layer: Layer, surfaces: readonly Surface[]): Traffic {
  const reads = new Map<ReadClient, number>();
  for (const read of layerReads(layer)) {
    if (read.client === undefined) continue;
    reads.set(read.client, (reads.get(read.client) ?? 0) + accessBytes(read, surfaces));
  }
  const written = layerWrites(layer).reduce((sum, write) => sum + accessBytes(write, surfaces), 0);
  return { reads: [...reads].map(([client, size]) => ({ client, size: bytes(size) })), written: bytes(written) };
}
