/** The bridge DMA: copies lines of bytes, in surfaces, between the two memories or within one. */

import { fail } from '../../graph/errors.ts';
import type { Bus } from '../bus.ts';
import type { Cube } from '../cube.ts';
import type { LaunchResult } from '../launch.ts';

export interface Side {
  readonly address: bigint;
  readonly lineStride: number;
  readonly surfaceStride: number;
}

export interface Transfer {
  readonly source: Side;
  readonly destination: Side;
  readonly lineBytes: number;
  readonly lines: number;
  readonly surfaces: number;
}

/** Most bytes that one launch may move. */
const mostBytes = 2 ** 28;

/** @throws device/fault */
export function runTransfers(transfers: readonly Transfer[], bus: Bus): LaunchResult {
  const moved = transfers.reduce((sum, { lineBytes, lines, surfaces }) => sum + lineBytes * lines * surfaces, 0);
  if (moved > mostBytes) {
    fail('device/fault', 'a transfer is larger than any memory', {}, { expected: mostBytes, actual: moved });
  }
  for (const { source, destination, lineBytes, lines, surfaces } of transfers) {
    for (let surface = 0; surface < surfaces; surface++) {
      for (let line = 0; line < lines; line++) {
        const at = ({ address, lineStride, surfaceStride }: Side): bigint =>
          address + BigInt(surface * surfaceStride + line * lineStride);
        bus.write(at(destination), bus.read(at(source), lineBytes));
      }
    }
  }
  return {
    writes: transfers.map(written),
    events: [{ engine: 'bdma', event: 'done' }],
    counters: { macs: 0, readBytes: moved, writtenBytes: moved, saturated: 0 },
  };
}

/** The bytes from the first to the last that a transfer writes. */
function written({ destination, lineBytes, lines, surfaces }: Transfer): Cube {
  const { address, lineStride, surfaceStride } = destination;
  const size = (surfaces - 1) * surfaceStride + (lines - 1) * lineStride + lineBytes;
  return {
    address,
    shape: [1, size, 1, 1],
    dtype: 'int8',
    format: 'vector',
    lineStride: 0,
    surfaceStride: 0,
    batchStride: 0,
    size,
  };
}
