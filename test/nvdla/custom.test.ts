/** Configurations that somebody built: from a JSON target to a network that runs on it, and to its stock loadable. */

import { describe, expect, it } from 'vitest';
import { addTarget, type CustomTarget, readTarget } from '../../src/index.ts';
import { lowerProgram } from '../../src/loadable/nvdla/lower/program.ts';
import { validateStockLoadable } from '../../src/loadable/nvdla/validate/loadable.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { prepared, runOn, signalToNoise } from './run.ts';

const targets: readonly CustomTarget[] = [
  // More kernels at once than an atom holds, and a small buffer.
  {
    name: 'wide_small',
    extends: 'nv_small',
    atomic: { c: 16, k: 32 },
    cbuf: { banks: 8, entryBytes: 16, entriesPerBank: 128 },
  },
  // Fewer kernels than an atom holds.
  { name: 'narrow', extends: 'nv_medium_512', atomic: { c: 64, k: 8 }, memoryAtom: 32 },
  // A small one with an element-wise unit, and no table in it.
  { name: 'small_elementwise', extends: 'nv_small', elementwise: true, throughput: { x: 2, y: 1 } },
  // A large one without.
  { name: 'plain_large', extends: 'nv_large', elementwise: false, lookupTable: false, throughput: { y: 0 } },
  // Entries of several atoms.
  {
    name: 'deep',
    extends: 'nv_small_256_full',
    memoryAtom: 8,
    cbuf: { banks: 16, entryBytes: 128, entriesPerBank: 64 },
    accumulatorBits: 40,
  },
];

const network = () => {
  const b = new GraphBuilder('net', { seed: 3 });
  const x = b.input('x', [2, 3, 18, 20]);
  const first = b.maxPool(b.relu(b.conv(x, { channels: 40, kernel: 5, stride: 2, padding: 2 })), {
    kernel: 3,
    stride: 2,
  });
  const depth = b.clip(b.conv(first, { channels: 40, kernel: 3, padding: 1, groups: 40 }), 0, 0.8);
  const sum = b.unary('Sigmoid', b.add(b.conv(depth, { channels: 40, kernel: 1 }), first));
  const joined = b.concat([sum, b.conv(first, { channels: 13, kernel: 3, padding: 1 })]);
  const large = b.resize(b.convTranspose(joined, { channels: 12, kernel: 2, stride: 2 }), [1, 2]);
  b.output(large, b.gemm(b.flatten(b.globalAveragePool(b.relu(joined))), 10));
  return b.build();
};

describe.each(targets.map((given) => [given.name, given] as const))('the target %s', (name, given) => {
  const target = readTarget(JSON.stringify(given));
  addTarget(target);

  it('runs a network as floating point does', async () => {
    const graph = network();
    const subject = await prepared(graph);
    const { outputs, compilation } = await runOn(subject, name, 'int8');
    expect(compilation.network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    for (const output of graph.outputs) {
      expect(signalToNoise(outputs[output]!, subject.expected[output]!), output).toBeGreaterThan(400);
    }
    for (const segment of compilation.network.plan.segments) {
      if (segment.kind === 'host') continue;
      const loadable = lowerProgram(segment.program, compilation.network.blobs, target);
      expect(validateStockLoadable(loadable, target)).toEqual([]);
    }
  });
});
