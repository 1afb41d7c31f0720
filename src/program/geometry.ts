/**
 * Where the elements of a surface lie: the strides and the size that a shape, a type and a format give when nothing is
 * wasted, and how channels group into atoms. Layouts are TensorRT's (docs/hardware/orin.md#formats):
 *
 *     chw32, chw16, chw8   [N][⌈C/A⌉][H][W][A], A = elements of an atom
 *     dla_hwc4             [N][H][W][C'], C' = 1 for one channel, 4 for three or four; rows padded to 64 bytes (32 on xavier)
 *     dla_linear           [N][C][H][W], rows padded to 64 bytes
 *     kcrs, vector         packed
 *
 * A *channel block* is what surfaceStride steps over: an atom's channels in the chw formats, all channels in dla_hwc4,
 * one channel elsewhere.
 */

import { elementSize } from '../base/data-type.ts';
import { type Bytes, bytes } from '../base/units.ts';
import { isNvdla, type Target } from '../targets/target.ts';
import type { ElementType, Shape4, Surface, SurfaceFormat } from './surface.ts';

export interface SurfaceGeometry {
  readonly lineStride: Bytes;
  readonly surfaceStride: Bytes;
  readonly batchStride: Bytes;
  readonly size: Bytes;
}

/** Channels of one pixel that lie side by side; 1 for the formats that are not cut into atoms. */
export function elementsPerAtom(format: SurfaceFormat): number {
  if (format === 'chw32') return 32;
  if (format === 'chw16') return 16;
  return format === 'chw8' ? 8 : 1;
}

/** The feature format whose atoms have so many elements; undefined where none has. */
export const atomFormat = (elements: number): SurfaceFormat | undefined =>
  (['chw8', 'chw16', 'chw32'] as const).find((format) => elementsPerAtom(format) === elements);

/** Whether a surface of this format holds a feature map or an image, not a constant. */
export const isFeatureFormat = (format: SurfaceFormat): boolean => format !== 'kcrs' && format !== 'vector';

/** Channels of one pixel that lie side by side: those of the atom, or the interleaved ones of dla_hwc4. */
export const pixelElements = (channels: number, format: SurfaceFormat): number =>
  format === 'dla_hwc4' ? (channels === 1 ? 1 : 4) : elementsPerAtom(format);

/** Bytes of what {@link pixelElements} counts. */
export const pixelBytes = (shape: Shape4, dtype: ElementType, format: SurfaceFormat): number =>
  pixelElements(shape[1], format) * elementSize[dtype];

/** How many channel blocks a surface has. */
export function channelBlocks(shape: Shape4, format: SurfaceFormat): number {
  return format === 'dla_hwc4' ? 1 : Math.ceil(shape[1] / elementsPerAtom(format));
}

/**
 * Bytes that rows are padded to: 1 where they are packed (docs/hardware/orin.md#formats).
 */
export function rowAlignment(format: SurfaceFormat, target?: Target): number {
  if (format === 'dla_hwc4' && target !== undefined && !isNvdla(target)) return target.imagePitch;
  return format === 'dla_hwc4' || format === 'dla_linear' ? 64 : 1;
}

/**
 * Strides and size in bytes of a surface with nothing wasted. `rowPitch` overrides what rows are padded to, in bytes.
 * The size of a feature surface covers its padding; that of weights and vectors is their elements'.
 */
export function surfaceGeometry(
  shape: Shape4,
  dtype: ElementType,
  format: SurfaceFormat,
  rowPitch: number = rowAlignment(format),
): SurfaceGeometry {
  const [n, , h, w] = shape;
  const line = roundUp(w * pixelBytes(shape, dtype, format), rowPitch);
  const surface = line * h;
  const batch = surface * channelBlocks(shape, format);
  return {
    lineStride: bytes(line),
    surfaceStride: bytes(surface),
    batchStride: bytes(batch),
    size: bytes(batch * n),
  };
}

/**
 * A part of a parent surface that starts at a channel and a row: offset from the start of memory, and its own geometry.
 * `channel` lies on an atom's border; the strides are the parent's.
 */
export function partView(
  parent: Surface,
  { channel, row }: { readonly channel: number; readonly row: number },
  shape: Shape4,
): SurfaceGeometry & { readonly shape: Shape4; readonly offset: Bytes } {
  const atom = elementsPerAtom(parent.format);
  if (channel % atom !== 0) throw new RangeError(`channel ${channel} of ${parent.name} does not start an atom`);
  return {
    shape,
    offset: bytes(parent.offset + (channel / atom) * parent.surfaceStride + row * parent.lineStride),
    lineStride: parent.lineStride,
    surfaceStride: parent.surfaceStride,
    batchStride: parent.batchStride,
    size: viewSize(parent, shape),
  };
}

/** Where a view starts in its parent; the row is no integer where it starts inside one. */
export function placeInside(view: Surface, parent: Surface): { readonly channel: number; readonly row: number } {
  const distance = view.offset - parent.offset;
  const block = Math.floor(distance / parent.surfaceStride);
  const row = (distance - block * parent.surfaceStride) / parent.lineStride;
  return { channel: block * elementsPerAtom(parent.format), row };
}

/** Bytes from the first to one past the last that a part may touch; whole surfaces where it has all rows. */
export function viewSize(
  { format, shape: [, , rows], lineStride, surfaceStride, batchStride }: Surface,
  [n, channels, height]: Shape4,
): Bytes {
  const blocks = channelBlocks([n, channels, height, 1], format);
  const last = height === rows ? surfaceStride : height * lineStride;
  return bytes((n - 1) * batchStride + (blocks - 1) * surfaceStride + last);
}

const roundUp = (value: number, multiple: number): number => Math.ceil(value / multiple) * multiple;
