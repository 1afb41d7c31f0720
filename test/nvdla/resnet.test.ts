/**
 * Every launch of ResNet-18 and ResNet-50 on the smallest and the largest configuration: a row of its results, picked by a
 * seed, is what the scalar reference makes of the same memory. All rows are `npm run evidence -- nvdla-launches`'s.
 */

import { beforeAll, describe, expect, it } from 'vitest';
import {
  launchNetworks,
  launchTargets,
  runChecked,
  type ScaledNetwork,
  scaledNetwork,
} from '../../scripts/evidence/nvdla/launches.ts';
import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';

describe.each(launchNetworks)('$title', ({ title, build }) => {
  let network: ScaledNetwork;
  beforeAll(async () => {
    network = await scaledNetwork(build, await nodeOnnxRuntime());
  }, 60_000);

  it.each(launchTargets)(
    'equals the reference launch by launch on %s',
    async (target) => {
      const { launches, fallbacks, saturated, kinds } = await runChecked(network, target, 11);
      expect(fallbacks).toBe(0);
      expect(saturated).toBeGreaterThan(0);
      expect([...kinds.values()].reduce((sum, count) => sum + count, 0)).toBe(launches);
      const residual = title === 'ResNet-18' ? '3×3' : '1×1';
      expect([...kinds.keys()]).toEqual(
        expect.arrayContaining([
          target === 'nv_full' ? 'conv 7×7/2 of pixels' : 'conv 7×7/2',
          'max pool 3×3/2',
          'conv 3×3',
          'conv 3×3/2',
          'conv 1×1',
          'conv 1×1/2',
          `conv ${residual}, add`,
        ]),
      );
      // Rows that do not fit the convolution buffer of nv_small at once.
      if (target === 'nv_small') expect(kinds.get('conv 7×7/2')).toBeGreaterThan(1);
    },
    300_000,
  );
});
