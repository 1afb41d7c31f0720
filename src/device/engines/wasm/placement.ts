/**
 * Feature surfaces as kernels see them: a place in WebAssembly memory and the steps between batches, rows, pixels and
 * runs of channels. Made from a cube (checked against the bus) or from scratch memory.
 */

import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import { featureExtent, packingOf, wantInt8 } from '../reference/feature.ts';

export interface Placement {
  readonly address: number;
  readonly extent: number;
  readonly shape: Shape4;
  /** Channels that lie side by side. */
  readonly atom: number;
  /** Channels that the runs have room for; those behind the last are zero. */
  readonly room: number;
  readonly batchStep: number;
  readonly rowStep: number;
  readonly pixelStep: number;
  readonly surfaceStep: number;
}

/** A cube of int8. @throws device/fault, device/unsupported */
export function placeCube(cube: Cube, bus: Bus, what: string): Placement {
  wantInt8(cube, what);
  return placeElements(cube, bus, what);
}

/** A cube of elements of any size. @throws device/fault, device/unsupported */
export function placeElements(cube: Cube, bus: Bus, what: string): Placement {
  const extent = featureExtent(cube, what);
  const { atom, runs, elementBytes } = packingOf(cube);
  return {
    address: bus.locate(cube.address, extent),
    extent,
    shape: cube.shape,
    atom,
    room: atom * runs,
    batchStep: cube.batchStride,
    rowStep: cube.lineStride,
    pixelStep: atom * elementBytes,
    surfaceStep: cube.surfaceStride,
  };
}

/** Bytes of a packed surface of whole atoms. */
export const atomsSize = ([batch, channels, height, width]: Shape4): number =>
  batch * Math.ceil(channels / 32) * height * width * 32;

/** A packed surface of whole atoms at an address. */
export function placeAtoms(address: number, shape: Shape4): Placement {
  const [, channels, height, width] = shape;
  const runs = Math.ceil(channels / 32);
  return {
    address,
    extent: atomsSize(shape),
    shape,
    atom: 32,
    room: runs * 32,
    batchStep: runs * height * width * 32,
    rowStep: width * 32,
    pixelStep: 32,
    surfaceStep: height * width * 32,
  };
}

/** Rows of pixels with all their channels side by side. */
export function placeRows(address: number, shape: Shape4): Placement {
  const [batch, channels, height, width] = shape;
  return {
    address,
    extent: batch * channels * height * width,
    shape,
    atom: channels,
    room: channels,
    batchStep: channels * height * width,
    rowStep: channels * width,
    pixelStep: channels,
    surfaceStep: 0,
  };
}

export const isAtoms = (place: Placement): boolean => place.atom === 32;

export const overlaps = (a: Placement, b: Placement): boolean =>
  a.address < b.address + b.extent && b.address < a.address + a.extent;

/** Whether element (n, c, y, x) lies at the same byte in both. */
export const coincides = (a: Placement, b: Placement): boolean =>
  a.address === b.address &&
  a.atom === b.atom &&
  a.batchStep === b.batchStep &&
  a.rowStep === b.rowStep &&
  a.surfaceStep === b.surfaceStep &&
  a.shape.every((dim, axis) => dim === b.shape[axis]);
