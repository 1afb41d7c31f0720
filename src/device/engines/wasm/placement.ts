/**
 * Feature surfaces as kernels see them: a place in WebAssembly memory and the steps between batches, rows, pixels and
 * runs of channels. Made from a cube (checked against the bus) or from scratch memory.
 */

import { fail } from '../../../base/errors.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import { featureExtent, packingOf, wantFeature } from '../reference/feature.ts';

export interface Placement {
  readonly address: number;
  readonly extent: number;
  readonly shape: Shape4;
  /** Bytes of one channel of a pixel. */
  readonly elementBytes: number;
  /** Channels that lie side by side. */
  readonly atom: number;
  /** Channels that the runs have room for; those behind the last are zero. */
  readonly room: number;
  readonly batchStep: number;
  readonly rowStep: number;
  readonly pixelStep: number;
  readonly surfaceStep: number;
}

/** A feature cube of int8 or float16. @throws device/fault, device/unsupported */
export function placeCube(cube: Cube, bus: Bus, what: string): Placement {
  wantFeature(cube, what);
  const place = placeElements(cube, bus, what);
  if (place.elementBytes === 2) requireAligned(place, what);
  return place;
}

/** @throws device/fault */
function requireAligned({ address, batchStep, rowStep, surfaceStep }: Placement, what: string): void {
  const places = [address, batchStep, rowStep, surfaceStep];
  if (places.every((place) => place % 2 === 0)) return;
  fail('device/fault', `${what} is not aligned to its elements`, {}, { actual: places.join(' ') });
}

/** A cube of elements of any size. @throws device/fault, device/unsupported */
export function placeElements(cube: Cube, bus: Bus, what: string): Placement {
  const extent = featureExtent(cube, what);
  const { atom, runs, elementBytes } = packingOf(cube);
  return {
    address: bus.locate(cube.address, extent),
    extent,
    shape: cube.shape,
    elementBytes,
    atom,
    room: atom * runs,
    batchStep: cube.batchStride,
    rowStep: cube.lineStride,
    pixelStep: atom * elementBytes,
    surfaceStep: cube.surfaceStride,
  };
}

/** Elements of an atom of 32 bytes. */
const atomElements = (elementBytes: number): number => 32 / elementBytes;

/** How many atoms hold the channels of a pixel. */
export const atomCount = ({ shape, elementBytes }: Pick<Placement, 'shape' | 'elementBytes'>): number =>
  Math.ceil(shape[1] / atomElements(elementBytes));

/** Bytes of a packed surface of whole atoms. */
export const atomsSize = (shape: Shape4, elementBytes: number): number =>
  shape[0] * atomCount({ shape, elementBytes }) * shape[2] * shape[3] * 32;

/** A packed surface of whole atoms at an address. */
export function placeAtoms(address: number, shape: Shape4, elementBytes: number): Placement {
  const [, , height, width] = shape;
  const runs = atomCount({ shape, elementBytes });
  const atom = atomElements(elementBytes);
  return {
    address,
    extent: atomsSize(shape, elementBytes),
    shape,
    elementBytes,
    atom,
    room: runs * atom,
    batchStep: runs * height * width * 32,
    rowStep: width * 32,
    pixelStep: 32,
    surfaceStep: height * width * 32,
  };
}

/** Rows of int8 pixels with all their channels side by side. */
export function placeRows(address: number, shape: Shape4): Placement {
  const [batch, channels, height, width] = shape;
  return {
    address,
    extent: batch * channels * height * width,
    shape,
    elementBytes: 1,
    atom: channels,
    room: channels,
    batchStep: channels * height * width,
    rowStep: channels * width,
    pixelStep: channels,
    surfaceStep: 0,
  };
}

/** The same bytes as channels of int8, for kernels that only move them. */
export function asBytes(place: Placement): Placement {
  const { shape, elementBytes, atom, room } = place;
  if (elementBytes === 1) return place;
  const [batch, channels, height, width] = shape;
  return {
    ...place,
    shape: [batch, channels * elementBytes, height, width],
    elementBytes: 1,
    atom: atom * elementBytes,
    room: room * elementBytes,
  };
}

export const isAtoms = ({ atom, elementBytes }: Placement): boolean => atom * elementBytes === 32;

export const overlaps = (a: Placement, b: Placement): boolean =>
  a.address < b.address + b.extent && b.address < a.address + a.extent;

/** Whether element (n, c, y, x) lies at the same bytes in both. */
export const coincides = (a: Placement, b: Placement): boolean =>
  a.address === b.address &&
  a.atom === b.atom &&
  a.elementBytes === b.elementBytes &&
  a.batchStep === b.batchStep &&
  a.rowStep === b.rowStep &&
  a.surfaceStep === b.surfaceStep &&
  a.shape.every((dim, axis) => dim === b.shape[axis]);
