/** The three PP-OCR networks through check, compile and run, on few samples; `npm run evidence -- ocr` takes more. */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import type { OnnxRuntime } from '../../src/onnx/session.ts';
import { type Device, openDevice } from '../../src/runtime/device.ts';
import { angleDecisions } from './angle.ts';
import { editDistance, textDecoder } from './decode-text.ts';
import { classifier, compileOcr, detector, distance, dlaShare, recogniser, runHalf, runOcr } from './ocr-models.ts';
import { lineTensor, type TextLine, textLines, upright } from './text-lines.ts';
import { intersectionOverUnion, textPages } from './text-pages.ts';

describe('PP-OCR', { timeout: 300_000 }, () => {
  let device: Device;
  let runtime: OnnxRuntime;
  let calibration: readonly TextLine[];
  let lines: readonly TextLine[];
  beforeAll(async () => {
    device = await openDevice({ target: 'orin', engines: 'wasm' });
    runtime = await nodeOnnxRuntime();
    calibration = await textLines(20, 1001);
    lines = await textLines(100, 7);
  });
  afterAll(() => device.close());

  it('the angle classifier decides as FP32 on at least 95 of 100 lines', async () => {
    const tensors = (from: readonly TextLine[]) => Promise.all(from.map((line) => lineTensor(line, 48, 192)));
    const network = await compileOcr(classifier(20), await tensors(calibration), runtime);
    const outputs = await runOcr(network, await tensors(lines), device, runtime);
    const { right, agreeing } = angleDecisions(lines, outputs);
    // FP32 is no constant: the lines can be told apart, and it tells them.
    expect(right.fp32).toBe(98);
    expect(agreeing).toBeGreaterThanOrEqual(95);
    expect(distance(outputs.fp32, outputs.int8).snr).toBeGreaterThan(20);
    const { checked, notEmulated, balancedGates } = network.compilation;
    expect(dlaShare(network.asExported)).toBeLessThan(0.99);
    expect(dlaShare(checked)).toBe(1);
    expect(notEmulated.size).toBe(0);
    expect(balancedGates.length).toBeGreaterThan(0);
    const some = (await tensors(lines)).slice(0, 20);
    const half = await runHalf(network, some, device, runtime);
    expect(distance(outputs.fp32.slice(0, 20), half).snr).toBeGreaterThan(40);
  });

  it('the detector runs on the DLA whole', async () => {
    const network = await compileOcr(detector(320), await textPages(calibration, 5, 320), runtime);
    const { plan } = network.compilation.network;
    expect(plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    expect(dlaShare(network.compilation.checked)).toBe(1);
    const { fp32, int8 } = await runOcr(network, await textPages(lines.slice(0, 10), 5, 320), device, runtime);
    for (const [page, map] of fp32.entries()) {
      expect(map.filter((value) => value > 0.3).length).toBeGreaterThan(map.length / 50);
      expect(intersectionOverUnion(map, int8[page]!, 0.3)).toBeGreaterThan(0.6);
    }
    const half = await runHalf(network, await textPages(lines.slice(0, 5), 5, 320), device, runtime);
    expect(distance(fp32.slice(0, 1), half).snr).toBeGreaterThan(37);
  });

  it('the recogniser reads the same text', async () => {
    const tensors = (from: readonly TextLine[]) =>
      Promise.all(from.map(async (line) => lineTensor(await upright(line), 48, 320)));
    const network = await compileOcr(recogniser(5, 320), await tensors(calibration.slice(0, 10)), runtime);
    const { plan } = network.compilation.network;
    expect(plan.segments.filter(({ kind }) => kind === 'dla').length).toBeGreaterThan(1);
    expect(plan.segments.some((segment) => segment.kind === 'host' && segment.reason === 'refused')).toBe(true);
    expect(dlaShare(network.compilation.checked)).toBeGreaterThan(0.9);
    const judged = lines.slice(0, 5);
    const { fp32, int8 } = await runOcr(network, await tensors(judged), device, runtime);
    const decode = await textDecoder();
    const expected = fp32.map((scores) => decode(scores).trim());
    expect(expected).toEqual(judged.map(({ text }) => text));
    const edits = int8.reduce((sum, scores, index) => sum + editDistance(expected[index]!, decode(scores).trim()), 0);
    expect(edits / expected.join('').length).toBeLessThan(0.1);
    expect(distance(fp32, await runHalf(network, await tensors(judged), device, runtime)).snr).toBeGreaterThan(40);
  });
});

describe('editDistance', () => {
  it('counts insertions, deletions and replacements', () => {
    expect(editDistance('', 'abc')).toBe(3);
    expect(editDistance('kitten', 'sitting')).toBe(3);
    expect(editDistance('line', 'line')).toBe(0);
  });
});
