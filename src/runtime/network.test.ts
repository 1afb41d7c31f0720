import { describe, expect, it } from 'vitest';
import { float32Tensor, float32Values, type Tensor } from '../graph/tensor.ts';
import type { CompiledNetwork } from '../program/program.ts';
import { sampleProgram } from '../program/testing/sample-program.ts';
import { openDevice } from './device.ts';
import { compareRuns } from './dump.ts';
import { loadNetwork, runNetwork } from './network.ts';

/** The sample Program as a network of one segment. */
function sampleNetwork(): CompiledNetwork {
  const { program, blobs } = sampleProgram();
  const tensors = [...program.inputs, ...program.outputs].map((id) => {
    const { name, shape, scale } = program.surfaces[id]!;
    return { name, shape, dtype: 'float32' as const, scale: Math.fround(scale!) };
  });
  return {
    blobs,
    plan: {
      network: 'sample',
      target: 'orin',
      release: 'JetPack 6.0',
      batch: 1,
      ranges: 'calibrated',
      tensors,
      inputs: ['image'],
      outputs: ['both', 'picked'],
      segments: [{ kind: 'dla', name: '{ForeignNode[Conv_0...Sigmoid_6]}', program }],
    },
  };
}

const image = (seed: number): Tensor =>
  float32Tensor(
    [1, 3, 8, 8],
    Float32Array.from({ length: 192 }, (_, i) => (((i * 37 + seed * 11) % 211) - 105) / 40),
  );

const problemOf = async (work: Promise<unknown>): Promise<unknown> =>
  work.then(
    () => undefined,
    (error: { problem?: unknown }) => error.problem ?? error,
  );

describe('runNetwork', () => {
  it('gives the same bytes on the reference and on the kernels', async () => {
    const network = sampleNetwork();
    const runs = [];
    for (const engines of ['reference', 'wasm'] as const) {
      const device = await openDevice({ target: 'orin', engines });
      runs.push(await runNetwork(network, { image: image(1) }, { device, dump: 'all' }));
      device.close();
    }
    expect(runs[0]!.dumps.map(({ name, layer }) => [name, layer])).toEqual([
      ['image', undefined],
      ['pooled', 'Conv_0'],
      ['inner', 'Conv_1'],
      ['sum', 'Add_2'],
      ['large', 'Resize_3'],
      ['rest', 'Copy_4'],
      ['both', 'Copy_5'],
      ['picked', 'Sigmoid_6'],
    ]);
    expect(compareRuns(runs[0]!, runs[1]!)).toBeUndefined();
    expect(runs[0]!.counters.launches).toBe(7);
  });
});
