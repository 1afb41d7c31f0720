/** The demo networks with Q/DQ on the first test images; all 10,000 are `npm run evidence`'s. */

import { afterAll, beforeAll, expect, it } from 'vitest';
import { quantizedAccuracy } from '../../scripts/evidence/quantized.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { type Device, openDevice } from '../../src/index.ts';
import { fashionModels } from '../../src/models/fashion.ts';

let device: Device;
beforeAll(async () => {
  device = await openDevice({ target: 'orin', engines: 'wasm' });
});
afterAll(() => device.close());

const limit = 300;

it.each(fashionModels.map((recipe) => [recipe.name, recipe] as const))('%s', async (_, recipe) => {
  const runtime = await nodeOnnxRuntime();
  const result = await quantizedAccuracy(recipe, 'open', { device, runtime, limit, calibrationLimit: 50 });
  expect(result).toMatchObject({ images: limit, onDla: result.convolutions, missing: 0 });
  expect(result.convolutions).toBeGreaterThan(5);
  expect(result.agreeing).toBeGreaterThanOrEqual(limit - 1);
  expect(Math.abs(result.dla.top1 - result.onnxruntime.top1)).toBeLessThanOrEqual(1.5 / limit);
});
