/** Where an operation's data lies, and in which shape. Cubes that the operation does not use are left out. */

import { memoryCodes } from '../../../program/nvdla/codes.ts';
import type { DataCube, OperationDesc, surfaceDescs } from '../format/descriptors.ts';
import type { Decoded } from '../format/layout.ts';
import { count, named, names, phrase, reserved, unless } from './names.ts';

/** A position of the task's address list plus bytes, with its name: `address 5 + 0x40 (input 0)`. */
export type Places = (position: number, offset?: number) => string;

/** A line for each cube or transfer. */
export function surfaceLines({ type, surfaces }: OperationDesc, places: Places): readonly string[] {
  if (type === 'bdma') return transferLines(surfaces, places);
  const cubes = Object.entries(surfaces).flatMap(([name, cube]) =>
    isCube(cube) && isUsed(cube) ? [`${name}: ${cubeText(cube, places)}`] : [],
  );
  if (type !== 'conv' || (surfaces.offsetU === 0n && surfaces.inLineUvStride === 0)) return cubes;
  const { offsetU, inLineUvStride } = surfaces;
  return [...cubes, `second plane: ${phrase(`offset ${offsetU} bytes`, `line ${inLineUvStride} bytes`)}`];
}

const isCube = (value: unknown): value is DataCube => typeof value === 'object' && value !== null && 'address' in value;

const isUsed = ({ address, ...rest }: DataCube): boolean =>
  address > 0 || address < -1 || Object.values(rest).some((value) => value !== 0);

function cubeText(cube: DataCube, places: Places): string {
  const { type, address, offset, size, width, height, channel, lineStride, surfaceStride, planeStride } = cube;
  const inHardware = type === memoryCodes.numbers.hardware && address === -1;
  return phrase(
    `w${width} h${height} c${channel}`,
    size !== 0 && `${size} bytes`,
    inHardware ? named(names.cubeMemory, type) : places(address, offset),
    !inHardware && type !== memoryCodes.numbers.primary && named(names.cubeMemory, type),
    inHardware && unless(0, 'offset', offset),
    unless(0, 'line', lineStride, ' bytes'),
    unless(0, 'surface', surfaceStride, ' bytes'),
    unless(0, 'plane', planeStride, ' bytes'),
    reserved({ reserved0: cube.reserved0 }),
  );
}

type Transfers = Decoded<(typeof surfaceDescs)[12]['bdma']>;

function transferLines(
  { sourceType, destinationType, numTransfers, transfers }: Transfers,
  places: Places,
): readonly string[] {
  const used = transfers.flatMap((transfer, index) =>
    index < numTransfers || Object.values(transfer).some((value) => value !== 0) ? [{ transfer, index }] : [],
  );
  return [
    phrase(
      `${named(names.cubeMemory, sourceType)} to ${named(names.cubeMemory, destinationType)}`,
      count(numTransfers, 'transfer'),
    ),
    ...used.map(
      ({ transfer: t, index }) =>
        `transfer ${index}: ${phrase(
          `${places(t.sourceAddress)} to ${places(t.destinationAddress)}`,
          `${count(t.lineRepeat, 'line')} of ${t.lineSize} bytes, ${t.sourceLine} and ${t.destinationLine} bytes apart`,
          `${count(t.surfaceRepeat, 'surface')}, ${t.sourceSurface} and ${t.destinationSurface} bytes apart`,
        )}`,
    ),
  ];
}
