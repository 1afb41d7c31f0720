/**
 * INT8 beside FP32 on the first test images, default settings, for one network; each has a test file of its own. The bar over all 10,000 is `npm run evidence`'s; here a
 * quantizer that loses accuracy, or an emulator that computes something else, must show on few.
 */

import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { difference, networkAccuracy } from '../../scripts/evidence/accuracy.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { fashionModel } from '../../src/models/fashion.ts';
import { defaultMethod } from '../../src/quantize/calibrate.ts';
import { type Device, openDevice } from '../../src/runtime/device.ts';

const limit = 1000;
const calibrationLimit = 100;

export function keepsAccuracy(name: string): void {
  const recipe = fashionModel(name)!;
  describe('INT8 with default settings', () => {
    let device: Device;
    beforeAll(async () => {
      device = await openDevice({ target: 'orin', engines: 'wasm' });
    });
    afterAll(() => device.close());

    it(`keeps the accuracy of ${recipe.name} on ${limit} images`, async () => {
      const runtime = await nodeOnnxRuntime();
      const options = { methods: [defaultMethod], device, runtime, limit, calibrationLimit };
      const { images, calibrationImages, fp32, fp16, methods } = await networkAccuracy(recipe, options);
      expect([images, calibrationImages]).toEqual([limit, calibrationLimit]);
      // What onnxruntime gives on these images: the labels, the order and the pre-processing are right.
      expect(Math.abs(fp32.top1 - recipe.fp32Top1)).toBeLessThan(0.02);
      const [found] = methods;
      expect(found?.agreement).toBeGreaterThanOrEqual(0.985);
      expect(Math.abs(difference(fp32, found!.int8))).toBeLessThanOrEqual(0.7);
      expect(fp16.agreeing).toBeGreaterThanOrEqual(limit - 1);
    }, 300_000);
  });
}
