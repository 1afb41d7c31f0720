/** Point stages in the units of the single-point processor, against the same stage in real numbers. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Bus } from '../../../device/bus.ts';
import { referenceEngines } from '../../../device/engines/reference/engines.ts';
import { writeValues } from '../../../device/engines/reference/nvdla/feature.ts';
import { singlePointIntegers } from '../../../device/engines/reference/nvdla/int8/single-point.ts';
import type { Cube } from '../../../device/launch.ts';
import type { NvdlaSdp, SdpUnit } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import type { ConstantData, SurfaceTable } from '../../emit.ts';
import { type Point, plainPoint } from '../../operation.ts';
import { formLookup } from '../testing/form-lookup.ts';
import { integerPoint, leastGains } from './point.ts';

const channels = 8;

interface Stage {
  readonly point: Point;
  readonly inputScales: Float64Array;
  readonly bias?: Float64Array;
  readonly outputScale: number;
  readonly operandScale?: number;
  readonly tableScale?: number;
}

/** Accumulators through the units; `operand` is an int8 number for each channel and pixel. */
function run(stage: Stage, accumulators: Int32Array, operand: Int32Array): Int32Array {
  const width = accumulators.length / channels;
  const shape: Shape4 = [1, channels, 1, width];
  const bus = new Bus();
  const cubes: Cube[] = [];
  const data: ConstantData[] = [];
  let next = 0x1000n;
  const add = (cube: Omit<Cube, 'address'>, bytes: ConstantData): number => {
    const at = next;
    next += 0x10000n;
    bus.map(at, Math.max(64, cube.size));
    bus.write(at, new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.byteLength));
    data.push(bytes);
    return cubes.push({ ...cube, address: at }) - 1;
  };
  const strides = { lineStride: 0, surfaceStride: 0, batchStride: 0 };
  const surfaces: SurfaceTable = {
    drafts: new Map(),
    of: () => 0,
    part: () => 0,
    region: (surface) => surface,
    shapeOf: (surface) => cubes[surface]!.shape,
    formatOf: () => 'chw8',
    inner: () => 0,
    constant: () => 0,
    vector: (_, dtype, values) =>
      add({ shape: [1, values.length, 1, 1], dtype, format: 'vector', size: values.byteLength, ...strides }, values),
  };
  const second: Omit<Cube, 'address'> = {
    shape,
    dtype: 'int8',
    format: 'chw8',
    lineStride: 8 * width,
    surfaceStride: 8 * width,
    batchStride: 8 * width,
    size: 8 * width,
  };
  const operandId = add(second, new Int8Array(8 * width));
  writeValues(cubes[operandId]!, { shape, data: operand }, bus, 'operand');
  const units = integerPoint(stage.point, {
    name: 'node',
    channels,
    inputScales: stage.inputScales,
    ...(stage.bias && { bias: stage.bias }),
    outputScale: stage.outputScale,
    ...(stage.operandScale !== undefined && { operandScale: stage.operandScale }),
    ...(stage.tableScale !== undefined && { tableScale: stage.tableScale }),
    atom: 8,
    elementwise: true,
    surfaces,
  })(0, channels, operandId);
  const bound = (unit: SdpUnit<number> | undefined): SdpUnit<Cube> | undefined => {
    if (unit === undefined) return undefined;
    const { operand: id, ...rest } = unit;
    return { ...rest, ...(id !== undefined && { operand: cubes[id]! }) };
  };
  const [x1, x2, y] = [bound(units.x1), bound(units.x2), bound(units.y)];
  const sdp: NvdlaSdp<Cube> = {
    arithmetic: 'integer-scale',
    ...(x1 && { x1 }),
    ...(x2 && { x2 }),
    ...(y && { y }),
    convert: units.convert,
    outputType: 'int8',
  };
  const nvdla = units.lookup ? { sdpTable: formLookup(units.lookup, (id) => data[id] as Int16Array) } : {};
  const state = { engines: referenceEngines(), nvdla };
  return singlePointIntegers(sdp, { shape, data: accumulators }, bus, state).values.data as Int32Array;
}

/** The same in real numbers, in steps of the result and not rounded. */
function exactly(
  { point, inputScales, bias, outputScale, operandScale }: Stage,
  acc: number,
  k: number,
  operand: number,
) {
  const at = (values: Float64Array | undefined, otherwise: number) => values?.[k % values.length] ?? otherwise;
  let t = (acc * inputScales[k % inputScales.length]! + at(bias, 0)) * at(point.multiply, 1) + at(point.add, 0);
  const second = operand * (operandScale ?? 0);
  switch (point.operand?.op) {
    case 'add':
      t += second;
      break;
    case 'mul':
      t *= second;
      break;
    case 'max':
      t = Math.max(t, second);
      break;
    case 'min':
      t = Math.min(t, second);
  }
  if (point.slope && t < 0) t *= at(point.slope, 1);
  t = Math.min(Math.max(t, point.low), point.high);
  if (point.table) t = point.table.evaluate(t);
  return Math.min(Math.max(t / outputScale, -128), 127);
}

function farthest(stage: Stage, reach: number): number {
  const width = 64;
  const accumulators = Int32Array.from({ length: channels * width }, (_, index) => {
    const scale = stage.inputScales[Math.floor(index / width) % stage.inputScales.length]!;
    return Math.round((((index % width) - 31.7) / 32) * (reach / scale));
  });
  const operand = Int32Array.from({ length: channels * width }, (_, index) => ((index * 37) % 255) - 127);
  const found = run(stage, accumulators, operand);
  return found.reduce((most, value, index) => {
    const wanted = exactly(stage, accumulators[index]!, Math.floor(index / width), operand[index]!);
    return Math.max(most, Math.abs(value - wanted));
  }, 0);
}

const vary = (seed: number, low: number, high: number): Float64Array =>
  Float64Array.from({ length: channels }, (_, k) => low * (high / low) ** (((k * 5 + seed) % 8) / 7));

const signed = (seed: number, most: number): Float64Array =>
  Float64Array.from({ length: channels }, (_, k) => most * Math.cos(k * 3 + seed));

describe('a point stage in integers', () => {
  const scales = fc.record({
    seed: fc.nat({ max: 100 }),
    outputScale: fc.double({ min: 0.002, max: 0.5, noNaN: true }),
    operandScale: fc.double({ min: 0.002, max: 0.5, noNaN: true }),
    spread: fc.double({ min: 1, max: 40, noNaN: true }),
  });
  const stages: Readonly<Record<string, (o: number) => Partial<Point>>> = {
    'a factor': () => ({}),
    'a factor and ReLU': () => ({ low: 0 }),
    'an upper bound inside the range': (o) => ({ low: 0, high: 60 * o }),
    'bounds on both sides': (o) => ({ low: -40 * o, high: 60 * o }),
    'an addition': () => ({ operand: { op: 'add', value: 'b' } }),
    'an addition and ReLU': () => ({ operand: { op: 'add', value: 'b' }, low: 0 }),
    'a maximum': () => ({ operand: { op: 'max', value: 'b' } }),
    'a minimum': () => ({ operand: { op: 'min', value: 'b' } }),
    'a slope': () => ({ slope: Float64Array.of(0.1) }),
    'a slope for each channel': () => ({ slope: vary(3, 0.01, 0.9) }),
    'a slope and then ReLU': () => ({ slope: Float64Array.of(-0.5), low: 0 }),
    'constants for each channel': (o) => ({ multiply: vary(1, 0.3, 2), add: signed(2, 20 * o) }),
  };

  it.each(Object.entries(stages))('has %s within 0.9 of a step', (_, change) => {
    fc.assert(
      fc.property(scales, ({ seed, outputScale, operandScale, spread }) => {
        const stage: Stage = {
          point: { ...plainPoint, ...change(outputScale) },
          inputScales: vary(seed, outputScale / 3000, (outputScale / 3000) * spread),
          bias: signed(seed, 30 * outputScale),
          outputScale,
          operandScale,
        };
        expect(farthest(stage, 90 * outputScale)).toBeLessThan(0.9);
      }),
      { numRuns: 40 },
    );
  });

  it('multiplies by a second operand', () => {
    const outputScale = 0.05;
    const point: Point = { ...plainPoint, operand: { op: 'mul', value: 'b' } };
    const stage = { point, inputScales: vary(1, 1e-5, 1e-4), outputScale, operandScale: 1 / 127 };
    expect(farthest(stage, 5)).toBeLessThan(0.9);
  });

  it('looks a function up, exactly between entries of a straight line', () => {
    const tableScale = 0.05;
    const bend = (x: number) => (x < 0 ? 0.25 * x : x);
    const point: Point = { ...plainPoint, table: { input: 'x', evaluate: bend, operators: [] } };
    const stage = { point, inputScales: vary(1, 1e-4, 1e-3), outputScale: 0.06, tableScale };
    expect(farthest(stage, 6)).toBeLessThan(0.9);
  });

  it.each([
    ['an addition', { operand: { op: 'add', value: 'b' } }, 0.07],
    ['a difference of maxima', { operand: { op: 'max', value: 'b' } }, 0.013],
    ['a product', { operand: { op: 'mul', value: 'b' } }, 0.9 / 127],
    ['a slope', { slope: Float64Array.of(0.2) }, 1],
    ['an upper bound', { low: 0, high: 3 }, 1],
  ] as const)('looks a function up behind %s', (_, change, operandScale) => {
    const point: Point = { ...plainPoint, ...change, table: { input: 'x', evaluate: Math.tanh, operators: ['Tanh'] } };
    const inputScales = vary(1, 1e-4, 1e-3);
    const stage = { point, inputScales, bias: signed(2, 2), outputScale: 1 / 127, operandScale, tableScale: 0.05 };
    // An eighth of the slope of a table from one entry to the next, and its rounding.
    expect(farthest(stage, 6)).toBeLessThan(1.2);
  });

  it('adds a bias that no channel loses, where a channel has next to no weights', () => {
    const inputScales = vary(1, 1e-4, 1e-3);
    inputScales[3] = 1e-13;
    const stage = { point: plainPoint, inputScales, bias: signed(1, 3), outputScale: 0.05 };
    const accumulators = new Int32Array(channels);
    const found = run(stage, accumulators, new Int32Array(channels));
    for (let k = 0; k < channels; k++) expect(Math.abs(found[k]! - stage.bias[k]! / 0.05)).toBeLessThan(0.6);
  });

  it('adds such a bias where X2 is taken, with weights of a coarser scale', () => {
    const natural = vary(1, 1e-4, 1e-3);
    natural[3] = 1e-13;
    const bias = signed(1, 3);
    const point: Point = { ...plainPoint, operand: { op: 'add', value: 'b' } };
    const scales = { outputScale: 0.05, operandScale: 0.05 };
    const least = leastGains(point, { channels, inputScales: natural, bias, ...scales });
    const inputScales = natural.map((scale, k) => Math.max(scale, least[k]!));
    expect(inputScales.filter((scale, k) => scale !== natural[k])).toHaveLength(1);
    expect(inputScales[3]).toBeLessThan(1e-4);
    const stage = { point, inputScales, bias, ...scales };
    const found = run(stage, new Int32Array(channels), new Int32Array(channels));
    for (let k = 0; k < channels; k++) expect(Math.abs(found[k]! - bias[k]! / 0.05)).toBeLessThan(0.6);
    expect(farthest(stage, 5)).toBeLessThan(0.9);
  });

  it('bounds a product in steps of the product', () => {
    const outputScale = 0.05;
    const point: Point = { ...plainPoint, operand: { op: 'mul', value: 'b' }, low: 0, high: 2 };
    const stage = { point, inputScales: vary(1, 1e-5, 1e-4), outputScale, operandScale: 1 / 127 };
    expect(farthest(stage, 5)).toBeLessThan(0.9);
  });
});
