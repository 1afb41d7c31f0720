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

it('a linear Resize is cut off once, at its output', async () => {
  const bytes = await fixture('resize_linear_clips.onnx');
  const graph = readNetwork(bytes);
  const [x, y] = [graph.inputs[0]!, graph.outputs[0]!];
  const shape = graph.values.get(x)!.shape as readonly number[];
  const runtime = await nodeOnnxRuntime();
  // The output's range is half of the input's: what an interpolation mixes is partly outside it.
  const scales = new Map([
    [x, 1 / 32],
    [y, 1 / 64],
  ]);
  const values = new Random(3).symmetric(elementCount(shape), 127).map((value) => Math.round(value) / 32);
  const input = { [x]: float32Tensor(shape, values) };
  const session = await runtime.createSession(bytes);
  const real = float32Values((await session.run(input))[y]!);
  await session.close();
  const { network } = compile(prepare(graph), { target: 'orin', scales });
  const [segment] = network.plan.segments;
  expect(segment?.kind === 'dla' && segment.program.layers.map(({ kind }) => kind)).toEqual(['resize']);
  for (const engines of ['reference', 'wasm'] as const) {
    const device = await openDevice({ target: 'orin', engines });
    const { outputs } = await (await loadNetwork(device, network)).run(input);
    device.close();
    const found = float32Values(outputs[y]!);
    const errors = real.map((value, index) => Math.abs(found[index]! - Math.min(Math.max(value, -2), 127 / 64)));
    expect(Math.max(...errors)).toBeLessThan(0.501 / 64);
  }
});

for (const target of ['orin', 'xavier', 'nv_full']) {
  for (const name of ['add_const_then_mul', 'gelu_tanh', 'batchnorm_times_gate', 'residual-attention-1-plus-sigmoid']) {
    it(`${name}: the shift of a product, on ${target}`, async () => {
      expect(await quality(`${name}.onnx`, target)).toBeGreaterThan(33);
    });
  }
}
