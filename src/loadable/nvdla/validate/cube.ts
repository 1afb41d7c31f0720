/** The rules of data cubes: where they lie, and that their strides hold them (docs/hardware/nvdla.md#layouts). */

import { memoryCodes } from '../../../program/nvdla/codes.ts';
import { type ConvolutionPrecision, precisionBytes } from '../../../program/nvdla/convolution-buffer.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import type { DataCube } from '../format/descriptors.ts';
import type { Findings } from './findings.ts';

/** Where the cubes of a task may lie. */
export interface CubeContext {
  readonly target: NvdlaTarget;
  /** Offset in its memory of an address and bytes behind it, by the position in the task's list. */
  readonly addresses: readonly { readonly offset: number; readonly left: number }[];
}

const memoryTypes = memoryCodes.numbers;

export const isHardware = ({ type }: DataCube): boolean => type === memoryTypes.hardware;

/** Registers of the first generation hold addresses and strides in units of 32 bytes, and CDMA weights in units of 128. */
export const weightUnit = ({ nvdla }: CubeContext['target']): number => (nvdla.registers === 'v1' ? 128 : 1);

/** The place of a cube, and bytes that are there; undefined where it lies nowhere. */
export function placeOf(
  field: string,
  cube: Pick<DataCube, 'type' | 'address' | 'offset'>,
  { target, addresses }: CubeContext,
  findings: Findings,
  alignment: number = target.memoryAtom,
): number | undefined {
  if (cube.type !== memoryTypes.primary && cube.type !== memoryTypes.secondary) {
    findings.add('cube-memory', 'a cube lies in no memory', {
      field: `${field}.type`,
      expected: '0 or 1',
      actual: cube.type,
    });
    return undefined;
  }
  if (cube.type === memoryTypes.secondary && !target.nvdla.secondaryMemory) {
    findings.add('cube-memory', `${target.name} has no secondary memory`, {
      field: `${field}.type`,
      expected: memoryTypes.primary,
      actual: cube.type,
      target: true,
    });
  }
  const entry = addresses[cube.address];
  if (entry === undefined || cube.address === 0) {
    findings.add('address', 'a cube names an address that is not there', {
      field: `${field}.address`,
      expected: `1 to ${addresses.length - 1}`,
      actual: cube.address,
    });
    return undefined;
  }
  const at = entry.offset + cube.offset;
  if (at % alignment !== 0) {
    findings.add('cube-alignment', 'a cube does not begin with an atom', {
      field: `${field}.offset`,
      expected: `a multiple of ${alignment}`,
      actual: at,
    });
  }
  return entry.left - cube.offset;
}

function checkExtents(field: string, cube: DataCube, findings: Findings): boolean {
  return (['width', 'height', 'channel'] as const)
    .map((side) => findings.range(`${field}.${side}`, cube[side], ...nvdlaLimits.extent, 'cube-size'))
    .every((fits) => fits);
}

/** How the channels of a cube lie in memory. */
export interface CubeForm {
  /** Bytes of the channels of one pixel that lie side by side. */
  readonly pixel: number;
  /** Runs of such channels. */
  readonly runs: number;
  /** Addresses and strides are multiples of it. */
  readonly unit: number;
  /** Bytes of all channels of a pixel, for features. */
  readonly channelBytes?: number;
}

/** Features of a precision. */
export function featureForm(
  { channel }: DataCube,
  precision: ConvolutionPrecision,
  { memoryAtom }: NvdlaTarget,
): CubeForm {
  const channelBytes = channel * precisionBytes(precision);
  return { pixel: memoryAtom, runs: Math.ceil(channelBytes / memoryAtom), unit: memoryAtom, channelBytes };
}

/** The atoms of dlakit's configurations. */
const knownAtoms = [8, 16, 32];

/** Whether strides and size would fit features of another atom: the cube was made for another target. */
function fitsOtherAtom({ width, height, lineStride, surfaceStride, size }: DataCube, form: CubeForm): boolean {
  const { channelBytes } = form;
  if (channelBytes === undefined) return false;
  return knownAtoms.some((atom) => {
    const runs = Math.ceil(channelBytes / atom);
    const lines = (height - 1) * lineStride + width * atom;
    return (
      atom !== form.pixel &&
      (height === 1 || (lineStride >= width * atom && lineStride % atom === 0)) &&
      (runs === 1 || (surfaceStride >= lines && surfaceStride % atom === 0)) &&
      size >= (runs - 1) * surfaceStride + lines
    );
  });
}

/** A cube in memory. */
export function checkCube(
  field: string,
  cube: DataCube,
  form: CubeForm,
  context: CubeContext,
  findings: Findings,
): void {
  if (!checkExtents(field, cube, findings)) return;
  const left = placeOf(field, cube, context, findings, form.unit);
  const { width, height, lineStride, surfaceStride, size } = cube;
  const line = width * form.pixel;
  const target = fitsOtherAtom(cube, form);
  for (const [name, stride, least, steps] of [
    ['lineStride', lineStride, line, height],
    ['surfaceStride', surfaceStride, (height - 1) * lineStride + line, form.runs],
  ] as const) {
    // A stride counts only where there is a second line or surface.
    if (steps === 1) continue;
    const place = { field: `${field}.${name}`, actual: stride };
    if (stride % form.unit !== 0) {
      findings.add('cube-alignment', 'a stride is no multiple of an atom', {
        ...place,
        expected: `a multiple of ${form.unit}`,
        target,
      });
    }
    if (stride < least) {
      findings.add('cube-strides', 'a stride is shorter than what it steps over', {
        ...place,
        expected: `at least ${least}`,
        target,
      });
    }
  }
  const end = (form.runs - 1) * surfaceStride + (height - 1) * lineStride + line;
  if (size < end) {
    findings.add('cube-bounds', 'a cube is larger than it says', {
      field: `${field}.size`,
      expected: `at least ${end}`,
      actual: size,
      target,
    });
  }
  if (left !== undefined && end > left) {
    findings.add('cube-bounds', 'a cube leaves its memory', { field, expected: `at most ${left} bytes`, actual: end });
  }
}

/** A cube that is handed over in hardware has a size alone. */
export const checkFlyingCube = (field: string, cube: DataCube, findings: Findings): boolean =>
  checkExtents(field, cube, findings);

/** Bytes without a shape: weights, tables. */
export function checkBytes(
  field: string,
  cube: Pick<DataCube, 'type' | 'address' | 'offset'>,
  bytes: number,
  context: CubeContext,
  findings: Findings,
): void {
  const left = placeOf(field, cube, context, findings);
  if (left !== undefined && bytes > left) {
    findings.add('cube-bounds', 'bytes leave their memory', {
      field,
      expected: `at most ${left} bytes`,
      actual: bytes,
    });
  }
}
