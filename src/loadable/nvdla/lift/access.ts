/** The bytes of the loadable's memories that an operation reads or writes, as descriptors give them. */

import { channelBlocks, pixelBytes } from '../../../program/geometry.ts';
import type { ElementType, Shape4, SurfaceFormat } from '../../../program/surface.ts';

export interface MemoryPlace {
  /** Id of a memory of the loadable. */
  readonly memory: number;
  readonly offset: number;
}

/** A feature cube or an image. */
export interface CubeAccess extends MemoryPlace {
  readonly kind: 'cube';
  readonly shape: Shape4;
  readonly dtype: ElementType;
  readonly format: SurfaceFormat;
  /** Strides, which count only where there is more than one line or surface. */
  readonly lineStride: number;
  readonly surfaceStride: number;
  /** The operation only copies: the cube may be cut out of a surface in any way. */
  readonly copied?: true;
}

/** Lines of bytes, as the bridge DMA moves them. */
interface Lines {
  readonly lineBytes: number;
  readonly lines: number;
  readonly lineStride: number;
  readonly surfaces: number;
  readonly surfaceStride: number;
}

/** Elements that lie side by side: weights, operands of one channel each; or what the bridge DMA moves, from first byte to last. */
export interface RunAccess extends MemoryPlace {
  readonly kind: 'run';
  readonly dtype: ElementType;
  readonly size: number;
  readonly moved?: Lines;
  /** Channels that an operand is for. */
  readonly channels?: number;
}

/** The entries of a lookup table, which lie among the descriptors. */
export interface TableAccess {
  readonly kind: 'table';
  readonly dtype: 'int16' | 'float16';
  readonly data: Uint8Array;
}

export type MemoryAccess = CubeAccess | RunAccess;
export type Access = MemoryAccess | TableAccess;

/** [start, end) */
export interface Interval {
  readonly start: number;
  readonly end: number;
}

/** A cube in more pieces than this is taken as one: from its first byte to its last. */
const mostPieces = 2 ** 18;

/** The bytes that are read or written, lines that touch put together. */
export function piecesOf(access: MemoryAccess): readonly Interval[] {
  const { offset } = access;
  if (access.kind === 'run') return [{ start: offset, end: offset + access.size }];
  const { shape, dtype, format, lineStride, surfaceStride } = access;
  const [, , height, width] = shape;
  const blocks = channelBlocks(shape, format);
  const line = width * pixelBytes(shape, dtype, format);
  const rows = height === 1 || lineStride === line ? 1 : height;
  const reach = (height - 1) * lineStride + line;
  if (blocks === 1 || surfaceStride === reach) {
    const whole = { start: offset, end: offset + (blocks - 1) * surfaceStride + reach };
    if (rows === 1) return [whole];
  }
  if (blocks * rows > mostPieces) return [{ start: offset, end: offset + (blocks - 1) * surfaceStride + reach }];
  const step = rows === 1 ? reach : line;
  return Array.from({ length: blocks * rows }, (_, index) => {
    const start = offset + Math.floor(index / rows) * surfaceStride + (index % rows) * lineStride;
    return { start, end: start + step };
  });
}
