/** What random pipelines do not reach: overlapping surfaces, constants that change, faults, and the life of threads. */

import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeThreads } from '../../../host/node/index.ts';
import type { Conv, Pipeline } from '../../../program/layer.ts';
import { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import { launch } from '../../launch.ts';
import type { ImmediateEngines } from '../../state.ts';
import { constantCube, cubeBytes, featureCube, featureValues, fillFeature, vectorCube } from '../../testing/cubes.ts';
import { referenceEngines } from '../reference/engines.ts';
import { createWasmEngines } from './engines.ts';
import { kernelBytes } from './kernel-host.ts';

const wave = (length: number): Int8Array => Int8Array.from({ length }, (_, i) => ((i * 37) % 255) - 127);
const square = (n: number) => ({ h: n, w: n });
const around = (n: number) => ({ top: n, left: n, bottom: n, right: n });

function convOf(bus: Bus, input: Cube, output: Cube, kernel = 3): Extract<Pipeline<Cube>, { kind: 'conv' }> {
  const [, kernels, height, width] = output.shape;
  const channels = input.shape[1];
  const conv: Conv<Cube> = {
    input,
    weights: constantCube(bus, [kernels, channels, kernel, kernel], wave(kernels * channels * kernel * kernel)),
    kernel: square(kernel),
    stride: square(1),
    dilation: square(1),
    padding: around((kernel - 1) / 2),
    padValue: 0,
    groups: 1,
    transposed: false,
    output: { channels: kernels, height, width },
    sparse: false,
    truncate: 0,
  };
  const scale = vectorCube(bus, Float32Array.of(0.001));
  return { kind: 'conv', conv, sdp: { arithmetic: 'float-scale', scale, low: -128, high: 127, output } };
}

test('refuses kernels that were built from other sources', async () => {
  const build = await import('./generated/single.ts');
  expect(kernelBytes(build).subarray(0, 4)).toEqual(Uint8Array.of(0, 0x61, 0x73, 0x6d));
  const stale = { ...build, version: '0123456789abcdef' };
  expect(() => kernelBytes(stale)).toThrow(/npm run build:kernels.*device\/kernels/);
  // Builds from before there were versions.
  expect(() => kernelBytes({ wasm: build.wasm } as typeof build)).toThrow(/device\/kernels/);
});

describe('one thread', () => {
  let bus: Bus;
  let engines: ImmediateEngines;
  beforeAll(async () => {
    bus = new Bus();
    engines = await createWasmEngines(bus, { threads: 1 });
  });
  afterAll(() => engines.close());

  /** The bytes that a pipeline leaves in a cube, from memory that both engines find alike. */
  function bothEngines(pipeline: Pipeline<Cube>, region: Cube): readonly [wasm: Uint8Array, reference: Uint8Array] {
    const before = cubeBytes(bus, region);
    launch(pipeline, bus, { engines });
    const wasm = cubeBytes(bus, region);
    bus.write(region.address, before);
    launch(pipeline, bus, { engines: referenceEngines() });
    return [wasm, cubeBytes(bus, region)];
  }

  test('an output may lie over the input, wholly or shifted', () => {
    for (const shift of [0n, 32n, 320n]) {
      const whole = fillFeature(bus, featureCube(bus, [1, 32, 12, 9]), wave(32 * 12 * 9));
      const input: Cube = { ...whole, shape: [1, 32, 9, 9] };
      const output: Cube = { ...input, address: input.address + shift };
      const [wasm, reference] = bothEngines(convOf(bus, input, output), whole);
      expect(wasm).toEqual(reference);
      const { scale } = convOf(bus, input, output).sdp as { scale: Cube };
      const sdp = { arithmetic: 'float-scale', input, scale, low: 0, high: 127, output } as const;
      const [wasmPoint, referencePoint] = bothEngines({ kind: 'sdp', sdp }, whole);
      expect(wasmPoint).toEqual(referencePoint);
      const copy = { input, inputChannel: 3, outputChannel: 5, channels: 20, output };
      const [wasmCopy, referenceCopy] = bothEngines({ kind: 'copy', copy }, whole);
      expect(wasmCopy).toEqual(referenceCopy);
    }
  });

  test('surfaces side by side in one concatenation keep to their channels', () => {
    const whole = featureCube(bus, [2, 96, 5, 5]);
    const part = (channel: number, channels: number): Cube => ({
      ...whole,
      address: whole.address + BigInt((channel / 32) * whole.surfaceStride),
      shape: [2, channels, 5, 5],
      size: whole.size - (channel / 32) * whole.surfaceStride,
    });
    fillFeature(bus, whole, wave(2 * 96 * 25));
    const [wasm, reference] = bothEngines(convOf(bus, part(0, 32), part(32, 40)), whole);
    expect(wasm).toEqual(reference);
  });

  test('new weights at the same address are seen', () => {
    const input = fillFeature(bus, featureCube(bus, [1, 32, 4, 4]), wave(32 * 16));
    const output = featureCube(bus, [1, 8, 4, 4]);
    const pipeline = convOf(bus, input, output, 1);
    launch(pipeline, bus, { engines });
    const first = featureValues(bus, output);
    bus.write(pipeline.conv.weights.address, new Uint8Array(8 * 32));
    launch(pipeline, bus, { engines });
    expect(first.some((value) => value !== 0)).toBe(true);
    expect(featureValues(bus, output).every((value) => value === 0)).toBe(true);
  });

  test('accumulators wrap at 2³² alike', () => {
    const input = fillFeature(bus, featureCube(bus, [1, 64, 3, 3]), new Int8Array(64 * 9).fill(-128));
    const output = featureCube(bus, [1, 9, 3, 3]);
    const pipeline = convOf(bus, input, output);
    bus.write(pipeline.conv.weights.address, new Uint8Array(9 * 64 * 9).fill(0x80));
    const bias = vectorCube(bus, new Int32Array(9).fill(2 ** 31 - 1 - 9 * 64 * 16384 + 5));
    const [wasm, reference] = bothEngines({ ...pipeline, conv: { ...pipeline.conv, bias } }, output);
    expect(wasm).toEqual(reference);
  });

  test('launches take no more memory once they have run', () => {
    const input = fillFeature(bus, featureCube(bus, [1, 48, 20, 20]), wave(48 * 400));
    const pipeline = convOf(bus, input, featureCube(bus, [1, 24, 20, 20], 'dla_linear'));
    launch(pipeline, bus, { engines });
    const size = bus.memory.buffer.byteLength;
    for (let i = 0; i < 50; i++) {
      bus.write(pipeline.conv.weights.address, new Uint8Array(24 * 48 * 9).fill(i));
      launch(pipeline, bus, { engines });
    }
    expect(bus.memory.buffer.byteLength).toBe(size);
  });

  const faults: readonly (readonly [
    string,
    (pipeline: Extract<Pipeline<Cube>, { kind: 'conv' }>) => Pipeline<Cube>,
  ])[] = [
    ['input off the bus', (p) => ({ ...p, conv: { ...p.conv, input: { ...p.conv.input, address: 1n } } })],
    [
      'output of another shape',
      (p) => ({ ...p, sdp: { ...p.sdp, output: { ...p.sdp.output!, shape: [1, 8, 4, 5] } } }),
    ],
    [
      'output larger than the input gives',
      (p) => ({ ...p, conv: { ...p.conv, output: { ...p.conv.output, width: 6 } } }),
    ],
    ['missing weights', (p) => ({ ...p, conv: { ...p.conv, weights: { ...p.conv.weights, shape: [8, 31, 3, 3] } } })],
    ['weights off the bus', (p) => ({ ...p, conv: { ...p.conv, weights: { ...p.conv.weights, address: 2n ** 63n } } })],
    ['groups that do not divide', (p) => ({ ...p, conv: { ...p.conv, groups: 3 } })],
    ['a kernel of no size', (p) => ({ ...p, conv: { ...p.conv, kernel: { h: 0, w: 3 } } })],
    ['a wide clamp', (p) => ({ ...p, sdp: { ...p.sdp, high: 128 } as typeof p.sdp })],
    ['lines that overlap', (p) => ({ ...p, sdp: { ...p.sdp, output: { ...p.sdp.output!, lineStride: 64 } } })],
    ['two inputs', (p) => ({ ...p, sdp: { ...p.sdp, input: p.conv.input } })],
    ['no output', ({ sdp: { output: _, ...sdp }, ...p }) => ({ ...p, sdp })],
  ];
  test.each(faults)('%s: both engines refuse alike and write nothing', (_, change) => {
    const input = fillFeature(bus, featureCube(bus, [1, 32, 4, 4]), wave(32 * 16));
    const output = featureCube(bus, [1, 8, 4, 4]);
    const before = cubeBytes(bus, output);
    const pipeline = change(convOf(bus, input, output));
    const messages = [engines, referenceEngines()].map((subject) => {
      expect(() => launch(pipeline, bus, { engines: subject })).toThrow(/device\/(fault|unsupported)/);
      return cubeBytes(bus, output);
    });
    for (const after of messages) expect(after).toEqual(before);
  });

  test('engines serve the bus they were made for', () => {
    const other = new Bus();
    const pipeline = convOf(other, featureCube(other, [1, 32, 4, 4]), featureCube(other, [1, 8, 4, 4]));
    expect(() => launch(pipeline, other, { engines })).toThrow(TypeError);
  });
});

describe('threads', () => {
  test('several need shared memory and a way to start', async () => {
    await expect(createWasmEngines(new Bus(), { threads: 2, spawn: nodeThreads })).rejects.toThrow(TypeError);
    await expect(createWasmEngines(new Bus({ shared: true }), { threads: 2 })).rejects.toThrow(TypeError);
  });

  test('close ends every thread', async () => {
    const exits: Promise<number>[] = [];
    const { Worker } = await import('node:worker_threads');
    const spawn = {
      spawn(source: string, data: unknown) {
        const worker = new Worker(`(${source})(require('node:worker_threads').workerData);`, {
          eval: true,
          workerData: data,
        });
        exits.push(new Promise((resolve) => worker.on('exit', resolve)));
        // Never terminated from outside: the helpers must leave by themselves.
        return { terminate: () => {} };
      },
    };
    const engines = await createWasmEngines(new Bus({ shared: true }), { threads: 3, spawn });
    engines.close();
    expect(await Promise.all(exits)).toEqual([0, 0]);
  });

  test('a thread that cannot start is an error', async () => {
    const spawn = {
      spawn(_source: string, _data: unknown, onError: (error: unknown) => void) {
        setTimeout(() => onError(new Error('no more threads')), 1);
        return { terminate: () => {} };
      },
    };
    await expect(createWasmEngines(new Bus({ shared: true }), { threads: 2, spawn })).rejects.toThrow('did not start');
  });

  test('thousands of launches in a row agree with themselves', async () => {
    const bus = new Bus({ shared: true });
    const engines = await createWasmEngines(bus, { threads: 3, spawn: nodeThreads, shareFrom: 0 });
    const input = fillFeature(bus, featureCube(bus, [1, 32, 16, 16]), wave(32 * 256));
    const output = featureCube(bus, [1, 32, 16, 16]);
    const pipeline = convOf(bus, input, output, 1);
    const { counters } = launch(pipeline, bus, { engines });
    const expected = cubeBytes(bus, output);
    for (let i = 0; i < 2000; i++) {
      bus.write(output.address, new Uint8Array(output.size));
      expect(launch(pipeline, bus, { engines }).counters).toEqual(counters);
      expect(Buffer.compare(cubeBytes(bus, output), expected)).toBe(0);
    }
    engines.close();
  });
});
