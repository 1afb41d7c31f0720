/** Small networks whose INT8 results were once wrong, held to onnxruntime's FP32 by signal-to-noise ratio. */

import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { elementCount, float32Tensor, float32Values, type Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import {
  calibrate,
  compile,
  loadNetwork,
  openDevice,
  prepare,
  readCalibrationCache,
  readNetwork,
} from '../../src/index.ts';

const fixture = async (file: string): Promise<Uint8Array> =>
  readFile(new URL(`../fixtures/results/${file}`, import.meta.url));

/** Signal-to-noise ratio in dB of a network's INT8 results on random samples, on which it was calibrated too. */
async function quality(file: string, target: string): Promise<number> {
  const bytes = await fixture(file);
  const graph = readNetwork(bytes);
  const runtime = await nodeOnnxRuntime();
  const random = new Random(5);
  const samples = Array.from({ length: 8 }, () =>
    Object.fromEntries(
      graph.inputs.map((input): [string, Tensor] => {
        const shape = graph.values.get(input)!.shape as readonly number[];
        return [input, float32Tensor(shape, random.symmetric(elementCount(shape), 3))];
      }),
    ),
  );
  const prepared = prepare(graph);
  const { scales } = await calibrate(prepared, samples, { runtime, method: 'min-max' });
  const { network } = compile(prepared, { target, scales });
  expect(network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
  const device = await openDevice({ target, engines: 'reference' });
  const emulated = await loadNetwork(device, network, runtime);
  const session = await runtime.createSession(bytes);
  let [signal, noise] = [0, 0];
  for (const sample of samples) {
    const real = await session.run(sample);
    const { outputs } = await emulated.run(sample);
    for (const name of graph.outputs) {
      const [expected, found] = [float32Values(real[name]!), float32Values(outputs[name]!)];
      for (const [index, value] of expected.entries()) {
        signal += value ** 2;
        noise += (value - found[index]!) ** 2;
      }
    }
  }
  await session.close();
  device.close();
  return 10 * Math.log10(signal / noise);
}

it('ties go away from zero on orin and xavier', async () => {
  const prepared = prepare(readNetwork(await fixture('ties.onnx')));
  const cache = new TextDecoder().decode(await fixture('ties.cache'));
  const { scales } = readCalibrationCache(cache);
  const values = new Float32Array((await fixture('ties.bin')).slice().buffer);
  for (const target of ['orin', 'xavier']) {
    const { network } = compile(prepared, { target, scales });
    for (const engines of ['reference', 'wasm'] as const) {
      const device = await openDevice({ target, engines });
      const session = await loadNetwork(device, network);
      const shape = network.plan.tensors[0]!.shape;
      const { outputs } = await session.run({ x: float32Tensor(shape, values) });
      expect([...float32Values(outputs.y!)]).toEqual([1, 2, 3, 4, -1, -2, -3, -4]);
      device.close();
    }
  }
});

for (const target of ['orin', 'xavier', 'nv_full']) {
  for (const name of ['add_const_then_mul', 'gelu_tanh', 'batchnorm_times_gate', 'residual-attention-1-plus-sigmoid']) {
    it(`${name}: the shift of a product, on ${target}`, async () => {
      expect(await quality(`${name}.onnx`, target)).toBeGreaterThan(33);
    });
  }
}
