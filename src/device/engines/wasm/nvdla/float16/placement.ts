/** Where float16 cubes of the open NVDLA lie. */

import type { Shape4 } from '../../../../../program/surface.ts';
import type { Bus } from '../../../../bus.ts';
import type { Cube } from '../../../../launch.ts';
import type { KernelHost } from '../../kernel-host.ts';
import { type Placement, placeElements } from '../../placement.ts';
import { atomOf } from '../placement.ts';

/** One image of halves; undefined for any other cube. @throws device/fault */
export const placeHalves = (cube: Cube, bus: Bus, what: string): Placement | undefined =>
  cube.dtype === 'float16' && cube.shape[0] === 1 ? placeElements(cube, bus, what) : undefined;

/** One image of whole atoms of 16 halves; undefined for any other cube. @throws device/fault */
export function placeHalfAtoms(cube: Cube, bus: Bus, what: string): Placement | undefined {
  return atomOf(cube) === 16 && cube.shape[1] % 16 === 0 ? placeHalves(cube, bus, what) : undefined;
}

/** Where SDP hands on to PDP: a packed surface in scratch memory. */
export function placeBetween({ scratch }: KernelHost, shape: Shape4): Placement {
  const [, channels, height, width] = shape;
  const extent = channels * height * width * 2;
  return {
    address: scratch.take('between', extent),
    extent,
    shape,
    elementBytes: 2,
    atom: 16,
    room: channels,
    batchStep: 0,
    rowStep: width * 32,
    pixelStep: 32,
    surfaceStep: height * width * 32,
  };
}
