/**
 * The oracle of exactness: runs a compiled network on the device and the same arithmetic in ONNX operators on an
 * onnxruntime without optimisation, and compares every int8 tensor, bit for bit.
 */

import { float32Tensor, float32Values, type Tensor } from '../../src/graph/tensor.ts';
import type { OnnxRuntime } from '../../src/onnx/session.ts';
import { writeModel } from '../../src/onnx/write.ts';
import type { CompiledNetwork } from '../../src/program/program.ts';
import { int8Tensor, int8Values } from '../../src/runtime/border.ts';
import type { Device } from '../../src/runtime/device.ts';
import { compareRuns, type Dump, type RunDifference } from '../../src/runtime/dump.ts';
import { runNetwork } from '../../src/runtime/network.ts';
import { dequantize } from '../../src/runtime/pack.ts';
import { goldenGraph } from './golden-graph.ts';

export interface GoldenResult {
  /** int8 tensors that were compared, and the elements in them. */
  readonly tensors: number;
  readonly elements: number;
  /** The first tensor that differs: `a` is the device's value, `b` onnxruntime's. */
  readonly difference?: RunDifference;
}

interface GoldenOptions {
  readonly device: Device;
  readonly runtime: OnnxRuntime;
  /** What the device runs, when that is not the network itself: for testing the comparison. */
  readonly run?: CompiledNetwork;
}

/** Compares every surface of every DLA segment. Inputs have the batch for which the network was compiled. */
export async function compareWithGolden(
  network: CompiledNetwork,
  inputs: Readonly<Record<string, Tensor>>,
  { device, runtime, run: ran = network }: GoldenOptions,
): Promise<GoldenResult> {
  const { plan, blobs } = network;
  const run = await runNetwork(ran, inputs, { device, runtime, dump: 'all' });
  const dumps = new Map(run.dumps.map((dump) => [dump.name, dump] as const));
  let tensors = 0;
  let elements = 0;
  for (const segment of plan.segments) {
    if (segment.kind !== 'dla') continue;
    const { program } = segment;
    const golden = goldenGraph(program, blobs);
    const session = await runtime.createSession(writeModel(golden.graph), { optimise: false });
    const feeds = Object.fromEntries(
      [...golden.inputs].map(([name, input]) => [
        input,
        feedOf(name, inputs[name], dumps.get(name), program.surfaces.find((s) => s.name === name)!.shape),
      ]),
    );
    const results = await session.run(feeds);
    await session.close();
    const expected = [...golden.outputs].map(([name, output]): Dump => {
      const dump = dumps.get(name);
      if (!dump) throw new Error(`the device did not dump ${name}`);
      return { ...dump, tensor: { ...results[output]!, shape: dump.tensor.shape } };
    });
    const names = new Set(expected.map(({ name }) => name));
    const found = run.dumps.filter(({ name }) => names.has(name)).map(onlyDla);
    tensors += expected.length;
    elements += expected.reduce((sum, { tensor }) => sum + tensor.bytes.length, 0);
    const difference = compareRuns({ dumps: found }, { dumps: expected });
    if (difference) return { tensors, elements, difference };
  }
  return { tensors, elements };
}

function onlyDla(dump: Dump): Dump {
  if (dump.tensor.dtype !== 'int8') throw new Error(`${dump.name} is no int8 tensor`);
  return dump;
}

/** The real numbers that go into a segment: the network's input, a host segment's result, another DLA segment's. */
function feedOf(name: string, input: Tensor | undefined, dump: Dump | undefined, shape: readonly number[]): Tensor {
  const tensor = input ?? dump?.tensor;
  if (!tensor) throw new Error(`nothing is known of ${name}`);
  if (tensor.dtype === 'float32') return float32Tensor(shape, float32Values(tensor));
  return float32Tensor(shape, dequantize(int8Values(int8Tensor(shape, int8Values(tensor))), dump!.scale!));
}
