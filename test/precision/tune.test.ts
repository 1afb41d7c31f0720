/** Tuning on networks with a planted fault, on the device: that it finds the fault, mends it, and says the truth about both. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { float32Tensor, float32Values } from '../../src/graph/tensor.ts';
import {
  board,
  compile,
  type Device,
  openDevice,
  type PreparedNetwork,
  prepare,
  readCalibrationCache,
  readNetwork,
  tune,
  tunedFiles,
} from '../../src/index.ts';
import { printPlan } from '../../src/program/print.ts';
import { ortRuntime as runtime } from '../../src/quantize/testing/ort-runtime.ts';
import { outlierNetwork } from '../../src/quantize/testing/outlier-network.ts';
import { decibels, relativeNoise, resultsOf } from '../../src/quantize/tune/rounding-loss.ts';
import { Network } from '../../src/rewrite/testing/network.ts';
import { loadNetwork } from '../../src/runtime/network.ts';

const planted = (activation: 'Relu' | 'HardSwish'): PreparedNetwork => prepare(outlierNetwork(activation));

const images = (count: number, seed: number) => {
  const random = new Random(seed);
  return Array.from({ length: count }, () => ({
    x: float32Tensor(
      [1, 3, 16, 16],
      Float32Array.from({ length: 768 }, () => random.between(-1, 1)),
    ),
  }));
};

describe('tune', () => {
  let device: Device;
  beforeAll(async () => {
    device = await openDevice({ target: 'orin', engines: 'wasm' });
  });
  afterAll(() => device.close());

  it('balances the channels of a tensor with an outlier, which costs no time', async () => {
    const network = planted('Relu');
    const { points, chosen, losses } = await tune(network, () => images(8, 1), { device, runtime });
    expect(losses[0]).toMatchObject({ value: 'active', reason: { cause: 'outlier-channel' } });
    expect(losses[0]!.share).toBeGreaterThan(0.8);
    expect(points[0]!.snr).toBeLessThan(25);
    const balanced = points.find(({ remedy }) => remedy.includes('balanced'))!;
    expect(balanced.time).toBe(points[0]!.time);
    expect(balanced.snr).toBeGreaterThan(points[0]!.snr + 10);
    expect(chosen.snr).toBeGreaterThanOrEqual(balanced.snr);

    // What it says of the chosen point holds on other images too, of the network as compile makes it of the point.
    const judged = images(4, 2);
    const expected = await resultsOf(network.graph, { runtime, samples: judged });
    const session = await loadNetwork(device, compile(chosen.network, chosen).network, runtime);
    const found = [];
    for (const feeds of judged) found.push({ y: float32Values((await session.run(feeds)).outputs.y!).slice() });
    await session.close();
    expect(decibels(relativeNoise(expected, found))).toBeGreaterThan(chosen.snr - 3);
    // In floating point the network is what it was.
    const tuned = await resultsOf(chosen.network.graph, { runtime, samples: judged });
    expect(decibels(relativeNoise(expected, tuned))).toBeGreaterThan(100);
  });

  it('puts a table that no factor passes into FP16, within the time that it may add', async () => {
    const network = planted('HardSwish');
    const generous = await tune(network, () => images(8, 1), { device, runtime, addedTime: 1 });
    const { points, chosen } = generous;
    expect(chosen.layerPrecisions?.size).toBeGreaterThan(0);
    expect(chosen.snr).toBeGreaterThan(points[0]!.snr + 10);
    for (const [at, { snr, time }] of points.entries()) {
      if (at > 0) expect(snr).toBeGreaterThan(points[at - 1]!.snr);
      expect(time).toBeLessThanOrEqual(2 * points[0]!.time);
    }
    const frugal = await tune(network, () => images(8, 1), { device, runtime, addedTime: 0 });
    expect(frugal.chosen.time).toBeLessThanOrEqual(points[0]!.time);
    expect(frugal.points).toEqual(points);
  });

  it('writes files of which compile makes the network that was judged, for the board too', async () => {
    const { chosen } = await tune(planted('HardSwish'), () => images(8, 1), { device, runtime, addedTime: 1 });
    const judged = compile(chosen.network, chosen);
    const files = tunedFiles('net', chosen);
    expect([...files.keys()]).toEqual(['net.onnx', 'net.cache', 'net_layer_precisions.txt']);
    const read = prepare(readNetwork(files.get('net.onnx') as Uint8Array));
    const { scales } = readCalibrationCache(files.get('net.cache')!);
    const precisions = files.get('net_layer_precisions.txt') as string;
    const half = precisions.split(',').map((entry) => [entry.replace(/:fp16$/, ''), 'fp16'] as const);
    const compiled = compile(read, { scales, layerPrecisions: new Map(half) });
    expect(printPlan(compiled.network.plan)).toBe(printPlan(judged.network.plan));
    const [build] = board(compiled).commands;
    const flag = build!.flags.find(({ name }) => name === '--layerPrecisions');
    for (const [node] of half) expect(flag!.value).toContain(`${node}:fp16`);
  });

  it('leaves a network alone that loses nothing, and one that states its ranges', async () => {
    const n = new Network({ seed: 4 });
    const x = n.input('x', [1, 3, 16, 16]);
    const plain = prepare(n.graph(n.op('Conv', [x, n.weights([4, 3, 3, 3])], {}, 'y')));
    const { chosen, points } = await tune(plain, () => images(4, 1), { device, runtime, addedTime: 0 });
    expect(points[0]!.snr).toBeGreaterThan(30);
    expect(chosen.network.graph.constants).toEqual(plain.graph.constants);
    const stated = { ...plain, graph: { ...plain.graph, scales: new Map([['x', 1 / 127]]) } };
    await expect(tune(stated, () => images(4, 1), { device, runtime })).rejects.toMatchObject({
      problem: { code: 'compile/unsupported' },
    });
  });
});
