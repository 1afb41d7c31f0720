/** Point stages in nv_full's floating-point units, against the same stage in real numbers. */

import { describe, expect, it } from 'vitest';
import { float16Bits } from '../../../base/float16.ts';
import { Bus } from '../../../device/bus.ts';
import { referenceEngines } from '../../../device/engines/reference/engines.ts';
import { writeValues } from '../../../device/engines/reference/nvdla/feature.ts';
import { halfToSingle, numberToSingle, singleToNumber } from '../../../device/engines/reference/nvdla/float16/float.ts';
import { singlePointFloats } from '../../../device/engines/reference/nvdla/float16/single-point.ts';
import type { Cube } from '../../../device/launch.ts';
import type { NvdlaSdp, SdpUnit } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { ConstantData, SurfaceTable } from '../../emit.ts';
import { type Point, plainPoint } from '../../operation.ts';
import { formLookup } from '../testing/form-lookup.ts';
import { floatPoint } from './point.ts';

const channels = 8;

/** @param operand a number for each channel and pixel */
function run(point: Point, bias: Float64Array, values: readonly number[], operand: readonly number[]): number[] {
  const width = values.length / channels;
  const shape: Shape4 = [1, channels, 1, width];
  const bus = new Bus();
  const cubes: Cube[] = [];
  const data: ConstantData[] = [];
  let next = 0x1000n;
  const add = (cube: Omit<Cube, 'address'>, bytes: ConstantData): number => {
    bus.map(next, Math.max(64, cube.size));
    bus.write(next, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    data.push(bytes);
    const id = cubes.push({ ...cube, address: next }) - 1;
    next += 0x10000n;
    return id;
  };
  const strides = { lineStride: 0, surfaceStride: 0, batchStride: 0 };
  const surfaces = {
    shapeOf: (surface: number) => cubes[surface]!.shape,
    vector: (_: string, dtype: 'float16', vector: ConstantData) =>
      add({ shape: [1, vector.length, 1, 1], dtype, format: 'vector', size: vector.byteLength, ...strides }, vector),
  } as unknown as SurfaceTable;
  const line = 32 * width;
  const cube = {
    shape,
    dtype: 'float16',
    format: 'chw16',
    lineStride: line,
    surfaceStride: line,
    batchStride: line,
    size: line,
  } as const;
  const second = add(cube, new Uint16Array(16 * width));
  writeValues(cubes[second]!, { shape, data: Int32Array.from(operand, float16Bits) }, bus, 'operand');
  const { x1, x2, y, lookup } = floatPoint(point, { name: 'node', channels, bias, atom: 16, surfaces })(
    0,
    channels,
    second,
  );
  const bound = (unit: SdpUnit<number> | undefined): SdpUnit<Cube> | undefined => {
    if (unit === undefined) return undefined;
    const { operand: id, ...rest } = unit;
    return { ...rest, ...(id !== undefined && { operand: cubes[id]! }) };
  };
  const units = Object.entries({ x1: bound(x1), x2: bound(x2), y: bound(y) }).filter(([, unit]) => unit !== undefined);
  const sdp: NvdlaSdp<Cube> = {
    arithmetic: 'nvdla-float16',
    ...Object.fromEntries(units),
    convert: { offset: 0, scale: 1, shift: 0 },
    outputType: 'float16',
  };
  const entries = (surface: number) => new Int16Array((data[surface] as Uint16Array).buffer);
  const state = { engines: referenceEngines(), nvdla: lookup ? { sdpTable: formLookup(lookup, entries) } : {} };
  const singles = Int32Array.from(values, numberToSingle);
  const { values: found } = singlePointFloats(sdp, { shape, data: singles }, bus, state);
  return Array.from(found.data, (half) => singleToNumber(halfToSingle(half)));
}

function exactly({ multiply, add, operand, slope, low, high, table }: Point, value: number, k: number, second: number) {
  const at = (values: Float64Array | undefined, otherwise: number) => values?.[k % values.length] ?? otherwise;
  let t = value * at(multiply, 1) + at(add, 0);
  if (operand?.op === 'add') t += second;
  if (operand?.op === 'mul') t *= second;
  if (operand?.op === 'max') t = Math.max(t, second);
  if (operand?.op === 'min') t = Math.min(t, second);
  if (slope && t < 0) t *= at(slope, 1);
  t = Math.min(Math.max(t, low), high);
  return table ? table.evaluate(t) : t;
}

const each = (make: (k: number) => number) => Float64Array.from({ length: channels }, (_, k) => make(k));

describe('a point stage in floats', () => {
  const stages: Readonly<Record<string, Partial<Point>>> = {
    nothing: {},
    'a factor and a sum': { multiply: each((k) => 0.3 + k / 5), add: each((k) => k - 3) },
    'channels that are constants': { multiply: each((k) => (k % 2 === 0 ? 0 : 1.5)), add: each((k) => 2 - k) },
    'channels that are nearly constants': {
      multiply: each((k) => (k % 2 === 0 ? 1e-9 : 1.5)),
      add: each((k) => 2 - k),
      operand: { op: 'add', value: 'b' },
    },
    ReLU: { low: 0 },
    bounds: { low: -0.75, high: 1.25 },
    'a sum and ReLU': { operand: { op: 'add', value: 'b' }, low: 0 },
    'a sum and an upper bound': { operand: { op: 'add', value: 'b' }, low: 0, high: 2.3 },
    'a product and a bound': { operand: { op: 'mul', value: 'b' }, high: 0.6 },
    'a maximum and a slope': { operand: { op: 'max', value: 'b' }, slope: each((k) => 0.1 * k) },
    'a slope and a bound': { slope: Float64Array.of(0.25), high: 3 },
    'a table behind a sum': {
      operand: { op: 'add', value: 'b' },
      table: { input: 'x', evaluate: Math.tanh, operators: ['Tanh'] },
    },
  };

  it.each(Object.entries(stages))('has %s as exactly as float16 does', (_, change) => {
    const point = { ...plainPoint, ...change };
    const values = Array.from({ length: channels * 20 }, (_, index) => Math.sin(index * 1.7) * 4);
    const operand = values.map((_, index) => Math.fround(Math.cos(index * 2.3) * 2));
    const bias = each((k) => k / 4 - 1);
    const found = run(point, bias, values, operand);
    for (const [index, value] of values.entries()) {
      const k = Math.floor(index / 20);
      const wanted = exactly(point, value + bias[k]!, k, operand[index]!);
      expect(Math.abs(found[index]! - wanted), `${index}`).toBeLessThan(0.002 * Math.max(Math.abs(wanted), 2));
    }
  });

  it('refuses what float16 does not hold', () => {
    const point = { ...plainPoint, multiply: Float64Array.of(1e6) };
    expect(() =>
      run(
        point,
        each(() => 0),
        new Array(channels).fill(1),
        new Array(channels).fill(1),
      ),
    ).toThrow(/a number is too large for float16.*calibrate\/value/);
  });
});
