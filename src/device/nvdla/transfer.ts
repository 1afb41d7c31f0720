/** The bridge DMA: copies lines of bytes, in surfaces, between the two memories or within one. */

import { fail } from '../../base/errors.ts';
import type { Bus } from '../bus.ts';
import type { Cube, LaunchResult } from '../launch.ts';
import type { Span } from './form/check-pipeline.ts';

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

/** The spans that a transfer reads and writes. @throws device/fault when its lines or surfaces overlap */
export const transferSpans = (transfer: Transfer): readonly Span[] => [
  spanOf(transfer.source, transfer),
  spanOf(transfer.destination, transfer),
];

/** Refuses what the firmware refuses too (nvdla/sw `bdma.c`). */
function spanOf({ address, lineStride, surfaceStride }: Side, { lineBytes, lines, surfaces }: Transfer): Span {
  if (lines > 1 && lineStride < lineBytes) {
    fail('device/fault', 'the lines of a transfer overlap', {}, { expected: lineBytes, actual: lineStride });
  }
  const surfaceBytes = (lines - 1) * lineStride + lineBytes;
  if (surfaces > 1 && surfaceStride < surfaceBytes) {
    fail('device/fault', 'the surfaces of a transfer overlap', {}, { expected: surfaceBytes, actual: surfaceStride });
  }
  return { address, size: (surfaces - 1) * surfaceStride + surfaceBytes };
}

/** @throws device/fault */
export function runTransfers(transfers: readonly Transfer[], bus: Bus): LaunchResult {
  let moved = 0;
  for (const transfer of transfers) {
    const { source, destination, lineBytes, lines, surfaces } = transfer;
    const [read, written] = transferSpans(transfer) as readonly [Span, Span];
    const from = bus.locate(read.address, read.size);
    const to = bus.locateForWrite(written.address, written.size);
    const { bytes } = bus;
    for (let surface = 0; surface < surfaces; surface++) {
      for (let line = 0; line < lines; line++) {
        const start = from + surface * source.surfaceStride + line * source.lineStride;
        const end = to + surface * destination.surfaceStride + line * destination.lineStride;
        bytes.copyWithin(end, start, start + lineBytes);
      }
    }
    moved += lineBytes * lines * surfaces;
  }
  return {
    writes: transfers.map(written),
    events: [{ engine: 'bdma', event: 'done' }],
    counters: { macs: 0, readBytes: moved, writtenBytes: moved, saturated: 0 },
  };
}

/** All bytes from the first to the last that a transfer writes, as one line. */
function written(transfer: Transfer): Cube {
  const { address, size } = spanOf(transfer.destination, transfer);
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
