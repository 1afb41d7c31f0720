/**
 * Feature cubes in memory: where element (n, c, y, x) lies in each surface format, and the way in and out of the dense
 * NCHW arrays on which the scalar engines compute. Every access is bounded by the cube's extent, which is asked of the
 * bus first: a cube that leaves the memory of its task is a device fault, never a stray read.
 *
 * Writing a cube also zeroes the channels that fill up its last atom, so that whoever reads whole atoms finds zeros.
 */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';

/** What stages hand to one another: integers in dense NCHW order. */
export interface Activations {
  readonly shape: Shape4;
  readonly data: Int32Array;
}

/** How the elements of one pixel lie: runs of `atom` channels side by side, `runs` of them, a surface stride apart. */
export interface Packing {
  readonly atom: number;
  readonly runs: number;
  readonly elementBytes: number;
}

/** Most elements that one surface or one hand-over may have, far beyond any real layer: bounds what a bad program can ask for. */
const mostElements = 2 ** 28;

const isCount = (value: number): boolean => Number.isInteger(value) && value > 0 && value <= mostElements;

/** @throws device/fault when a dimension is not a positive integer or there are too many elements */
export function checkShape(shape: Shape4, what: string): number {
  const elements = shape.reduce((product, dim) => (isCount(dim) ? product * dim : Number.NaN), 1);
  if (!(elements <= mostElements))
    fail('device/fault', `${what} has an impossible shape`, {}, { actual: shape.join('x') });
  return elements;
}

/** @throws device/unsupported for formats that hold no features */
export function packingOf(cube: Cube): Packing {
  const channels = cube.shape[1];
  const elementBytes = elementSize[cube.dtype];
  switch (cube.format) {
    case 'chw32':
      return { atom: 32, runs: Math.ceil(channels / 32), elementBytes };
    case 'chw16':
      return { atom: 16, runs: Math.ceil(channels / 16), elementBytes };
    case 'chw8':
      return { atom: 8, runs: Math.ceil(channels / 8), elementBytes };
    case 'dla_hwc4':
      if (channels > 4) fail('device/fault', 'dla_hwc4 holds at most 4 channels', {}, { actual: channels });
      return { atom: channels === 1 ? 1 : 4, runs: 1, elementBytes };
    case 'dla_linear':
      return { atom: 1, runs: channels, elementBytes };
    default:
      return fail('device/unsupported', `a ${cube.format} surface holds no features`);
  }
}

/** Bytes from the first element of a cube to one past its last, tail channels included. @throws device/fault */
export function featureExtent(cube: Cube, what: string): number {
  checkShape(cube.shape, what);
  const { atom, runs, elementBytes } = packingOf(cube);
  const [batch, , height, width] = cube.shape;
  const row = width * atom * elementBytes;
  let extent = row;
  for (const [count, stride, name] of [
    [height, cube.lineStride, 'line'],
    [runs, cube.surfaceStride, 'surface'],
    [batch, cube.batchStride, 'batch'],
  ] as const) {
    if (count === 1) continue;
    if (!Number.isSafeInteger(stride) || stride < extent) {
      fail(
        'device/fault',
        `${what}: the ${name} stride is too small`,
        {},
        { expected: `at least ${extent}`, actual: stride },
      );
    }
    extent += (count - 1) * stride;
  }
  if (!(extent <= 2 ** 32)) fail('device/fault', `${what} is larger than any memory`, {}, { actual: extent });
  return extent;
}

/** @throws device/unsupported */
export function wantInt8(cube: Cube, what: string): void {
  if (cube.dtype !== 'int8')
    fail('device/unsupported', `${what} must be int8 on this target`, {}, { actual: cube.dtype });
}

/** Calls `visit` with the byte offset of the first element of every row of every channel, in NCHW order. */
function eachRow(cube: Cube, channels: number, visit: (offset: number, channel: number) => void): void {
  const { atom } = packingOf(cube);
  const [batch, , height] = cube.shape;
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      const plane = n * cube.batchStride + Math.floor(c / atom) * cube.surfaceStride + (c % atom);
      for (let y = 0; y < height; y++) visit(plane + y * cube.lineStride, c);
    }
  }
}

/** Reads an int8 feature cube. @throws device/fault, device/unsupported */
export function readFeature(cube: Cube, bus: Bus, what: string): Activations {
  wantInt8(cube, what);
  const base = bus.locate(cube.address, featureExtent(cube, what));
  const memory = new Int8Array(bus.memory.buffer);
  const { atom } = packingOf(cube);
  const [, channels, , width] = cube.shape;
  const data = new Int32Array(checkShape(cube.shape, what));
  let to = 0;
  eachRow(cube, channels, (offset) => {
    for (let x = 0; x < width; x++) data[to++] = memory[base + offset + x * atom]!;
  });
  return { shape: cube.shape, data };
}

/** Writes int8 values to a feature cube and zeroes the rest of its last atom. @throws device/fault, device/unsupported */
export function writeFeature(cube: Cube, values: Activations, bus: Bus, what: string): void {
  wantInt8(cube, what);
  expectShape(cube.shape, values.shape, what);
  const base = bus.locateForWrite(cube.address, featureExtent(cube, what));
  const memory = new Int8Array(bus.memory.buffer);
  const { atom, runs } = packingOf(cube);
  const [batch, channels, height, width] = cube.shape;
  const plane = height * width;
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < atom * runs; c++) {
      const start = base + n * cube.batchStride + Math.floor(c / atom) * cube.surfaceStride + (c % atom);
      for (let y = 0; y < height; y++) {
        const from = (n * channels + c) * plane + y * width;
        for (let x = 0; x < width; x++) {
          memory[start + y * cube.lineStride + x * atom] = c < channels ? values.data[from + x]! : 0;
        }
      }
    }
  }
}

/** @throws device/fault */
export function expectShape(expected: Shape4, actual: Shape4, what: string): void {
  if (expected.every((dim, axis) => dim === actual[axis])) return;
  fail('device/fault', `${what} has the wrong shape`, {}, { expected: expected.join('x'), actual: actual.join('x') });
}

const vectorTypes = { int8: Int8Array, int32: Int32Array, float32: Float32Array } as const;

/**
 * Copies a dense constant (`vector` or `kcrs`) out of memory.
 * @param dtype what the stage wants of it @param allowed the element counts that it accepts
 * @throws device/fault
 */
export function readConstant<T extends keyof typeof vectorTypes>(
  cube: Cube,
  dtype: T,
  allowed: readonly number[],
  bus: Bus,
  what: string,
): InstanceType<(typeof vectorTypes)[T]> {
  if (cube.dtype !== dtype)
    fail('device/fault', `${what} has the wrong type`, {}, { expected: dtype, actual: cube.dtype });
  const elements = checkShape(cube.shape, what);
  if (!allowed.includes(elements)) {
    fail(
      'device/fault',
      `${what} has the wrong size`,
      {},
      { expected: `${allowed.join(' or ')} elements`, actual: elements },
    );
  }
  const bytes = bus.read(cube.address, elements * elementSize[dtype]);
  return new vectorTypes[dtype](bytes.buffer as ArrayBuffer, 0, elements) as InstanceType<(typeof vectorTypes)[T]>;
}
