/**
 * The package in a browser's worker gives the bytes that it gives in Node: the check, the loadable and every INT8 tensor
 * of a run, with threads on an isolated page and without on any other. And the browser's host does what Node's does.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import sharp, { type Sharp } from 'sharp';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { samples } from '../../src/evaluate/data-set.ts';
import { idxDataSet } from '../../src/evaluate/idx.ts';
import type { Image } from '../../src/evaluate/image.ts';
import { nodeHost } from '../../src/host/node/index.ts';
import { calibrate, compile, prepare, readNetwork } from '../../src/index.ts';
import { fashionModel } from '../../src/models/fashion.ts';
import { writeCalibrationCache } from '../../src/quantize/calibration-cache.ts';
import { bundle, holdsKernels, root } from './bundle.ts';
import { findChromium, openChromium } from './chromium.ts';
import { checkCompileRun, images, type Outcome, runFloat } from './job.ts';
import { ask } from './page.ts';
import { openSite, type Site } from './site.ts';
import type { Answers } from './worker.ts';

const executable = findChromium();
const required = process.env.DLAKIT_REQUIRE_BROWSER === '1';

const read = (...path: string[]): Uint8Array => new Uint8Array(readFileSync(join(root, ...path)));
const recipe = fashionModel('fashion-resnet20')!;
const model = read('models', recipe.file);
const testImages = read('data', 'fashion-mnist-test-images.idx3.gz');

/** From 50 of the calibration images. */
async function calibrationCache(): Promise<string> {
  const network = prepare(readNetwork(model, { batch: 50 }));
  const dataSet = await idxDataSet(read('data', 'fashion-mnist-calibration-images.idx3.gz'), undefined);
  const input = { name: recipe.input.name, shape: [50, 1, 28, 28], preprocess: recipe.preprocess };
  const runtime = await nodeHost.onnxRuntime();
  const { scales } = await calibrate(network, samples(dataSet, input, { limit: 50 }), { runtime, threads: 1 });
  return writeCalibrationCache(compile(network, { scales }).quantized.scales);
}

/** A picture with a different colour at every pixel. */
const painted = (width: number, height: number, channels: 3 | 4): Sharp => {
  const pixels = Uint8Array.from({ length: width * height * channels }, (_, i) => (i * 73 + (i >> 5) * 19) & 255);
  return sharp(pixels, { raw: { width, height, channels } });
};

const smooth = (width: number, height: number): Sharp => {
  const pixels = Uint8Array.from({ length: width * height * 3 }, (_, i) => {
    const [x, y] = [Math.floor(i / 3) % width, Math.floor(i / 3 / width)];
    return [x * 5, y * 9, 200 - x * 2][i % 3]!;
  });
  return sharp(pixels, { raw: { width, height, channels: 3 } });
};

/** Files, and the most that a pixel may differ: lossless, lossy, blended. */
const pictures = [
  { name: 'opaque.png', tolerance: 0, make: () => painted(37, 21, 3).png().toBuffer() },
  { name: 'transparent.png', tolerance: 1, make: () => painted(16, 9, 4).png().toBuffer() },
  { name: 'lossless.webp', tolerance: 0, make: () => painted(20, 30, 3).webp({ lossless: true }).toBuffer() },
  { name: 'turned.jpg', tolerance: 6, make: () => smooth(40, 24).withMetadata({ orientation: 6 }).jpeg().toBuffer() },
];

const largestDifference = (a: Image, b: Image): number =>
  a.pixels.reduce((most, pixel, i) => Math.max(most, Math.abs(pixel - b.pixels[i]!)), 0);

const float32 = (bytes: Uint8Array): readonly number[] => [...new Float32Array(Uint8Array.from(bytes).buffer)];

if (executable === undefined && !required) console.warn('no Chromium is on the path: tests in the browser are skipped');

it.skipIf(executable === undefined && !required)('a Chromium is on the path', () => {
  expect(executable).toBeDefined();
});

describe.runIf(executable !== undefined)('in Chromium', () => {
  let expected: Outcome;
  let files: ReadonlyMap<string, Uint8Array>;
  let browser: Browser;
  let isolated: Site;
  let ordinary: Site;
  const opened: { close(): Promise<void> }[] = [];

  beforeAll(async () => {
    const cache = await calibrationCache();
    expected = await checkCompileRun({ model, cache, images: testImages }, { threads: 1, spawn: nodeHost.spawn });
    const worker = await bundle({ file: join(root, 'test', 'browser', 'worker.ts') });
    const site = new Map([
      ...worker.files,
      [recipe.file, model],
      ['calibration.cache', new TextEncoder().encode(cache)],
      ['images.idx3.gz', testImages],
      ['onnxruntime.wasm', read('node_modules', 'onnxruntime-web', 'dist', 'ort-wasm-simd-threaded.wasm')],
      ['broken.png', Uint8Array.of(0x89, 0x50, 0x4e, 0x47, 1, 2, 3)],
    ]);
    for (const { name, make } of pictures) site.set(name, new Uint8Array(await make()));
    files = site;
    const keep = <T extends { close(): Promise<void> }>(thing: T): T => {
      opened.push(thing);
      return thing;
    };
    isolated = keep(await openSite(files, true));
    ordinary = keep(await openSite(files, false));
    browser = keep(await openChromium(executable!));
  });

  afterAll(async () => {
    for (const thing of opened.reverse()) await thing.close();
  });

  describe.each([
    { title: 'on an isolated page, with two threads', isolation: true, threads: 2, engines: 'wasm, 2 threads' },
    { title: 'on any other page, with one thread', isolation: false, threads: 1, engines: 'wasm, 1 thread' },
  ])('the package $title', ({ isolation, threads, engines }) => {
    let reply: Answers['network'];
    let requests: readonly string[];

    beforeAll(async () => {
      const site = isolation ? isolated : ordinary;
      const before = site.requests.length;
      const names = { model: recipe.file, cache: 'calibration.cache', images: 'images.idx3.gz' };
      const result = await ask(browser, site, { kind: 'network', ...names, threads });
      if (!('answer' in result)) throw new Error(result.code);
      reply = result.answer;
      requests = site.requests.slice(before);
    });

    it('finds the page as it should be', () => {
      expect(reply.isolated).toBe(isolation);
      expect(reply.outcome.engines).toBe(engines);
      expect(reply.outcome.shared).toBe(isolation);
      if (!isolation) expect(reply.processors).toBe(1);
    });

    it('loads its own files, and of the kernels only the build that it runs', () => {
      for (const path of requests) expect(path === '/' || files.has(path.slice(1)), path).toBe(true);
      const kernels = [...files].filter(([name, data]) => name.endsWith('.js') && holdsKernels(data));
      expect(kernels).toHaveLength(2);
      expect(kernels.filter(([name]) => requests.includes(`/${name}`))).toHaveLength(1);
    });

    it('checks as in Node', () => {
      expect(reply.outcome.checked).toBe(expected.checked);
    });

    it('compiles to the bytes of Node', () => {
      expect(Buffer.compare(reply.outcome.loadable, expected.loadable)).toBe(0);
    });

    it(`runs ${images} images to the bytes of Node, in every tensor`, () => {
      expect(expected.tensors.length).toBeGreaterThan(20);
      expect(reply.outcome.tensors).toEqual(expected.tensors);
      expect(expected.logits).toHaveLength(images * 10 * 4);
      expect(Buffer.compare(reply.outcome.logits, expected.logits)).toBe(0);
    });
  });

  it('onnxruntime-web runs the network as onnxruntime-node does', async () => {
    const names = { model: recipe.file, images: 'images.idx3.gz', onnxRuntimeWasm: 'onnxruntime.wasm' };
    const result = await ask(browser, ordinary, { kind: 'float', ...names });
    if (!('answer' in result)) throw new Error(result.code);
    expect(result.answer.runtime).toMatch(/^onnxruntime-web \d+\.\d+/);
    const ours = float32(result.answer.logits);
    const theirs = float32(await runFloat(model, testImages, await nodeHost.onnxRuntime()));
    expect(ours).toHaveLength(100);
    for (const [i, value] of ours.entries()) expect(Math.abs(value - theirs[i]!), `logit ${i}`).toBeLessThan(1e-3);
  });

  for (const { name, tolerance } of pictures) {
    it(`${name} is decoded as in Node`, async () => {
      const result = await ask(browser, ordinary, { kind: 'decode', image: name });
      if (!('answer' in result)) throw new Error(result.code);
      const wanted = await nodeHost.decodeImage(files.get(name)!, name);
      expect({ ...result.answer, pixels: undefined }).toEqual({ ...wanted, pixels: undefined });
      expect(result.answer.pixels).toHaveLength(wanted.pixels.length);
      expect(largestDifference(result.answer, wanted)).toBeLessThanOrEqual(tolerance);
    });
  }

  it('a broken image is refused as in Node', async () => {
    expect(await ask(browser, ordinary, { kind: 'decode', image: 'broken.png' })).toEqual({ code: 'evaluate/image' });
  });
});
