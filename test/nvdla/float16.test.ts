/**
 * The four networks in FP16 on nv_full: the kernels run every launch, and none is left to the scalar reference.
 */

import { readFile } from 'node:fs/promises';
import { expect, it } from 'vitest';
import { Random } from '../../src/base/random.ts';
import { createWasmEngines, type WasmEngines } from '../../src/device/engines/wasm/engines.ts';
import { elementCount, float32Tensor } from '../../src/graph/tensor.ts';
import { compile, prepare, readNetwork } from '../../src/index.ts';
import { fashionModels } from '../../src/models/fashion.ts';
import { openDevice } from '../../src/runtime/device.ts';
import { loadNetwork } from '../../src/runtime/network.ts';

it.each(fashionModels.map((recipe) => [recipe.name, recipe] as const))(
  'runs %s on kernels alone',
  async (_, { file, input, output, preprocess }) => {
    const model = await readFile(new URL(`../../models/${file}`, import.meta.url));
    const { network } = compile(prepare(readNetwork(model, { batch: 1 })), {
      target: 'nv_full',
      precision: 'fp16',
      preprocess,
    });
    let engines: WasmEngines | undefined;
    const device = await openDevice({
      target: 'nv_full',
      engines: async (bus) => {
        engines = await createWasmEngines(bus, { threads: 1 });
        return engines;
      },
    });
    const session = await loadNetwork(device, network);
    const shape = [1, ...input.shape.slice(1).map(Number)];
    const random = new Random(7);
    const image = float32Tensor(
      shape,
      Float32Array.from({ length: elementCount(shape) }, () => random.between(-1, 1)),
    );
    const { counters, outputs } = await session.run({ [input.name]: image });
    expect(outputs[output]!.shape).toEqual([1, 10]);
    expect(counters.launches).toBeGreaterThanOrEqual(10);
    expect(engines!.fallbacks).toBe(0);
    await session.close();
    device.close();
  },
);
