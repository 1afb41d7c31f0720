/**
 * The four networks on the open NVDLA, on the first test images, INT8 on four configurations and FP16 on nv_full. The bars over
 * all 10,000 are `npm run evidence -- nvdla`'s; here a quantizer that loses accuracy, or a device that computes something else,
 * must show on few.
 */

import { availableParallelism } from 'node:os';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { Classifier } from '../../scripts/evidence/classify.ts';
import { type Configuration, nvdlaAccuracy } from '../../scripts/evidence/nvdla/accuracy.ts';
import { nvdlaConfigurations } from '../../scripts/evidence/nvdla/page.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { fashionModels } from '../../src/models/fashion.ts';

const int8Images = 500;
const fp16Images = 20;
const calibrationLimit = 100;

const configurations: readonly Configuration[] = nvdlaConfigurations.map((configuration) => ({
  ...configuration,
  images: configuration.precision === 'int8' ? int8Images : fp16Images,
}));

describe('the open NVDLA', () => {
  let classifier: Classifier;
  beforeAll(() => {
    classifier = new Classifier(availableParallelism());
  });
  afterAll(() => classifier.close());

  it.each(fashionModels.map((recipe) => [recipe.name, recipe] as const))(
    'keeps the accuracy of %s',
    async (_, recipe) => {
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
    },
    600_000,
  );
});
