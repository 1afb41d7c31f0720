import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { Tensor } from '../../src/graph/tensor.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { type Device, openDevice } from '../../src/runtime/device.ts';
import { compareWithGolden } from './golden.ts';
import { demoImages, demoNetwork, demoNetworks } from './networks.ts';

describe('every int8 tensor equals onnxruntime', () => {
  let device: Device;
  let inputs: Record<string, Tensor>;

  beforeAll(async () => {
    device = await openDevice({ target: 'orin', engines: 'wasm' });
    inputs = await demoImages(100);
  });
  afterAll(() => device.close());

  for (const name of demoNetworks) {
    it(`${name}, 100 images`, async () => {
      const runtime = await nodeOnnxRuntime();
      const { network } = await demoNetwork(name, 100, 50, runtime);
      expect(network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
      const { tensors, elements, difference } = await compareWithGolden(network, inputs, { device, runtime });
      expect(difference).toBeUndefined();
      expect(tensors).toBeGreaterThan(10);
      expect(elements).toBeGreaterThan(1_000_000);
    });
  }
});
