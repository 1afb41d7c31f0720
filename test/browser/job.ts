/** What the test does in Node and in the browser, with the same code: check, compile, run. */

import type { ThreadSpawner } from '../../src/device/engines/wasm/thread-pool.ts';
import { batches } from '../../src/evaluate/data-set.ts';
import { idxDataSet } from '../../src/evaluate/idx.ts';
import { check, compile, prepare, readNetwork } from '../../src/index.ts';
import { encodeLoadable } from '../../src/loadable/container.ts';
import { fashionModel } from '../../src/models/fashion.ts';
import type { OnnxRuntime } from '../../src/onnx/session.ts';
import { readCalibrationCache } from '../../src/quantize/calibration-cache.ts';
import { checkJson } from '../../src/report/check-json.ts';
import { openDevice } from '../../src/runtime/device.ts';
import { loadNetwork } from '../../src/runtime/network.ts';

export const images = 100;

export interface Inputs {
  readonly model: Uint8Array;
  /** The text of a calibration cache. */
  readonly cache: string;
  /** Images in IDX, gzipped. */
  readonly images: Uint8Array;
}

export interface Platform {
  readonly threads: number;
  readonly spawn: ThreadSpawner;
}

interface TensorDigest {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly number[];
  readonly scale: number | undefined;
  readonly sha256: string;
}

export interface Outcome {
  /** For example `wasm, 2 threads`. */
  readonly engines: string;
  /** Whether the device's memory can be shared. */
  readonly shared: boolean;
  /** The check of the network as it is read, as JSON. */
  readonly checked: string;
  readonly loadable: Uint8Array;
  /** Every tensor of the run, in execution order. */
  readonly tensors: readonly TensorDigest[];
  /** Bytes of the float32 logits. */
  readonly logits: Uint8Array;
}

/** fashion-resnet20 on the first 100 images. */
export async function checkCompileRun(inputs: Inputs, platform: Platform): Promise<Outcome> {
  const recipe = fashionModel('fashion-resnet20')!;
  const graph = readNetwork(inputs.model, { file: recipe.file, batch: images });
  const checked = checkJson(check(graph));
  const { preprocess } = recipe;
  const { scales } = readCalibrationCache(inputs.cache);
  const { network } = compile(prepare(graph), { scales, preprocess });
  const loadable = encodeLoadable(network);

  const { name, shape } = network.plan.tensors.find((tensor) => tensor.name === recipe.input.name)!;
  const dataSet = await idxDataSet(inputs.images, undefined);
  const device = await openDevice({ target: 'orin', ...platform });
  const session = await loadNetwork(device, network);
  try {
    const { value: batch } = await batches(dataSet, { name, shape, preprocess }, { limit: images }).next();
    const { outputs, dumps } = await session.run(batch.inputs, { dump: 'all' });
    const tensors: TensorDigest[] = [];
    for (const { name, tensor, scale } of dumps) {
      tensors.push({ name, dtype: tensor.dtype, shape: tensor.shape, scale, sha256: await digest(tensor.bytes) });
    }
    return {
      engines: device.engines.name,
      shared: Object.prototype.toString.call(device.bus.memory.buffer) === '[object SharedArrayBuffer]',
      checked,
      loadable,
      tensors,
      logits: new Uint8Array(outputs[recipe.output]!.bytes),
    };
  } finally {
    await session.close();
    device.close();
  }
}

/** The same network in floating point, on the first ten images: the bytes of its logits. */
export async function runFloat(model: Uint8Array, imageFile: Uint8Array, runtime: OnnxRuntime): Promise<Uint8Array> {
  const recipe = fashionModel('fashion-resnet20')!;
  const { name, shape } = { name: recipe.input.name, shape: [10, 1, 28, 28] };
  const dataSet = await idxDataSet(imageFile, undefined);
  const session = await runtime.createSession(model, { threads: 1 });
  const { value: batch } = await batches(dataSet, { name, shape, preprocess: recipe.preprocess }, { limit: 10 }).next();
  const { [recipe.output]: logits } = await session.run(batch.inputs);
  await session.close();
  return new Uint8Array(logits!.bytes);
}

async function digest(bytes: Uint8Array): Promise<string> {
  const hash = await crypto.subtle.digest('SHA-256', new Uint8Array(bytes));
  return Array.from(new Uint8Array(hash), (byte) => byte.toString(16).padStart(2, '0')).join('');
}
