/** Loadables of the open NVDLA as networks again: those of ours with their names and scales, others as the hardware has them. */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { elementSize } from '../../src/base/data-type.ts';
import { elementCount } from '../../src/graph/tensor.ts';
import {
  compile,
  encodeNvdla,
  inspectProgram,
  lift,
  liftToEstimate,
  loadNetwork,
  openDevice,
  prepare,
  readNetwork,
} from '../../src/index.ts';
import { networks } from '../../src/loadable/nvdla/testing/fixtures.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import type { CompiledNetwork } from '../../src/program/program.ts';
import { problemOf } from '../../src/program/testing/problem-of.ts';

async function run(network: CompiledNetwork): Promise<Readonly<Record<string, Uint8Array>>> {
  const device = await openDevice({ target: network.plan.target });
  const session = await loadNetwork(device, network);
  const { outputs } = await session.run(
    Object.fromEntries(
      network.plan.inputs.map((name) => {
        const { shape, dtype } = network.plan.tensors.find((tensor) => tensor.name === name)!;
        const bytes = new Uint8Array(elementCount(shape) * elementSize[dtype]);
        const values = dtype === 'float32' ? new Float32Array(bytes.buffer) : bytes;
        for (const at of values.keys()) values[at] = ((at * 37) % 61) / 30;
        return [name, { shape, dtype, bytes }];
      }),
    ),
  );
  await session.close();
  device.close();
  return Object.fromEntries(Object.entries(outputs).map(([name, { bytes }]) => [name, bytes]));
}

describe('a lifted loadable', () => {
  it.each([
    ['nv_small', 'int8'],
    ['nv_full', 'fp16'],
  ] as const)('of ours for %s in %s is the network that was compiled', async (target, precision) => {
    const graph = readNetwork(readFileSync(new URL('../../models/fashion-resnet8-wide-dense.onnx', import.meta.url)));
    const compiled = compile(prepare(graph), { target, precision });
    const lifted = lift(encodeNvdla(compiled));
    const { segments: _, ranges: __, ...plan } = lifted.plan;
    const { tensors, inputs, outputs, network, release, batch } = compiled.network.plan;
    const crossing = tensors.filter(({ name }) => [...inputs, ...outputs].includes(name));
    expect(plan).toMatchObject({ target, network, release, batch, inputs, outputs, tensors: crossing });
    expect(await run(lifted)).toEqual(await run(compiled.network));
  });

  it('of ours keeps the scales of its inputs and outputs where pooling reads or writes them', async () => {
    const b = new GraphBuilder('pools', { seed: 3 });
    const x = b.input('x', [1, 8, 12, 12]);
    b.output(b.maxPool(b.maxPool(x, { kernel: 2, stride: 2 }), { kernel: 3, stride: 1, padding: 1 }));
    b.output(b.averagePool(b.relu(x), { kernel: 3, stride: 1 }));
    const compiled = compile(prepare(b.build()), { target: 'nv_small' });
    const bytes = encodeNvdla(compiled);
    expect(liftToEstimate(bytes).segments).toHaveLength(1);
    expect(await run(lift(bytes))).toEqual(await run(compiled.network));
  });

  it('of others has tensors as the hardware has them, and names its target when it is asked for', async () => {
    const { bytes } = networks().find(({ name }) => name.includes('conv1__nv_small'))!;
    expect(problemOf(() => lift(bytes)).code).toBe('loadable/target-missing');
    const lifted = lift(bytes, { target: 'nv_small' });
    expect(lifted.plan.tensors.map(({ dtype, scale }) => [dtype, scale])).toEqual([
      ['int8', undefined],
      ['int8', undefined],
    ]);
    const [output] = Object.values(await run(lifted));
    expect(output!.some((byte) => byte !== 0)).toBe(true);
  });

  it('with a task for the emulator is text, and no plan', () => {
    const { bytes, target } = networks().find(({ name }) => name.includes('lenet'))!;
    expect(problemOf(() => lift(bytes, { target: target.name })).code).toBe('loadable/unliftable');
    const lines = inspectProgram(bytes, { target: target.name }).split('\n');
    expect(lines.filter((line) => line.startsWith('layer ')).length).toBeGreaterThan(4);
    expect(lines.filter((line) => line.startsWith('softmax '))).toHaveLength(1);
  });
});
