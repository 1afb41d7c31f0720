/** Cubes for tests of the engines: mapped at fresh addresses, filled and read back as dense NCHW arrays. */

import { elementSize } from '../../base/data-type.ts';
import type { Pipeline } from '../../program/layer.ts';
import type { ElementType, Shape4, SurfaceFormat } from '../../program/surface.ts';
import type { Bus, Window } from '../bus.ts';
import { readFeature, writeElements } from '../engines/reference/feature.ts';
import type { Cube } from '../launch.ts';

const alignUp = (value: number, to: number): number => Math.ceil(value / to) * to;

/** A packed feature cube on the bus; `slack` widens its lines, surfaces and batches. */
export function featureCube(
  bus: Bus,
  shape: Shape4,
  format: SurfaceFormat = 'chw32',
  slack = 0,
  dtype: 'int8' | 'float16' = 'int8',
): Cube {
  const [batch, channels, height, width] = shape;
  const atom = { chw32: 32, chw16: 16, chw8: 8, dla_hwc4: channels === 1 ? 1 : 4, dla_linear: 1, kcrs: 1, vector: 1 }[
    format
  ];
  const runs = format === 'dla_hwc4' ? 1 : Math.ceil(channels / atom);
  const pitch = format === 'dla_hwc4' || format === 'dla_linear' ? 64 : 1;
  const pixel = atom * elementSize[dtype];
  const lineStride = alignUp(width * pixel, pitch) + slack * pixel;
  const surfaceStride = lineStride * height + slack * 32;
  const batchStride = surfaceStride * runs + slack * 64;
  return mapCube(bus, {
    shape,
    dtype,
    format,
    lineStride,
    surfaceStride,
    batchStride,
    size: batchStride * batch,
  });
}

/** int8, int32, bits of float16, float32. */
type ConstantData = Int8Array | Int32Array | Uint16Array | Float32Array;

function typeOf(data: ConstantData): ElementType {
  if (data instanceof Int8Array) return 'int8';
  if (data instanceof Int32Array) return 'int32';
  return data instanceof Uint16Array ? 'float16' : 'float32';
}

/** A dense constant on the bus. */
export function constantCube(bus: Bus, shape: Shape4, data: ConstantData): Cube {
  const dtype = typeOf(data);
  const format = shape[2] * shape[3] * shape[0] > 1 ? 'kcrs' : 'vector';
  const cube = mapCube(bus, {
    shape,
    dtype,
    format,
    lineStride: 0,
    surfaceStride: 0,
    batchStride: 0,
    size: data.byteLength,
  });
  bus.write(cube.address, new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  return cube;
}

export const vectorCube = (bus: Bus, data: ConstantData): Cube => constantCube(bus, [1, data.length, 1, 1], data);

const firstAddress = 0x1_0000_0000n;
const mapped = new WeakMap<Bus, { next: bigint; readonly windows: Window[] }>();

/** Maps a cube at a fresh address. */
export function mapCube(bus: Bus, cube: Omit<Cube, 'address'>): Cube {
  const state = mapped.get(bus) ?? { next: firstAddress, windows: [] };
  mapped.set(bus, state);
  const address = state.next;
  state.next += BigInt(alignUp(cube.size, 4096) + 4096);
  state.windows.push(bus.map(address, cube.size));
  // What was there before must not matter, and what lies between rows must stay.
  bus.write(address, new Uint8Array(cube.size).fill(0x5a));
  return { ...cube, address };
}

/** Unmaps all cubes of a bus; the next ones get the same addresses again. */
export function unmapCubes(bus: Bus): void {
  for (const window of mapped.get(bus)?.windows ?? []) bus.unmap(window);
  mapped.delete(bus);
}

/** Fills a feature cube from dense NCHW elements: int8, or bits of float16. */
export function fillFeature(bus: Bus, cube: Cube, values: ArrayLike<number>): Cube {
  writeElements(cube, { shape: cube.shape, data: Int32Array.from(values) }, bus, 'test data');
  return cube;
}

/** The values of a feature cube, dense NCHW. */
export const featureValues = (bus: Bus, cube: Cube): number[] => [...readFeature(cube, bus, 'test data').data];

/** Every byte of a cube, tail channels and slack included. */
export const cubeBytes = (bus: Bus, cube: Cube): Uint8Array => bus.read(cube.address, cube.size);

/** What a pipeline of the open NVDLA starts from. */
export function inputOf(pipeline: Pipeline<Cube>): Cube {
  if (pipeline.kind === 'conv') return pipeline.conv.input;
  return pipeline.kind === 'sdp'
    ? pipeline.sdp.input!
    : (pipeline as Extract<typeof pipeline, { kind: 'pdp' }>).pdp.input!;
}
