/** The bytes that a launch on the open NVDLA moves, client by client of its memory interface. */

import { type Bytes, bytes } from '../../base/units.ts';
import { layerWrites } from '../../program/access.ts';
import type { IntegerScaleSdp, Layer, PixelCopy, Sdp } from '../../program/layer.ts';
import type { Surface } from '../../program/surface.ts';
import { tensorBytes } from '../layer-work.ts';
import type { NvdlaConditions } from './conditions.ts';

/** nvdla/hw `NV_NVDLA_MCIF_read`: each has buffers of its own. */
export type ReadClient =
  | 'features'
  | 'weights'
  | 'sdp'
  | 'sdp x1'
  | 'sdp x2'
  | 'sdp y'
  | 'pdp'
  | 'cdp'
  | 'rubik'
  | 'bdma';

/** Bytes a cycle that a client can read. */
export const clientRate = (client: ReadClient, { rates }: NvdlaConditions): number =>
  client === 'features' || client === 'weights' ? rates.convolution : rates.buffered;

export interface Traffic {
  readonly reads: readonly { readonly client: ReadClient; readonly size: Bytes }[];
  readonly written: Bytes;
}

/** Everything on the interface in each direction, and in both on the memory behind it. Not rounded. */
export function sharedCycles({ reads, written }: Traffic, { rates }: NvdlaConditions): number {
  const read = reads.reduce((sum, { size }) => sum + size, 0);
  return Math.max(read / rates.port, written / rates.port, (read + written) / rates.memory);
}

export function layerTraffic(layer: Layer, surfaces: readonly Surface[]): Traffic {
  const sizeOf = (id: number): number => tensorBytes(surfaces[id]!);
  const reads = (...found: readonly (readonly [ReadClient, number])[]): Traffic['reads'] =>
    found.filter(([, size]) => size > 0).map(([client, size]) => ({ client, size: bytes(size) }));
  switch (layer.kind) {
    case 'conv': {
      const { input, weights, core } = layer.conv;
      return {
        reads: [
          ...reads(
            ['features', core?.reuse.data ? 0 : sizeOf(input)],
            ['weights', core?.reuse.weights ? 0 : surfaces[weights]!.size],
          ),
          ...reads(...operands(layer.sdp, sizeOf)),
        ],
        written: written(layer, sizeOf),
      };
    }
    case 'sdp':
      return {
        reads: reads(['sdp', sizeOf(layer.sdp.input!)], ...operands(layer.sdp, sizeOf)),
        written: written(layer, sizeOf),
      };
    case 'pdp':
      return { reads: reads(['pdp', sizeOf(layer.pdp.input!)]), written: written(layer, sizeOf) };
    case 'cdp':
      return { reads: reads(['cdp', sizeOf(layer.cdp.input)]), written: written(layer, sizeOf) };
    case 'rubik':
      return { reads: reads(['rubik', sizeOf(layer.rubik.input)]), written: written(layer, sizeOf) };
    case 'bdma': {
      const moved = layer.transfers.reduce(
        (sum, { lineBytes, lines, surfaces: count }) => sum + lineBytes * lines * count,
        0,
      );
      return { reads: reads(['bdma', moved]), written: bytes(moved) };
    }
    case 'pixels': {
      const moved = pixelBytes(layer.pixels, surfaces[layer.pixels.input]!);
      return { reads: reads(['sdp', moved]), written: bytes(moved) };
    }
    case 'resize':
    case 'copy':
      throw new Error(`the open NVDLA has no engine for ${layer.kind}`);
  }
}

const written = (layer: Layer, sizeOf: (id: number) => number): Bytes =>
  bytes(layerWrites(layer).reduce((sum, { surface }) => sum + sizeOf(surface), 0));

/** Lookup tables are no traffic: the processor writes them to registers. */
function operands(sdp: Sdp<number>, sizeOf: (id: number) => number): readonly (readonly [ReadClient, number])[] {
  const { x1, x2, y } = sdp as IntegerScaleSdp<number>;
  const units = [
    ['sdp x1', x1],
    ['sdp x2', x2],
    ['sdp y', y],
  ] as const;
  return units.flatMap(([client, unit]) =>
    unit?.operand === undefined ? [] : [[client, sizeOf(unit.operand)] as const],
  );
}

const pixelBytes = ({ channels, rows, columns }: PixelCopy<number>, input: Surface): number =>
  tensorBytes(input, [1, channels, rows, columns]);
