/**
 * What `tune` wins back, judged on other data than it saw: PP-OCR's detector on pages of another seed in other faces, and networks of
 * the kinds that lose most. Every point of each trade-off curve is run.
 */

import type { Graph } from '../../src/graph/graph.ts';
import { asFloat32, type Tensor } from '../../src/graph/tensor.ts';
import { compile, prepare, readNetwork, tune } from '../../src/index.ts';
import type { OnnxRuntime } from '../../src/onnx/session.ts';
import { writeModel } from '../../src/onnx/write.ts';
import type { Tuning } from '../../src/quantize/tune/tune.ts';
import type { Device } from '../../src/runtime/device.ts';
import { loadNetwork } from '../../src/runtime/network.ts';
import { detector, distance, ocrAsset } from '../../test/ocr/ocr-models.ts';
import { faces, textLines } from '../../test/ocr/text-lines.ts';
import { intersectionOverUnion, textPages } from '../../test/ocr/text-pages.ts';
import { mobilenetV3, unevenLite0, waves } from './tune-networks.ts';

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
  for (const [title, graph, size] of [
    ['EfficientNet-Lite0', unevenLite0(), 224],
    ['MobileNetV3', mobilenetV3(), 160],
  ] as const) {
    yield await evidenceOf(
      {
        title,
        graph,
        calibration: waves(16, size, 31),
        test: waves(40, size, 32),
        tuned: '16 seeded pictures',
        judged: '40 pictures of another seed',
        score: 'same class as FP32',
        scoreOf: (expected, found) => (largest(expected) === largest(found) ? 1 : 0),
      },
      setup,
    );
  }
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

const largest = (values: Float32Array): number =>
  values.reduce((best, value, at) => (value > values[best]! ? at : best), 0);
