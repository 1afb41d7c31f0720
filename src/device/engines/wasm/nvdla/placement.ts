/** Where cubes of the open NVDLA lie, as kernels of whole atoms see them. */

import type { Shape4 } from '../../../../program/surface.ts';
import type { Bus } from '../../../bus.ts';
import type { Cube } from '../../../launch.ts';
import type { Placement } from '../placement.ts';
import { placeCube } from '../placement.ts';

const atoms: Readonly<Record<string, number>> = { chw8: 8, chw16: 16, chw32: 32 };

/** Elements of an atom; undefined for what is not made of atoms. */
export const atomOf = ({ format }: Cube): number | undefined => atoms[format];

/** log2 of the blocks of 8 channels in an atom. */
export const blockShift = (atom: number): number => (atom === 8 ? 0 : atom === 16 ? 1 : 2);

/** One image of whole int8 atoms; undefined for any other cube. @throws device/fault */
export function placeWholeAtoms(cube: Cube, bus: Bus, what: string): Placement | undefined {
  const atom = atomOf(cube);
  const [batch, channels] = cube.shape;
  if (atom === undefined || cube.dtype !== 'int8' || batch !== 1 || channels % atom !== 0) return undefined;
  return placeCube(cube, bus, what);
}

/** Bytes of a packed surface of whole atoms. */
export const integerAtomsSize = ([, channels, height, width]: Shape4): number => channels * height * width;

/** A packed surface of whole atoms at an address. */
export function placeIntegerAtoms(address: number, shape: Shape4, atom: number): Placement {
  const [, channels, height, width] = shape;
  const surfaceStep = height * width * atom;
  return {
    address,
    extent: channels * height * width,
    shape,
    elementBytes: 1,
    atom,
    room: channels,
    batchStep: 0,
    rowStep: width * atom,
    pixelStep: atom,
    surfaceStep,
  };
}
