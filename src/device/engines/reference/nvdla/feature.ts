/**
 * Feature cubes of the open NVDLA in and out of dense NCHW numbers, float16 as bit patterns; and the operands of SDP,
 * which lie in the same order but may be pairs (docs/hardware/nvdla.md#layouts).
 */

import { fail } from '../../../../base/errors.ts';
import type { Bus } from '../../../bus.ts';
import type { Cube } from '../../../launch.ts';
import { checkShape, expectShape, featureExtent, packingOf } from '../feature.ts';
import type { StageValues } from '../stages.ts';

function elementBytes(cube: Cube, what: string): 1 | 2 {
  if (cube.dtype === 'int8') return 1;
  if (cube.dtype === 'int16' || cube.dtype === 'float16') return 2;
  return fail('device/fault', `${what} is ${cube.dtype}; NVDLA has int8, int16 and float16`);
}

/** Dense NCHW values of a cube. @throws device/fault, device/unsupported */
export function readValues(cube: Cube, bus: Bus, what: string): StageValues {
  const size = elementBytes(cube, what);
  const base = bus.locate(cube.address, featureExtent(cube, what));
  const memory = new DataView(bus.memory.buffer);
  const data = new Int32Array(checkShape(cube.shape, what));
  let to = 0;
  eachElement(cube, cube.shape[1], (offset) => {
    const at = base + offset * size;
    data[to++] = size === 1 ? memory.getInt8(at) : memory.getInt16(at, true);
  });
  return { shape: cube.shape, data };
}

/** Writes values that fit the cube's type, and zeros in the channels that fill up its last atom. @throws device/fault */
export function writeValues(cube: Cube, values: StageValues, bus: Bus, what: string): void {
  const size = elementBytes(cube, what);
  expectShape(cube.shape, values.shape, what);
  const base = bus.locateForWrite(cube.address, featureExtent(cube, what));
  const memory = new DataView(bus.memory.buffer);
  const { atom, runs } = packingOf(cube);
  const { data } = values;
  let from = 0;
  const last = cube.shape[1] * cube.shape[2] * cube.shape[3];
  eachElement(cube, atom * runs, (offset) => {
    const value = from < last ? data[from]! : 0;
    from++;
    if (size === 1) memory.setInt8(base + offset * size, value);
    else memory.setInt16(base + offset * size, value, true);
  });
}

/** Calls `visit` with the offset, in elements of the cube's strides, of every element in CHW order (one image). */
function eachElement(cube: Cube, channels: number, visit: (offset: number) => void): void {
  const { atom, elementBytes: size } = packingOf(cube);
  const [batch, , height, width] = cube.shape;
  if (batch !== 1) fail('device/unsupported', 'hardware batches are not modelled', {}, { actual: batch });
  const lineStride = cube.lineStride / size;
  const surfaceStride = cube.surfaceStride / size;
  for (let c = 0; c < channels; c++) {
    const plane = Math.floor(c / atom) * surfaceStride + (c % atom);
    for (let y = 0; y < height; y++) {
      const line = plane + y * lineStride;
      for (let x = 0; x < width; x++) visit(line + x * atom);
    }
  }
}

/** An operand of SDP: one value, or a pair, for each element. */
export interface OperandValues {
  /** Index of an element's operand: by channel, or by position in the dense cube. */
  readonly perChannel: boolean;
  readonly first: Int32Array;
  /** The second of a pair. */
  readonly second?: Int32Array;
}

/**
 * @param pairs whether two values lie side by side for each element
 * @throws device/fault, device/unsupported
 */
export function readOperand(cube: Cube, perChannel: boolean, pairs: boolean, bus: Bus, what: string): OperandValues {
  const size = elementBytes(cube, what);
  const step = pairs ? 2 * size : size;
  const [, channels, height, width] = cube.shape;
  const count = perChannel ? channels : checkShape(cube.shape, what);
  // A table is a vector; a cube is cut into atoms.
  const { atom, runs } = perChannel ? { atom: 1, runs: channels } : packingOf(cube);
  const atomBytes = atom * step;
  const extent = perChannel
    ? channels * step
    : (runs - 1) * cube.surfaceStride + (height - 1) * cube.lineStride + width * atomBytes;
  const base = bus.locate(cube.address, extent);
  const first = new Int32Array(count);
  const second = pairs ? new Int32Array(count) : undefined;
  const memory = new DataView(bus.memory.buffer);
  const value = (at: number): number => (size === 1 ? memory.getInt8(at) : memory.getInt16(at, true));
  let to = 0;
  const take = (at: number): void => {
    first[to] = value(at);
    if (second) second[to] = value(at + size);
    to++;
  };
  if (perChannel) {
    for (let c = 0; c < channels; c++) take(base + c * step);
  } else {
    for (let c = 0; c < channels; c++) {
      const plane = base + Math.floor(c / atom) * cube.surfaceStride + (c % atom) * step;
      for (let y = 0; y < height; y++) {
        for (let x = 0; x < width; x++) take(plane + y * cube.lineStride + x * atomBytes);
      }
    }
  }
  return { perChannel, first, ...(second && { second }) };
}
