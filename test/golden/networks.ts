/** The four demo networks, compiled as a user compiles them, and images to run them on. */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { batches, type ImageInput, samples } from '../../src/evaluate/data-set.ts';
import { idxDataSet } from '../../src/evaluate/idx.ts';
import type { Tensor } from '../../src/graph/tensor.ts';
import { type Compilation, type CompileOptions, calibrate, compile, prepare, readNetwork } from '../../src/index.ts';
import type { OnnxRuntime } from '../../src/onnx/session.ts';

export const demoNetworks = [
  'fashion-resnet20',
  'fashion-mobilenetv2',
  'fashion-resnet8-wide-dense',
  'fashion-resnet8-wide-sparse24',
] as const;

const preprocess = { mean: [0.286], std: [0.353], channelOrder: 'gray' } as const;

const file = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url))));

const input = (batch: number): ImageInput => ({ name: 'image', shape: [batch, 1, 28, 28], preprocess });

/** @param calibration number of calibration images, a multiple of 50 */
export async function demoScales(
  name: (typeof demoNetworks)[number],
  calibration: number,
  runtime: OnnxRuntime,
): Promise<ReadonlyMap<string, number>> {
  const images = await idxDataSet(await file('data/fashion-mnist-calibration-images.idx3.gz'), undefined);
  const group = 50;
  const measured = prepare(readNetwork(await file(`models/${name}.onnx`), { batch: group }));
  const { scales } = await calibrate(measured, samples(images, input(group), { limit: calibration }), { runtime });
  return scales;
}

/** Compiled for images of a batch; for `orin` on INT8 when not said otherwise. */
export async function demoCompilation(
  name: (typeof demoNetworks)[number],
  batch: number,
  options: CompileOptions,
): Promise<Compilation> {
  const network = prepare(readNetwork(await file(`models/${name}.onnx`), { batch }));
  return compile(network, { ...options, preprocess });
}

/** @param calibration number of calibration images, a multiple of 50 */
export async function demoNetwork(
  name: (typeof demoNetworks)[number],
  batch: number,
  calibration: number,
  runtime: OnnxRuntime,
): Promise<Compilation> {
  return demoCompilation(name, batch, { scales: await demoScales(name, calibration, runtime) });
}

/** The first test images as one batch. */
export async function demoImages(batch: number): Promise<Record<string, Tensor>> {
  const images = await idxDataSet(await file('data/fashion-mnist-test-images.idx3.gz'), undefined);
  for await (const { inputs } of batches(images, input(batch), { limit: batch })) return inputs;
  throw new Error('no images');
}
