/**
 * A network on the open NVDLA, on the first test images, INT8 on four configurations and FP16 on nv_full. The bars over all 10,000
 * are `npm run evidence -- nvdla`'s; here a quantizer that loses accuracy, or a device that computes something else, must show on
 * few. Each network has a test file of its own.
 */

import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Classifier } from '../../../scripts/evidence/classify.ts';
import { type Configuration, nvdlaAccuracy } from '../../../scripts/evidence/nvdla/accuracy.ts';
import { nvdlaConfigurations } from '../../../scripts/evidence/nvdla/page.ts';
import { nodeOnnxRuntime } from '../../../src/host/node/onnxruntime.ts';
import { fashionModel } from '../../../src/models/fashion.ts';

const int8Images = 500;
const fp16Images = 20;
const calibrationLimit = 100;

const configurations: readonly Configuration[] = nvdlaConfigurations.map((configuration) => ({
  ...configuration,
  images: configuration.precision === 'int8' ? int8Images : fp16Images,
}));

export function keepsAccuracy(name: string): void {
  const recipe = fashionModel(name)!;
  describe('the open NVDLA', () => {
    let classifier: Classifier;
    beforeAll(() => {
      classifier = new Classifier(availableParallelism());
    });
    afterAll(() => classifier.close());

    it(`keeps the accuracy of ${name}`, { timeout: 600_000 }, async () => {
      const { configurations: found } = await nvdlaAccuracy(recipe, {
        configurations,
        runtime: await nodeOnnxRuntime(),
        calibrationLimit,
        classify: (loadable, network, images) => classifier.classes(loadable, network, images),
      });
      for (const { target, precision, images, fp32, top1, agreeing, hostSegments } of found) {
        const what = `${target} ${precision}`;
        expect(hostSegments, what).toBe(0);
        if (precision === 'fp16') expect(agreeing, what).toBe(images);
        else {
          expect(agreeing / images, what).toBeGreaterThanOrEqual(0.985);
          expect(100 * (fp32 - top1), what).toBeLessThanOrEqual(1);
        }
      }
    });
  });
}
