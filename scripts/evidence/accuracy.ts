/**
 * FP32 beside INT8 on Fashion-MNIST, for every calibrator, and beside FP16. The 1,000 calibration images are measured once for each
 * network; all methods read their ranges off the same histograms. Then the test images stream through FP32 once and
 * through each INT8 network.
 */

import { readFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { batches, type DataSet, type ImageInput, samples } from '../../src/evaluate/data-set.ts';
import type { Accuracy } from '../../src/evaluate/evaluate.ts';
import { idxDataSet } from '../../src/evaluate/idx.ts';
import { AccuracyCount, bestOf } from '../../src/evaluate/metrics.ts';
import { float32Values, type Tensor } from '../../src/graph/tensor.ts';
import { type CompileOptions, compile, type PreparedNetwork, prepare, readNetwork } from '../../src/index.ts';
import type { Recipe } from '../../src/models/fashion.ts';
import type { OnnxRuntime } from '../../src/onnx/session.ts';
import { writeModel } from '../../src/onnx/write.ts';
import { calibrationOf, measure } from '../../src/quantize/calibrate.ts';
import type { CalibrationMethod } from '../../src/quantize/range-of.ts';
import type { Device } from '../../src/runtime/device.ts';
import { loadNetwork } from '../../src/runtime/network.ts';

/** Images that run at once. */
export const batch = 50;

interface MethodAccuracy {
  readonly method: CalibrationMethod;
  readonly int8: Accuracy;
  /** Share of the images on which INT8 and FP32 have the same first class. */
  readonly agreement: number;
}

export interface NetworkAccuracy {
  readonly network: string;
  readonly title: string;
  readonly images: number;
  readonly calibrationImages: number;
  readonly fp32: Accuracy;
  readonly methods: readonly MethodAccuracy[];
  readonly fp16: {
    readonly accuracy: Accuracy;
    /** Images on which FP16 and FP32 have the same first class. */
    readonly agreeing: number;
  };
}

export interface AccuracyOptions {
  readonly methods: readonly CalibrationMethod[];
  readonly device: Device;
  readonly runtime: OnnxRuntime;
  /** Test images, from the first; all 10,000 when not given. */
  readonly limit?: number;
  /** Calibration images, from the first; all 1,000 when not given. */
  readonly calibrationLimit?: number;
  readonly onProgress?: (images: number) => void;
}

/** INT8 minus FP32 in points of Top-1. */
export const difference = (fp32: Accuracy, int8: Accuracy): number => 100 * (int8.top1 - fp32.top1);

export async function networkAccuracy(recipe: Recipe, options: AccuracyOptions): Promise<NetworkAccuracy> {
  const { methods, device, runtime, limit, calibrationLimit, onProgress } = options;
  const network = prepare(readNetwork(await repositoryFile(`models/${recipe.file}`), { batch }));
  const input = imageInput(recipe);
  const measured = await measureRanges(network, input, runtime, calibrationLimit);
  const { preprocess } = recipe;
  const lane = async (options: CompileOptions) => ({
    session: await loadNetwork(device, compile(network, { ...options, preprocess }).network, runtime),
    count: new AccuracyCount(),
    agreeing: 0,
  });
  const calibrated = await Promise.all(
    methods.map(async (method) => ({ method, ...(await lane({ scales: calibrationOf(measured, method).scales })) })),
  );
  const half = await lane({ precision: 'fp16' });
  const lanes = [...calibrated, half];
  const fp32 = await runtime.createSession(writeModel(network.original));
  const real = new AccuracyCount();
  let images = 0;
  try {
    for await (const { inputs, labels } of batches(await testImages(), input, { limit })) {
      const expected = scoresOf((await fp32.run(inputs))[recipe.output]!);
      for (const [index, label] of labels.entries()) real.add(expected[index]!, label!);
      for (const lane of lanes) {
        const found = scoresOf((await lane.session.run(inputs)).outputs[recipe.output]!);
        for (const [index, label] of labels.entries()) {
          lane.count.add(found[index]!, label!);
          if (bestOf(found[index]!) === bestOf(expected[index]!)) lane.agreeing++;
        }
      }
      images += labels.length;
      onProgress?.(images);
    }
  } finally {
    await fp32.close();
    for (const { session } of lanes) await session.close();
  }
  return {
    network: recipe.name,
    title: recipe.title,
    images,
    calibrationImages: measured.samples,
    fp32: real.accuracy,
    fp16: { accuracy: half.count.accuracy, agreeing: half.agreeing },
    methods: calibrated.map(({ method, count, agreeing }) => ({
      method,
      int8: count.accuracy,
      agreement: agreeing / images,
    })),
  };
}

export async function measureRanges(network: PreparedNetwork, input: ImageInput, runtime: OnnxRuntime, limit?: number) {
  return measure(network.graph, samples(await calibrationImages(), input, { limit }), { runtime });
}

export const calibrationImages = async (): Promise<DataSet> =>
  idxDataSet(await repositoryFile('data/fashion-mnist-calibration-images.idx3.gz'), undefined);

export const imageInput = ({ input, preprocess }: Recipe): ImageInput => ({
  name: input.name,
  shape: [batch, ...input.shape.slice(1).map(Number)],
  preprocess,
});

export const testImages = async (): Promise<DataSet> =>
  idxDataSet(
    await repositoryFile('data/fashion-mnist-test-images.idx3.gz'),
    await repositoryFile('data/fashion-mnist-test-labels.idx1.gz'),
  );

export const scoresOf = (tensor: Tensor): readonly Float32Array[] => {
  const values = float32Values(tensor);
  const classes = values.length / batch;
  return Array.from({ length: batch }, (_, index) => values.subarray(index * classes, (index + 1) * classes));
};

export const repositoryFile = async (path: string): Promise<Uint8Array> =>
  new Uint8Array(await readFile(fileURLToPath(new URL(`../../${path}`, import.meta.url))));
