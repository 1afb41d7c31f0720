/**
 * Feature cubes in memory: where element (n, c, y, x) lies in each surface format, and the way in and out of the dense
 * NCHW arrays on which the scalar engines compute. Every access is bounded by the cube's extent, which is asked of the
 * bus first: a cube that leaves the memory of its task is a device fault, never a stray read.
 *
 * Writing a cube also zeroes the channels that fill up its last atom, so that whoever reads whole atoms finds zeros.
 */

import { elementSize } from '../../../base/data-type.ts';
import { fail } from '../../../base/errors.ts';
import { float16Bits, float16Values } from '../../../base/float16.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';

/** What stages hand to one another, in dense NCHW order: integers of INT8, real numbers of FP16. */
export interface Activations {
  readonly shape: Shape4;
  readonly data: Int32Array | Float32Array;
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

/** The elements of a feature cube in memory, int8 or the bits of float16, and its strides in elements. */
function elementsOf(cube: Cube, bus: Bus, base: number) {
  const { dtype } = cube;
  const bytes = elementSize[dtype];
  const places = [base, cube.lineStride, cube.surfaceStride, cube.batchStride];
  if (places.some((place) => place % bytes !== 0)) {
    fail('device/fault', `a ${dtype} surface is not aligned to its elements`, {}, { actual: places.join(' ') });
  }
  const memory = dtype === 'int8' ? new Int8Array(bus.memory.buffer) : new Uint16Array(bus.memory.buffer);
  const [first, lineStride, surfaceStride, batchStride] = places.map((place) => place / bytes);
  return {
    memory,
    first: first!,
    cube: { ...cube, lineStride: lineStride!, surfaceStride: surfaceStride!, batchStride: batchStride! },
  };
}

/** @throws device/unsupported for a type that no stage of orin and xavier computes in */
export function wantFeature(cube: Cube, what: string): void {
  if (cube.dtype !== 'int8' && cube.dtype !== 'float16')
    fail('device/unsupported', `${what} must be int8 or float16 on this target`, {}, { actual: cube.dtype });
}

/** Calls `visit` with the offset of the first element of every row of every channel, in NCHW order; strides are in elements. */
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

/** The elements of a feature cube: int8, or the bits of float16. @throws device/fault, device/unsupported */
export function readElements(
  cube: Cube,
  bus: Bus,
  what: string,
): { readonly shape: Shape4; readonly data: Int32Array } {
  wantFeature(cube, what);
  const { memory, first, cube: own } = elementsOf(cube, bus, bus.locate(cube.address, featureExtent(cube, what)));
  const { atom } = packingOf(cube);
  const [, channels, , width] = cube.shape;
  const data = new Int32Array(checkShape(cube.shape, what));
  let to = 0;
  eachRow(own, channels, (offset) => {
    for (let x = 0; x < width; x++) data[to++] = memory[first + offset + x * atom]!;
  });
  return { shape: cube.shape, data };
}

/** Reads a feature cube. @throws device/fault, device/unsupported */
export function readFeature(cube: Cube, bus: Bus, what: string): Activations {
  const elements = readElements(cube, bus, what);
  return cube.dtype === 'float16' ? { shape: cube.shape, data: float16Values(elements.data) } : elements;
}

/**
 * Writes elements to a feature cube, int8 or the bits of float16, and zeroes the rest of its last atom. @throws device/fault,
 * device/unsupported
 */
export function writeElements(cube: Cube, values: Activations, bus: Bus, what: string): void {
  wantFeature(cube, what);
  expectShape(cube.shape, values.shape, what);
  const base = bus.locateForWrite(cube.address, featureExtent(cube, what));
  const { memory, first, cube: own } = elementsOf(cube, bus, base);
  const { atom, runs } = packingOf(cube);
  const [batch, channels, height, width] = cube.shape;
  const plane = height * width;
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < atom * runs; c++) {
      const start = first + n * own.batchStride + Math.floor(c / atom) * own.surfaceStride + (c % atom);
      for (let y = 0; y < height; y++) {
        const from = (n * channels + c) * plane + y * width;
        for (let x = 0; x < width; x++) {
          memory[start + y * own.lineStride + x * atom] = c < channels ? values.data[from + x]! : 0;
        }
      }
    }
  }
}

/** Writes integers, or numbers that float16 has, to a feature cube. @throws device/fault, device/unsupported */
export function writeFeature(cube: Cube, values: Activations, bus: Bus, what: string): void {
  const halves = cube.dtype === 'float16';
  writeElements(
    cube,
    halves ? { shape: values.shape, data: Int32Array.from(values.data, float16Bits) } : values,
    bus,
    what,
  );
}

/** @throws device/fault */
export function expectShape(expected: Shape4, actual: Shape4, what: string): void {
  if (expected.every((dim, axis) => dim === actual[axis])) return;
  fail('device/fault', `${what} has the wrong shape`, {}, { expected: expected.join('x'), actual: actual.join('x') });
}

/** @throws device/fault when a stage that changes no type reads one and writes another */
export function expectOneType(input: Cube, output: Cube, what: string): void {
  if (input.dtype === output.dtype) return;
  fail('device/fault', `${what} changes the type`, {}, { expected: input.dtype, actual: output.dtype });
}

/** @throws device/fault unless a stage that has FP16 alone goes from one cube of float16 to another of its shape */
export function expectHalves(input: Cube, output: Cube, what: string): void {
  expectOneType(input, output, what);
  if (output.dtype !== 'float16') {
    fail('device/fault', `${what} has the wrong type`, {}, { expected: 'float16', actual: output.dtype });
  }
  expectShape(input.shape, output.shape, `the output of ${what}`);
}

const vectorTypes = { int8: Int8Array, int32: Int32Array, float16: Uint16Array, float32: Float32Array } as const;

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
