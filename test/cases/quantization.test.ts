/** Quantized networks, and networks beside files of ranges: what their scales become, and what the results are. */

import { readFileSync } from 'node:fs';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { asFloat32, elementCount, float32Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import {
  type Board,
  board,
  boardFolder,
  type CompileOptions,
  check,
  compile,
  type Device,
  openDevice,
  type PreparedNetwork,
  prepare,
  readCalibrationCache,
  readNetwork,
  readRanges,
  run,
  scaleCost,
} from '../../src/index.ts';
import type { Asymmetric } from '../../src/rewrite/quantization/read-quantization.ts';

const bytesOf = (name: string) => readFileSync(new URL(`quantization/${name}`, import.meta.url));
const read = (name: string) => readNetwork(bytesOf(`${name}.onnx`));
const scalesOf = (cache: string) => readCalibrationCache(bytesOf(cache)).scales;
const network = (name: string, asymmetric: Asymmetric = 'keep') => prepare(read(name), { asymmetric });

let device: Device;
beforeAll(async () => {
  device = await openDevice({ target: 'orin' });
});
afterAll(() => device.close());

function inputsOf({ original }: PreparedNetwork, reach: number): Readonly<Record<string, Tensor>> {
  const random = new Random(5);
  return Object.fromEntries(
    original.inputs.map((name) => {
      const shape = original.values.get(name)!.shape as readonly number[];
      const values = Float32Array.from({ length: elementCount(shape) }, () => random.between(-reach, reach));
      return [name, float32Tensor(shape, values)];
    }),
  );
}

/** What onnxruntime computes of the file, and the emulator of what it is prepared and compiled to. */
async function results(file: string, prepared: PreparedNetwork, scales?: ReadonlyMap<string, number>, reach = 2.5) {
  const runtime = await nodeOnnxRuntime();
  const feeds = inputsOf(prepared, reach);
  const session = await runtime.createSession(bytesOf(`${file}.onnx`), { optimise: false });
  const compilation = compile(prepared, scales ? { scales } : {});
  const [output = ''] = prepared.graph.outputs;
  const expected = asFloat32((await session.run(feeds))[output]!);
  await session.close();
  const { outputs } = await run(compilation.network, feeds, { device, runtime });
  return { expected, found: asFloat32(outputs[output]!), compilation };
}

/** Signal over noise in dB. */
function quality(expected: Float32Array, found: Float32Array): number {
  const power = (values: Float32Array) => values.reduce((sum, value) => sum + value * value, 0);
  return 10 * Math.log10(power(expected) / power(expected.map((value, at) => value - found[at]!)));
}

const onDla = (prepared: PreparedNetwork) =>
  check(prepared.graph).verdicts.filter(({ op, placement }) => op === 'Conv' && placement === 'dla').length;

describe('Q/DQ networks', () => {
  it('qdq_pc: the scales of the graph, every convolution on the DLA, equal to onnxruntime', async () => {
    const prepared = network('qdq_pc');
    expect(Object.fromEntries(prepared.graph.scales!)).toEqual({
      images: Math.fround(0.02),
      relu12: Math.fround(0.03),
      relu24: Math.fround(0.05),
      maxpool29: Math.fround(0.05),
    });
    expect(onDla(prepared)).toBe(3);
    const { expected, found } = await results('qdq_pc', prepared);
    expect(quality(expected, found)).toBeGreaterThan(60);
  });

  it('qdq_qat: nothing is calibrated, and a sum within its launch needs no scale', async () => {
    const prepared = network('qdq_qat');
    expect(onDla(prepared)).toBe(3);
    const { expected, found, compilation } = await results('qdq_qat', prepared);
    expect(compilation.coverage.fused).toEqual(['Conv_23_o']);
    expect(compilation.rangeChanges).toEqual([]);
    expect(compilation.coverage.missing).toEqual([{ value: 'Conv_55_o', nodes: ['Conv_55'], remedy: 'calibrate' }]);
    // Onnxruntime rounds the result of the convolution before the sum: half a step of noise.
    expect(quality(expected, found)).toBeGreaterThan(37);
  });

  it('qdq-perchannel: no element is more than a step from onnxruntime’s', async () => {
    const prepared = network('qdq-perchannel');
    const { expected, found, compilation } = await results('qdq-perchannel', prepared);
    expect(compilation.network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    expect(compilation.coverage.missing).toEqual([]);
    const step = compilation.quantized.scales.get(prepared.graph.outputs[0]!)!;
    const apart = found.map((value, at) => Math.abs(value - expected[at]!) / step);
    expect(Math.max(...apart)).toBeLessThan(1.001);
    expect(apart.filter((steps) => steps < 0.001).length).toBeGreaterThanOrEqual(7);
  });

  it('qdq_residual_no_scale: what has no scale before the Add is fused', async () => {
    const prepared = network('qdq_residual_no_scale');
    const { expected, found, compilation } = await results('qdq_residual_no_scale', prepared);
    expect(compilation.coverage.fused).toEqual(['Conv_11_o']);
    // The last convolution has no scale and runs in FP16: it reads the sum before onnxruntime rounds it, half a step of noise.
    expect(quality(expected, found)).toBeGreaterThan(33);
    // Software before 3.13 cannot: the block runs in FP16.
    const older = compile(prepared, { release: 'JetPack 5.1.1' });
    expect(older.coverage.missing.map(({ value, remedy }) => [value, remedy])).toEqual([
      ['Conv_11_o', 'fuse'],
      ['Conv_35_o', 'calibrate'],
    ]);
  });

  it('qdq_uint8: the zero point is named, and requantized when allowed', async () => {
    const refused = check(network('qdq_uint8').graph).verdicts.filter(({ op }) => op === 'QuantizeLinear');
    expect(refused.map(({ refusals }) => refusals.map(({ rule }) => rule))).toEqual(
      Array(4).fill(['quantization/explicit', 'quantization/symmetric']),
    );
    expect(refused[0]!.refusals[1]!.message).toBe(
      'QuantizeLinear_3: uint8 of zero point 128, allowed int8 of zero point 0 [quantization/symmetric]',
    );
    const prepared = network('qdq_uint8', 'requantize');
    expect(prepared.graph.scales!.get('relu12')).toBe(Math.fround(0.03));
    expect(onDla(prepared)).toBe(3);
    const { expected, found } = await results('qdq_uint8', prepared);
    expect(quality(expected, found)).toBeGreaterThan(60);
    expect(network('qdq_uint8', 'clip').graph.scales).toBeUndefined();
  });

  it('dynamic-int8: named, with advice, and its multiplications counted', () => {
    const { verdicts, macs } = check(read('dynamic-int8'));
    const integer = verdicts.find(({ op }) => op === 'ConvInteger')!;
    expect(integer.refusals[0]!.fix!.advice).toMatch(/quantize statically/);
    expect(macs).toEqual({ total: 8 * 16 * 16 * 8 * 9, dla: 0 });
  });
});

describe('ranges beside a network', () => {
  it('resblock_noqdq: scale 1 before the Add is none', async () => {
    const prepared = network('resblock_noqdq');
    const marked = await results('resblock_noqdq', prepared, scalesOf('unary_mid.cache'), 1);
    expect(marked.compilation.coverage.fused).toEqual(['Conv_3_o']);
    // The range ±127 that 1 would mean for a tensor of ±2 leaves 18 dB.
    expect(quality(marked.expected, marked.found)).toBeGreaterThan(32);
    expect(marked.compilation.quantized.scales.get('Conv_6_o')).toBe(scalesOf('unary_mid.cache').get('Conv_6_o'));
  });

  it('resblock_noqdq: without it the block is an FP16 island', () => {
    const { coverage, notEmulated } = compile(network('resblock_noqdq'), { scales: scalesOf('missing.cache') });
    expect(coverage.missing).toEqual([
      { value: 'Conv_3_o', nodes: ['Conv_3', 'Add_7', 'Relu_8'], remedy: 'fuse' },
      { value: 'Conv_11_o', nodes: ['Conv_11'], remedy: 'calibrate' },
    ]);
    expect(coverage.islands).toEqual([['Conv_3', 'Add_7', 'Relu_8', 'Conv_11']]);
    expect([...notEmulated.keys()]).not.toContain('Conv_6');
  });

  it.each(['clip_ranges.json', 'dynrange.txt', 'nvdla_table.json'])('io_yolo672: %s is ranges', (file) => {
    const scales = readRanges(bytesOf(file), file);
    expect([...scales.keys()]).toEqual(['images', 'conv3', 'relu4', 'o']);
    expect(scales.get('images')).toBe(Math.fround(1 / 127));
    expect(scales.get('o')).toBeCloseTo(0.06, 8);
    const { coverage, unmatched } = compile(network('io_yolo672'), { scales });
    expect([coverage.missing, unmatched]).toEqual([[], []]);
  });

  it('io_yolo672: a scale of 0 is refused, and missing tensors are listed', () => {
    const prepared = network('io_yolo672');
    expect(() => compile(prepared, { scales: scalesOf('zero.cache') })).toThrow(/value o: .*\[calibrate\/value\]/);
    const { coverage } = compile(prepared, { scales: scalesOf('io_yolo672_missing.cache') });
    expect(coverage.missing.map(({ value }) => value)).toEqual(['relu4']);
    // The whole network in FP16: several times as long.
    const cost = scaleCost(compile(prepared, { scales: scalesOf('io_yolo672_missing.cache') }))!;
    expect(cost.latency / cost.complete).toBeGreaterThan(4);
    expect(scaleCost(compile(prepared))).toBeUndefined();
    expect(() => compile(prepared, { scales: new Map([['image', 1]]) })).toThrow(
      /3 tensors have no scale: images, relu4, o; there are scales of tensors that it does not have: image \(like images\).*\[calibrate\/cache-missing\]/,
    );
  });
});

describe('a board folder', () => {
  const written = (cache: string, options: CompileOptions = {}) =>
    board(compile(network('resblock_noqdq'), { scales: scalesOf(cache), ...options }));
  const has = ({ commands }: Board, flag: string) => commands[0]!.flags.some(({ name }) => name === flag);

  it('has FP16 beside INT8 where tensors have no scale, and names them', () => {
    const folder = written('missing.cache');
    expect(folder.withoutScale).toEqual(['Conv_3_o', 'Conv_11_o']);
    expect([has(folder, '--int8'), has(folder, '--fp16')]).toEqual([true, true]);
    const page = boardFolder(folder).find(({ file }) => file === 'README.md')!.data;
    expect(page).toContain('## Tensors without a scale');
    expect(page).toContain('* `Conv_11_o`');
  });

  it('hands on the mark of a convolution that has none, to software that knows it', () => {
    const { cache, ...folder } = written('unary_mid.cache');
    expect(has(folder, '--fp16')).toBe(false);
    expect(readCalibrationCache(cache!.text).scales).toEqual(scalesOf('unary_mid.cache'));
    const older = written('unary_mid.cache', { release: 'JetPack 5.1.1' }).cache!.text;
    expect([...readCalibrationCache(older).scales.values()]).not.toContain(1);
  });
});
