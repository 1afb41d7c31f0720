/**
 * What `tune` wins back, judged on other data than it saw: PP-OCR's detector on pages of another seed in other faces, its
 * angle classifier, and a network of inverted residuals. Every point of each trade-off curve is run.
 */

import { type DataSet, samples } from '../../src/evaluate/data-set.ts';
import { bestOf } from '../../src/evaluate/metrics.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { asFloat32, type Tensor } from '../../src/graph/tensor.ts';
import { compile, prepare, readNetwork, tune } from '../../src/index.ts';
import { fashionModels } from '../../src/models/fashion.ts';
import type { OnnxRuntime } from '../../src/onnx/session.ts';
import { writeModel } from '../../src/onnx/write.ts';
import type { Tuning } from '../../src/quantize/tune/tune.ts';
import type { Device } from '../../src/runtime/device.ts';
import { loadNetwork } from '../../src/runtime/network.ts';
import { batched, classifier, detector, distance, ocrAsset } from '../../test/ocr/ocr-models.ts';
import { faces, lineTensor, textLines } from '../../test/ocr/text-lines.ts';
import { intersectionOverUnion, textPages } from '../../test/ocr/text-pages.ts';
import { batch, calibrationImages, imageInput, repositoryFile, testImages } from './accuracy.ts';

interface JudgedPoint {
  readonly remedy: string;
  /** Estimated, µs. */
  readonly time: number;
  /** dB beside FP32, on what judges. */
  readonly snr: number;
  /** Mean of what the network is judged by, in [0, 1]. */
  readonly score: number;
  readonly isChosen: boolean;
}

export interface TuneEvidence {
  readonly title: string;
  /** What the score is. */
  readonly score: string;
  readonly tuned: string;
  readonly judged: string;
  readonly tuning: Tuning;
  readonly points: readonly JudgedPoint[];
  readonly failures: readonly string[];
}

interface Subject {
  readonly title: string;
  readonly graph: Graph;
  readonly calibration: readonly Tensor[];
  readonly test: readonly Tensor[];
  readonly tuned: string;
  readonly judged: string;
  readonly score: string;
  readonly scoreOf: (expected: Float32Array, found: Float32Array) => number;
}

export interface TuneSetup {
  readonly device: Device;
  readonly runtime: OnnxRuntime;
}

/** Intersection over union of the detector's chosen point, and of its best. */
const chosenBar = 0.85;
const bestBar = 0.9;
const addedTime = 0.15;

export async function* tuneEvidence(setup: TuneSetup): AsyncGenerator<TuneEvidence> {
  yield await detectorEvidence(setup);
  yield await classifierEvidence(setup);
  yield await fashionEvidence(setup);
}

/** A MobileNetV3: HardSwish, squeeze-and-excite. */
async function classifierEvidence(setup: TuneSetup): Promise<TuneEvidence> {
  const { title, file, shape } = classifier(10);
  const tensors = async (count: number, seed: number) =>
    batched(await Promise.all((await textLines(count, seed)).map((line) => lineTensor(line, 48, 192))), shape);
  return evidenceOf(
    {
      title: `PP-OCR’s ${title}, a MobileNetV3`,
      graph: readNetwork(await ocrAsset(file), { shapes: new Map([['x', shape]]) }),
      calibration: await tensors(60, 1001),
      test: await tensors(200, 7),
      tuned: '60 lines of text of seed 1001',
      judged: '200 lines of seed 7',
      score: 'same angle as FP32',
      scoreOf: sameDecisions(2),
    },
    setup,
  );
}

/** Inverted residuals with ReLU6, as those of EfficientNet-Lite. */
async function fashionEvidence(setup: TuneSetup): Promise<TuneEvidence> {
  const recipe = fashionModels.find(({ name }) => name === 'fashion-mobilenetv2')!;
  const input = imageInput(recipe);
  const tensors = async (dataSet: DataSet, limit: number) => {
    const found: Tensor[] = [];
    for await (const { [input.name]: tensor } of samples(dataSet, input, { limit })) found.push(tensor!);
    return found;
  };
  return evidenceOf(
    {
      title: `${recipe.name}, inverted residuals with ReLU6`,
      graph: readNetwork(await repositoryFile(`models/${recipe.file}`), { batch }),
      calibration: await tensors(await calibrationImages(), 500),
      test: await tensors(await testImages(), 2000),
      tuned: '500 training images',
      judged: '2,000 test images',
      score: 'same class as FP32',
      scoreOf: sameDecisions(recipe.classes.length),
    },
    setup,
  );
}

async function detectorEvidence(setup: TuneSetup): Promise<TuneEvidence> {
  const [size, linesPerPage] = [640, 10];
  const { title, file, shape } = detector(size);
  const [serif, sans] = [
    faces.filter((face) => face.includes('Serif')),
    faces.filter((face) => !face.includes('Serif')),
  ];
  const pages = async (count: number, seed: number, from: readonly string[]) =>
    textPages(await textLines(count * linesPerPage, seed, from), linesPerPage, size);
  const result = await evidenceOf(
    {
      title: `PP-OCR’s ${title}`,
      graph: readNetwork(await ocrAsset(file), { shapes: new Map([['x', shape]]) }),
      calibration: await pages(6, 1001, sans),
      test: await pages(20, 7, serif),
      tuned: `6 pages of ${linesPerPage} lines of seed 1001 in ${sans.length} faces without serifs`,
      judged: `20 pages of seed 7 in ${serif.length} faces with serifs`,
      score: 'text area beside FP32’s, intersection over union',
      scoreOf: (expected, found) => intersectionOverUnion(expected, found, 0.3),
    },
    setup,
  );
  const chosen = result.points.find(({ isChosen }) => isChosen)!;
  const best = Math.max(...result.points.map(({ score }) => score));
  return {
    ...result,
    failures: [
      ...(chosen.score < chosenBar
        ? [`the tuned detector has an IoU of ${chosen.score.toFixed(3)}, not ${chosenBar}`]
        : []),
      ...(best < bestBar
        ? [`no point of the detector’s curve has an IoU of ${bestBar}; the best ${best.toFixed(3)}`]
        : []),
    ],
  };
}

async function evidenceOf(subject: Subject, { device, runtime }: TuneSetup): Promise<TuneEvidence> {
  const { title, graph, calibration, test, tuned, judged, score, scoreOf } = subject;
  const network = prepare(graph);
  const [input, output] = [network.graph.inputs[0]!, network.graph.outputs[0]!];
  const feeds = (tensors: readonly Tensor[]) => tensors.map((tensor) => ({ [input]: tensor }));
  const tuning = await tune(network, () => feeds(calibration), { device, runtime, addedTime });
  const reference = await runtime.createSession(writeModel(graph));
  const expected: Float32Array[] = [];
  for (const sample of feeds(test)) expected.push(asFloat32((await reference.run(sample))[output]!).slice());
  await reference.close();
  const points: JudgedPoint[] = [];
  for (const point of tuning.points) {
    const session = await loadNetwork(device, compile(point.network, point).network, runtime);
    const found: Float32Array[] = [];
    for (const sample of feeds(test)) found.push(asFloat32((await session.run(sample)).outputs[output]!).slice());
    await session.close();
    const scores = expected.map((values, index) => scoreOf(values, found[index]!));
    points.push({
      remedy: point.remedy,
      time: point.time,
      snr: distance(expected, found).snr,
      score: scores.reduce((sum, value) => sum + value, 0) / scores.length,
      isChosen: point === tuning.chosen,
    });
  }
  return { title, score, tuned, judged, tuning, points, failures: [] };
}

/** The share of rows of scores in which the largest is the same. */
const sameDecisions =
  (classes: number) =>
  (expected: Float32Array, found: Float32Array): number => {
    const rows = Array.from({ length: expected.length / classes }, (_, row) => [row * classes, (row + 1) * classes]);
    const same = rows.filter(([from, to]) => bestOf(expected.subarray(from, to)) === bestOf(found.subarray(from, to)));
    return same.length / rows.length;
  };
