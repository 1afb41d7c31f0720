/** A network compiled for a configuration of the open NVDLA, run by firmware and device, and beside it by onnxruntime. */

import { Random } from '../../src/base/random.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { elementCount, float32Tensor, float32Values, type Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { type Compilation, calibrate, compile, type PreparedNetwork, prepare } from '../../src/index.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { openDevice } from '../../src/runtime/device.ts';
import { loadNetwork, type RunResult } from '../../src/runtime/network.ts';

/** A network with input `x`, calibrated on a few samples, and what floating point makes of the first of them. */
export interface Prepared {
  readonly graph: Graph;
  readonly network: PreparedNetwork;
  readonly scales: ReadonlyMap<string, number>;
  readonly x: Tensor;
  readonly expected: Readonly<Record<string, Tensor>>;
}

/** @param range of the numbers that come in */
export async function prepared(graph: Graph, range: readonly [low: number, high: number] = [-1, 1]): Promise<Prepared> {
  const runtime = await nodeOnnxRuntime();
  const random = new Random(9);
  const shape = graph.values.get('x')!.shape as readonly number[];
  const samples = Array.from({ length: 4 }, () =>
    float32Tensor(
      shape,
      Array.from({ length: elementCount(shape) }, () => random.between(...range)),
    ),
  );
  const network = prepare(graph);
  const feeds = samples.map((x) => ({ x }));
  const { scales } = await calibrate(network, feeds, { runtime, method: 'min-max' });
  const real = await runtime.createSession(writeModel(graph));
  const [x] = samples;
  const expected = await real.run({ x: x! });
  await real.close();
  return { graph, network, scales, x: x!, expected };
}

export interface Outcome extends RunResult {
  readonly compilation: Compilation;
  /** Parts of the run that were done, at each report. */
  readonly progress: readonly number[];
}

export interface RunChanges {
  readonly engines?: 'wasm' | 'reference';
  readonly dump?: 'all';
  readonly inputFormat?: 'dla_hwc4' | 'chw32';
}

export async function runOn(
  { network, scales, x }: Prepared,
  target: string,
  precision: 'int8' | 'fp16',
  { engines = 'wasm', dump, inputFormat }: RunChanges = {},
): Promise<Outcome> {
  const runtime = await nodeOnnxRuntime();
  const compilation = compile(network, {
    target,
    precision,
    ...(precision === 'int8' && { scales }),
    ...(inputFormat && { inputFormat }),
  });
  const device = await openDevice({ target, engines });
  const session = await loadNetwork(device, compilation.network, runtime);
  const progress: number[] = [];
  const onProgress = ({ done, total }: { readonly done: number; readonly total: number }): void => {
    progress.push(done / total);
  };
  const result = await session.run({ x }, { onProgress, ...(dump && { dump }) });
  await session.close();
  device.close();
  return { ...result, compilation, progress };
}

/** How much larger the squares of what is wanted are than those of what is wrong. */
export function signalToNoise(found: Tensor, wanted: Tensor): number {
  const [values, exact] = [float32Values(found), float32Values(wanted)];
  const signal = exact.reduce((sum, value) => sum + value * value, 0);
  const noise = exact.reduce((sum, value, index) => sum + (value - values[index]!) ** 2, 0);
  return signal / noise;
}

/** The largest error, in parts of the largest number. */
export function worstPart(found: Tensor, wanted: Tensor): number {
  const [values, exact] = [float32Values(found), float32Values(wanted)];
  const largest = exact.reduce((most, value) => Math.max(most, Math.abs(value)), 0);
  return exact.reduce((most, value, index) => Math.max(most, Math.abs(value - values[index]!)), 0) / largest;
}
