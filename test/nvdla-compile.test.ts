/**
 * Small networks from ONNX to the registers of the open NVDLA: compiled, lowered, run by the firmware on the kernels and on
 * the scalar reference, and held against onnxruntime in floating point.
 */

import { describe, expect, it } from 'vitest';
import type { Graph } from '../src/graph/graph.ts';
import { elementCount, float32Tensor, float32Values } from '../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../src/host/node/onnxruntime.ts';
import { calibrate, compile, prepare } from '../src/index.ts';
import { GraphBuilder } from '../src/models/graph-builder.ts';
import { Random } from '../src/models/random.ts';
import { writeModel } from '../src/onnx/write.ts';
import { openDevice } from '../src/runtime/device.ts';
import { loadNetwork } from '../src/runtime/network.ts';
import { targets } from '../src/targets/find.ts';

const open = targets.filter(({ generation }) => generation === 'nvdla').map(({ name }) => name);

const build = (make: (b: GraphBuilder) => void): Graph => {
  const b = new GraphBuilder('net', { seed: 5 });
  make(b);
  return b.build();
};

const networks: Readonly<Record<string, Graph>> = {
  'channels joined and cut apart inside atoms': build((b) => {
    const x = b.input('x', [3, 6, 7, 5]);
    const a = b.relu(b.conv(x, { channels: 5, kernel: 3, padding: 1 }));
    const c = b.relu(b.conv(x, { channels: 7, kernel: 1 }));
    const joined = b.concat([a, c, b.maxPool(x, { kernel: 3, stride: 1, padding: 1 })]);
    const [first, second] = b.split(joined, [11, 7]);
    b.output(b.conv(b.concat([second!, first!]), { channels: 9, kernel: 1 }));
  }),
  'a residual block with a depthwise convolution': build((b) => {
    const x = b.relu(b.conv(b.input('x', [3, 3, 12, 12]), { channels: 40, kernel: 3, padding: 1 }));
    const y = b.clip(b.conv(x, { channels: 40, kernel: 3, padding: 1, groups: 40 }), 0, 6);
    const z = b.relu(b.add(b.conv(y, { channels: 40, kernel: 1 }), x));
    b.output(b.gemm(b.flatten(b.globalAveragePool(z)), 10));
  }),
  'a map that takes more than one pooling window': build((b) => {
    const x = b.relu(b.conv(b.input('x', [3, 4, 12, 10]), { channels: 16, kernel: 1 }));
    b.output(b.gemm(b.flatten(b.globalAveragePool(x)), 6));
  }),
  'products and differences of tensors': build((b) => {
    const x = b.input('x', [3, 8, 6, 6]);
    const [a, c] = [b.conv(x, { channels: 12, kernel: 1 }), b.conv(x, { channels: 12, kernel: 3, padding: 1 })];
    b.output(
      b.binary('Mul', a, c),
      b.binary(
        'Sub',
        b.maxPool(a, { kernel: 2, stride: 1, padding: 0 }),
        b.maxPool(c, { kernel: 2, stride: 1, padding: 0 }),
      ),
    );
  }),
};

const batch = 3;

async function scores(graph: Graph, target: string, precision: 'int8' | 'fp16', engines: 'wasm' | 'reference') {
  const runtime = await nodeOnnxRuntime();
  const random = new Random(9);
  const shape = graph.values.get('x')!.shape as readonly number[];
  const samples = Array.from({ length: 4 }, () =>
    float32Tensor(
      shape,
      Array.from({ length: elementCount(shape) }, () => 2 * random.next() - 1),
    ),
  );
  const network = prepare(graph);
  const { scales } = await calibrate(
    network,
    (async function* () {
      for (const x of samples) yield { x };
    })(),
    { runtime, method: 'min-max' },
  );
  const compiled = compile(network, { target, precision, ...(precision === 'int8' && { scales }) });
  const device = await openDevice({ target, engines });
  const session = await loadNetwork(device, compiled.network, runtime);
  const progress: number[] = [];
  const { outputs, dumps } = await session.run(
    { x: samples[0]! },
    { dump: 'all', onProgress: ({ done, total }) => progress.push(done / total) },
  );
  await session.close();
  device.close();
  const real = await runtime.createSession(writeModel(graph));
  const expected = await real.run({ x: samples[0]! });
  await real.close();
  return { outputs, dumps, expected, progress, plan: compiled.network.plan };
}

describe.each(Object.entries(networks))('%s', (_, graph) => {
  it.each(open)('runs on %s as floating point does, within a few steps', async (target) => {
    const kernels = await scores(graph, target, 'int8', 'wasm');
    const reference = await scores(graph, target, 'int8', 'reference');
    expect(kernels.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    expect(kernels.outputs).toEqual(reference.outputs);
    expect(kernels.dumps).toEqual(reference.dumps);
    expect(kernels.progress.at(-1)).toBe(1);
    expect(kernels.progress.every((part) => part <= 1)).toBe(true);
    for (const name of graph.outputs) {
      const found = float32Values(kernels.outputs[name]!);
      const wanted = float32Values(kernels.expected[name]!);
      expect(kernels.outputs[name]!.shape[0]).toBe(batch);
      const signal = wanted.reduce((sum, value) => sum + value * value, 0);
      const noise = wanted.reduce((sum, value, index) => sum + (value - found[index]!) ** 2, 0);
      // 26 dB: what 8 bits leave after a handful of layers; a channel in the wrong place leaves none.
      expect(signal / noise, name).toBeGreaterThan(400);
    }
  });

  it('runs on nv_full in FP16', async () => {
    const { outputs, expected } = await scores(graph, 'nv_full', 'fp16', 'wasm');
    for (const name of graph.outputs) {
      const found = float32Values(outputs[name]!);
      const wanted = float32Values(expected[name]!);
      const largest = wanted.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
      for (const [index, value] of wanted.entries())
        expect(Math.abs(value - found[index]!)).toBeLessThan(0.005 * largest);
    }
  });
});
