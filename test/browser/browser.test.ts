/**
 * The package in a browser's worker gives the bytes that it gives in Node: the check, the loadable and every INT8 tensor
 * of a run, with threads on an isolated page and without on any other.
 */

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Browser } from 'playwright-core';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { samples } from '../../src/evaluate/data-set.ts';
import { idxDataSet } from '../../src/evaluate/idx.ts';
import { nodeHost } from '../../src/host/node/index.ts';
import { calibrate, compile, prepare, readNetwork } from '../../src/index.ts';
import { fashionModel } from '../../src/models/fashion.ts';
import { writeCalibrationCache } from '../../src/quantize/calibration-cache.ts';
import { bundle, root } from './bundle.ts';
import { findChromium, openChromium } from './chromium.ts';
import { checkCompileRun, type Inputs, images, type Outcome } from './job.ts';
import { openSite, type Site } from './site.ts';
import type { Reply, Request } from './worker.ts';

const executable = findChromium();
const required = process.env.DLAKIT_REQUIRE_BROWSER === '1';

const read = (...path: string[]): Uint8Array => new Uint8Array(readFileSync(join(root, ...path)));
const recipe = fashionModel('fashion-resnet20')!;

/** From 50 of the calibration images. */
async function calibrationCache(model: Uint8Array): Promise<string> {
  const network = prepare(readNetwork(model, { batch: 50 }));
  const dataSet = await idxDataSet(read('data', 'fashion-mnist-calibration-images.idx3.gz'), undefined);
  const { name, shape } = { name: recipe.input.name, shape: [50, 1, 28, 28] };
  const { scales } = await calibrate(
    network,
    samples(dataSet, { name, shape, preprocess: recipe.preprocess }, { limit: 50 }),
    {
      runtime: await nodeHost.onnxRuntime(),
      threads: 1,
    },
  );
  return writeCalibrationCache(compile(network, { scales }).quantized.scales);
}

if (executable === undefined) {
  describe('a browser', () => {
    it.runIf(required)('is required by DLAKIT_REQUIRE_BROWSER', () => {
      expect.fail('no Chromium was found on the path');
    });
    it.skipIf(!required)('is not there: no Chromium was found on the path, so nothing was tested in one', () => {});
  });
}

describe.runIf(executable !== undefined)('in Chromium, the package', () => {
  let inputs: Inputs;
  let expected: Outcome;
  let files: ReadonlyMap<string, Uint8Array>;
  let browser: Browser | undefined;

  beforeAll(async () => {
    const model = read('models', recipe.file);
    inputs = {
      model,
      cache: await calibrationCache(model),
      images: read('data', 'fashion-mnist-test-images.idx3.gz'),
    };
    expected = await checkCompileRun(inputs, { threads: 1, spawn: nodeHost.spawn });
    const worker = await bundle({ file: join(root, 'test', 'browser', 'worker.ts') });
    files = new Map([
      ...worker.files,
      [recipe.file, inputs.model],
      ['calibration.cache', new TextEncoder().encode(inputs.cache)],
      ['images.idx3.gz', inputs.images],
    ]);
    browser = await openChromium(executable!);
  });

  afterAll(() => browser?.close());

  /** Opens the page, gives the request to a worker, and closes the page. Whatever the browser complains of is an error. */
  async function ask(site: Site, request: Request): Promise<Reply> {
    const context = await browser!.newContext();
    const complaints: string[] = [];
    const foreign: string[] = [];
    context.on('request', (asked) => {
      const url = asked.url();
      if (!url.startsWith(`${site.origin}/`) && !/^(?:blob|data):/.test(url)) foreign.push(url);
    });
    try {
      const page = await context.newPage();
      page.on('console', (message) => {
        if (['error', 'warning'].includes(message.type())) complaints.push(message.text());
      });
      page.on('pageerror', (error) => complaints.push(String(error)));
      await page.goto(`${site.origin}/`, { timeout: 15_000 });
      const reply = await page.evaluate(
        ({ request, limit }) =>
          new Promise<Reply>((resolve, reject) => {
            const worker = new Worker('/main.js', { type: 'module' });
            const timer = setTimeout(() => reject(new Error('the worker gives no answer')), limit);
            worker.onerror = (event) => reject(new Error(`the worker failed: ${event.message}`));
            worker.onmessage = ({ data }) => {
              clearTimeout(timer);
              worker.terminate();
              if ('reply' in data) resolve(data.reply);
              else reject(new Error(data.error));
            };
            worker.postMessage(request);
          }),
        { request, limit: 40_000 },
      );
      expect(complaints).toEqual([]);
      expect(foreign).toEqual([]);
      return reply;
    } finally {
      await context.close();
    }
  }

  describe.each([
    { title: 'on an isolated page, with two threads', isolated: true, threads: 2, engines: 'wasm, 2 threads' },
    { title: 'on any other page, with one thread', isolated: false, threads: 1, engines: 'wasm, 1 thread' },
  ])('$title', ({ isolated, threads, engines }) => {
    let site: Site | undefined;
    let reply: Reply;

    beforeAll(async () => {
      site = await openSite(files, isolated);
      const { file: model } = recipe;
      reply = await ask(site, { model, cache: 'calibration.cache', images: 'images.idx3.gz', threads });
    });

    afterAll(() => site?.close());

    it('finds the page as it should be', () => {
      expect(reply.isolated).toBe(isolated);
      expect(reply.outcome.engines).toBe(engines);
      expect(reply.outcome.shared).toBe(isolated);
      if (!isolated) expect(reply.processors).toBe(1);
    });

    it('loads its own files and the one build of the kernels that it runs', () => {
      for (const path of site!.requests) expect(path === '/' || files.has(path.slice(1)), path).toBe(true);
      const kernels = [...files].filter(([name, data]) => name.endsWith('.js') && holdsKernels(data));
      expect(kernels).toHaveLength(2);
      expect(kernels.filter(([name]) => site!.requests.includes(`/${name}`))).toHaveLength(1);
    });

    it('checks as in Node', () => {
      expect(reply.outcome.checked).toBe(expected.checked);
    });

    it('compiles to the bytes of Node', () => {
      expect(Buffer.compare(reply.outcome.loadable, expected.loadable)).toBe(0);
    });

    it(`runs ${images} images to the bytes of Node, every tensor`, () => {
      expect(expected.tensors.length).toBeGreaterThan(20);
      expect(reply.outcome.tensors).toEqual(expected.tensors);
      expect(Buffer.compare(reply.outcome.logits, expected.logits)).toBe(0);
      expect(expected.logits).toHaveLength(images * 10 * 4);
    });
  });
});

/** A WebAssembly module in base64 begins so. */
const holdsKernels = (script: Uint8Array): boolean => Buffer.from(script).includes('AGFzbQEAAAA');
