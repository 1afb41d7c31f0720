/**
 * Batches on the open NVDLA, which computes one image a submission: a network whose batch changes on the way, and a stock loadable
 * of a network with a batch, run as NVDLA's runtime would.
 */

import { describe, expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { elementCount, float32Tensor, float32Values, int64Tensor, type Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { calibrate, compile, encodeNvdla, estimate, loadNvdla, prepare } from '../../src/index.ts';
import { GraphBuilder, int } from '../../src/models/graph-builder.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { openDevice } from '../../src/runtime/device.ts';
import { loadNetwork } from '../../src/runtime/network.ts';
import { signalToNoise } from './run.ts';

const build = (make: (b: GraphBuilder) => void): Graph => {
  const b = new GraphBuilder('net', { seed: 5 });
  make(b);
  return b.build();
};

const dims = (b: GraphBuilder, values: readonly number[]) =>
  b.constant(`dims:${values.join('x')}`, int64Tensor([values.length], values));

const weights = (b: GraphBuilder, shape: readonly number[]) =>
  b.constant(
    `weights:${shape.join('x')}`,
    float32Tensor(
      shape,
      Array.from({ length: elementCount(shape) }, () => b.random.between(-1, 1)),
    ),
  );

const networks: Readonly<Record<string, Graph>> = {
  'Concat along the batch': build((b) => {
    const [x, y] = [b.input('x', [2, 8, 4, 4]), b.input('y', [1, 8, 4, 4])];
    const [joined] = b.node('Concat', [b.relu(x), b.relu(y)], [[3, 8, 4, 4]], { axis: int(0) });
    b.output(b.conv(joined!, { channels: 5, kernel: 3 }));
  }),
  'Gemm with transA': build((b) => {
    const x = b.relu(b.input('x', [8, 2]));
    const [product] = b.node('Gemm', [x, weights(b, [8, 4])], [[2, 4]], { transA: int(1) });
    b.output(b.relu(product!));
  }),
  'Reshape that mixes the batch': build((b) => {
    const x = b.relu(b.input('x', [4, 8, 1, 1]));
    const [mixed] = b.node('Reshape', [x, dims(b, [2, 16, 1, 1])], [[2, 16, 1, 1]]);
    b.output(b.conv(mixed!, { channels: 4, kernel: 1 }));
  }),
  'Reshape that makes more images': build((b) => {
    const x = b.relu(b.input('x', [2, 16, 3, 3]));
    const [cut] = b.node('Reshape', [x, dims(b, [4, 8, 3, 3])], [[4, 8, 3, 3]]);
    b.output(b.conv(cut!, { channels: 4, kernel: 3 }));
  }),
  'two networks of one image and of two': build((b) => {
    const [x, y] = [b.input('x', [1, 8, 4, 4]), b.input('y', [2, 8, 4, 4])];
    b.output(b.relu(x), b.relu(y));
  }),
  'two networks of six images and of three': build((b) => {
    const [x, y] = [b.input('x', [6, 8, 4, 4]), b.input('y', [3, 8, 4, 4])];
    b.output(b.relu(x), b.relu(y));
  }),
};

/** Inputs in [-1, 1], what onnxruntime makes of them, and scales. */
async function sample(graph: Graph) {
  const runtime = await nodeOnnxRuntime();
  const random = new Random(9);
  const feeds = Array.from({ length: 4 }, () =>
    Object.fromEntries(
      graph.inputs.map((name): [string, Tensor] => {
        const shape = graph.values.get(name)!.shape as readonly number[];
        return [
          name,
          float32Tensor(
            shape,
            Array.from({ length: elementCount(shape) }, () => random.between(-1, 1)),
          ),
        ];
      }),
    ),
  );
  const network = prepare(graph);
  const { scales } = await calibrate(network, feeds, { runtime, method: 'min-max' });
  const session = await runtime.createSession(writeModel(graph));
  const expected = await session.run(feeds[0]!);
  await session.close();
  return { runtime, network, scales, inputs: feeds[0]!, expected };
}

describe('a batch that changes on the way', () => {
  it.each(
    Object.keys(networks).flatMap((name) => ['nv_small', 'nv_full', 'orin'].map((target) => [name, target] as const)),
  )('%s, on %s', async (name, target) => {
    const { runtime, network, scales, inputs, expected } = await sample(networks[name]!);
    const compilation = compile(network, { target, scales });
    const { plan } = compilation.network;
    expect(plan.segments.some(({ kind }) => kind === 'dla')).toBe(true);
    const device = await openDevice({ target });
    const session = await loadNetwork(device, compilation.network, runtime);
    const { outputs } = await session.run(inputs);
    await session.close();
    device.close();
    for (const output of plan.outputs) {
      expect(outputs[output]!.shape).toEqual(expected[output]!.shape);
      expect(signalToNoise(outputs[output]!, expected[output]!), output).toBeGreaterThan(1000);
    }
    expect(estimate(plan).latency).toBeGreaterThan(0);
  });
});

describe('a stock loadable of a network with a batch', () => {
  const batched = build((b) => {
    const x = b.relu(b.conv(b.input('x', [2, 3, 9, 9]), { channels: 8, kernel: 3 }));
    b.output(b.gemm(b.flatten(b.maxPool(x, { kernel: 2, stride: 2, padding: 0 })), 7));
  });

  it.each(['nv_small', 'nv_full'])('gives every image of it, one a submission, on %s', async (target) => {
    const { runtime, network, scales, inputs } = await sample(batched);
    const compilation = compile(network, { target, scales });
    const device = await openDevice({ target });
    const session = await loadNetwork(device, compilation.network, runtime);
    const whole = await session.run(inputs);
    const stock = await loadNvdla(device, encodeNvdla(compilation));
    expect(stock.tag).toMatchObject({ submissions: 2, inputs: [{ shape: [1, 3, 9, 9] }] });
    const all = await stock.run(inputs);
    expect(all.counters).toEqual(whole.counters);
    const [name] = Object.keys(whole.outputs);
    expect(all.outputs[name!]!.shape).toEqual([2, 7]);
    expect(float32Values(all.outputs[name!]!)).toEqual(float32Values(whole.outputs[name!]!));
    // The second image by itself.
    const x = float32Tensor([1, 3, 9, 9], float32Values(inputs.x!).slice(3 * 81));
    const { outputs } = await stock.run({ x });
    expect(float32Values(outputs[name!]!)).toEqual(float32Values(whole.outputs[name!]!).slice(7));
    stock.unload();
    await session.close();
    device.close();
  });
});
