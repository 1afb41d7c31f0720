/** The exactness figures of the four demo networks, for `npm run evidence`. */

import { nodeOnnxRuntime } from '../../src/host/node/onnxruntime.ts';
import { openDevice } from '../../src/runtime/device.ts';
import { compareWithGolden, type GoldenResult } from './golden.ts';
import { demoImages, demoNetwork, demoNetworks } from './networks.ts';

export interface GoldenEvidence extends GoldenResult {
  readonly network: string;
  readonly images: number;
}

export async function goldenEvidence(images = 100, calibration = 500): Promise<readonly GoldenEvidence[]> {
  const runtime = await nodeOnnxRuntime();
  const inputs = await demoImages(images);
  const device = await openDevice({ target: 'orin', engines: 'wasm' });
  const results: GoldenEvidence[] = [];
  for (const name of demoNetworks) {
    const { network } = await demoNetwork(name, images, calibration, runtime);
    results.push({ network: name, images, ...(await compareWithGolden(network, inputs, { device, runtime })) });
  }
  device.close();
  return results;
}
