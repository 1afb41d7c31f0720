/**
 * FP32 beside the open NVDLA on Fashion-MNIST: the four networks, compiled from ONNX for every configuration that is
 * asked for, run through firmware and device.
 */

import { batches } from '../../../src/evaluate/data-set.ts';
import { bestOf } from '../../../src/evaluate/metrics.ts';
import { compile, type PreparedNetwork, prepare, readNetwork } from '../../../src/index.ts';
import { encodeLoadable } from '../../../src/loadable/container.ts';
import type { Recipe } from '../../../src/models/fashion.ts';
import type { OnnxRuntime } from '../../../src/onnx/session.ts';
import { writeModel } from '../../../src/onnx/write.ts';
import type { CompiledNetwork } from '../../../src/program/program.ts';
import { calibrationOf, defaultMethod } from '../../../src/quantize/calibrate.ts';
import { batch, imageInput, measureRanges, repositoryFile, scoresOf, testImages } from '../accuracy.ts';

/** Images of one run on the device: every number of images here is a multiple. */
const runBatch = 10;

export interface Configuration {
  readonly target: string;
  readonly precision: 'int8' | 'fp16';
  /** Test images, from the first. */
  readonly images: number;
}

export interface ConfigurationAccuracy extends Configuration {
  /** Share of the same images that FP32 gets right. */
  readonly fp32: number;
  readonly top1: number;
  /** Images to which both give the same class. */
  readonly agreeing: number;
  readonly launches: number;
  readonly hostSegments: number;
  /** Bytes of constants. */
  readonly constants: number;
}

export interface NvdlaAccuracy {
  readonly network: string;
  readonly calibrationImages: number;
  readonly configurations: readonly ConfigurationAccuracy[];
}

export interface NvdlaOptions {
  readonly configurations: readonly Configuration[];
  readonly runtime: OnnxRuntime;
  /** The class of each of the first images, by the emulated device. */
  readonly classify: (loadable: Uint8Array, recipe: string, images: number) => Promise<Uint8Array>;
  /** Calibration images, from the first; all 1,000 when not given. */
  readonly calibrationLimit?: number;
  readonly onResult?: (result: ConfigurationAccuracy) => void;
}

export async function nvdlaAccuracy(recipe: Recipe, options: NvdlaOptions): Promise<NvdlaAccuracy> {
  const { runtime } = options;
  const file = await repositoryFile(`models/${recipe.file}`);
  const network = prepare(readNetwork(file, { batch }));
  const small = prepare(readNetwork(file, { batch: runBatch }));
  const measured = await measureRanges(network, imageInput(recipe), runtime, options.calibrationLimit);
  const { scales } = calibrationOf(measured, defaultMethod);
  const most = Math.max(...options.configurations.map(({ images }) => images));
  const expected = await realClasses(network, recipe, runtime, most);
  const configurations: ConfigurationAccuracy[] = [];
  for (const configuration of options.configurations) {
    const { target, precision, images } = configuration;
    const compiled = compile(small, {
      target,
      precision,
      ...(precision === 'int8' && { scales }),
      preprocess: recipe.preprocess,
    }).network;
    const classes = await options.classify(encodeLoadable(compiled), recipe.name, images);
    const labels = expected.labels.slice(0, images);
    const result = {
      ...configuration,
      fp32: share(labels, expected.classes),
      top1: share(labels, classes),
      agreeing: classes.filter((value, index) => value === expected.classes[index]).length,
      ...sizes(compiled),
    };
    configurations.push(result);
    options.onResult?.(result);
  }
  return { network: recipe.name, calibrationImages: measured.samples, configurations };
}

/** Share of labels that the classes hit. */
const share = (labels: readonly number[], classes: Uint8Array): number =>
  labels.filter((label, index) => label === classes[index]).length / labels.length;

interface RealClasses {
  readonly labels: readonly number[];
  readonly classes: Uint8Array;
}

async function realClasses(
  network: PreparedNetwork,
  recipe: Recipe,
  runtime: OnnxRuntime,
  limit: number,
): Promise<RealClasses> {
  const fp32 = await runtime.createSession(writeModel(network.original));
  const labels: number[] = [];
  const classes: number[] = [];
  try {
    for await (const part of batches(await testImages(), imageInput(recipe), { limit })) {
      const scores = scoresOf((await fp32.run(part.inputs))[recipe.output]!);
      for (const [index, label] of part.labels.entries()) {
        labels.push(label!);
        classes.push(bestOf(scores[index]!));
      }
    }
  } finally {
    await fp32.close();
  }
  return { labels, classes: Uint8Array.from(classes) };
}

function sizes({ plan }: CompiledNetwork) {
  const programs = plan.segments.flatMap((segment) => (segment.kind === 'dla' ? [segment.program] : []));
  return {
    launches: programs.reduce((sum, { layers }) => sum + layers.length, 0),
    hostSegments: plan.segments.length - programs.length,
    constants: programs.reduce(
      (sum, { constants, surfaces }) =>
        sum + constants.reduce((bytes, { surface }) => bytes + surfaces[surface]!.size, 0),
      0,
    ),
  };
}
