/**
 * Small networks from ONNX to the registers of the open NVDLA: compiled, lowered, run by the firmware on the kernels and on
 * the scalar reference, and held against onnxruntime in floating point.
 */

import { describe, expect, it } from 'vitest';
import type { Graph } from '../../src/graph/graph.ts';
import { GraphBuilder } from '../../src/models/graph-builder.ts';
import { targets } from '../../src/targets/find.ts';
import { type Outcome, prepared, runOn, signalToNoise, worstPart } from './run.ts';

const open = targets.filter(({ generation }) => generation === 'nvdla').map(({ name }) => name);

const build = (make: (b: GraphBuilder) => void): Graph => {
  const b = new GraphBuilder('net', { seed: 5 });
  make(b);
  return b.build();
};

const networks: Readonly<Record<string, Graph>> = {
  'channels joined and cut apart inside atoms': build((b) => {
    const x = b.input('x', [3, 6, 7, 5]);
    const a = b.relu(b.conv(x, { channels: 5, kernel: 3, padding: 1 }));
    const c = b.relu(b.conv(x, { channels: 7, kernel: 1 }));
    const joined = b.concat([a, c, b.maxPool(x, { kernel: 3, stride: 1, padding: 1 })]);
    const [first, second] = b.split(joined, [11, 7]);
    b.output(b.conv(b.concat([second!, first!]), { channels: 9, kernel: 1 }));
  }),
  'a residual block with a depthwise convolution': build((b) => {
    const x = b.relu(b.conv(b.input('x', [3, 3, 12, 12]), { channels: 40, kernel: 3, padding: 1 }));
    const y = b.clip(b.conv(x, { channels: 40, kernel: 3, padding: 1, groups: 40 }), 0, 6);
    const z = b.relu(b.add(b.conv(y, { channels: 40, kernel: 1 }), x));
    b.output(b.gemm(b.flatten(b.globalAveragePool(z)), 10));
  }),
  'a map that takes more than one pooling window': build((b) => {
    const x = b.relu(b.conv(b.input('x', [3, 4, 12, 10]), { channels: 16, kernel: 1 }));
    b.output(b.gemm(b.flatten(b.globalAveragePool(x)), 6));
  }),
  'products and differences of tensors': build((b) => {
    const x = b.input('x', [3, 8, 6, 6]);
    const [a, c] = [b.conv(x, { channels: 12, kernel: 1 }), b.conv(x, { channels: 12, kernel: 3, padding: 1 })];
    b.output(
      b.binary('Mul', a, c),
      b.binary(
        'Sub',
        b.maxPool(a, { kernel: 2, stride: 1, padding: 0 }),
        b.maxPool(c, { kernel: 2, stride: 1, padding: 0 }),
      ),
    );
  }),
};

const batch = 3;

describe.each(Object.entries(networks))('%s', (_, graph) => {
  it.each(open)('runs on %s as floating point does, within a few steps', async (target) => {
    const subject = await prepared(graph);
    const kernels = await runOn(subject, target, 'int8', { dump: 'all' });
    const reference = await runOn(subject, target, 'int8', { engines: 'reference', dump: 'all' });
    expect(kernels.compilation.network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    expect(kernels.outputs).toEqual(reference.outputs);
    expect(kernels.dumps).toEqual(reference.dumps);
    expect(kernels.progress.at(-1)).toBe(1);
    expect(kernels.progress.every((part) => part <= 1)).toBe(true);
    for (const name of graph.outputs) {
      expect(kernels.outputs[name]!.shape[0]).toBe(batch);
      // 26 dB: what 8 bits leave after a handful of layers; a channel in the wrong place leaves none.
      expect(signalToNoise(kernels.outputs[name]!, subject.expected[name]!), name).toBeGreaterThan(400);
    }
  });

  it('runs on nv_full in FP16', async () => {
    const subject = await prepared(graph);
    const { outputs } = await runOn(subject, 'nv_full', 'fp16');
    for (const name of graph.outputs) expect(worstPart(outputs[name]!, subject.expected[name]!)).toBeLessThan(0.005);
  });
});

describe.each([1, 3, 4])('an image of %i components', (channels) => {
  const graph = build((b) => {
    const x = b.input('x', [1, channels, 23, 21]);
    b.output(
      b.maxPool(b.relu(b.conv(x, { channels: 20, kernel: 7, stride: 2, padding: 3 })), { kernel: 3, stride: 2 }),
    );
  });
  const formatOf = ({ compilation }: Outcome) => {
    const [segment] = compilation.network.plan.segments;
    return segment?.kind === 'dla' ? segment.program.surfaces[segment.program.inputs[0]!]!.format : undefined;
  };

  it.each(open)('gives on %s what features of the same numbers give', async (target) => {
    const subject = await prepared(graph);
    const pixels = await runOn(subject, target, 'int8', { inputFormat: 'dla_hwc4' });
    const features = await runOn(subject, target, 'int8', { inputFormat: 'chw32' });
    expect([formatOf(pixels), formatOf(features)]).toEqual(['dla_hwc4', expect.stringMatching(/^chw/)]);
    expect(pixels.outputs).toEqual(features.outputs);
  });

  it('is read in FP16', async () => {
    const subject = await prepared(graph);
    const pixels = await runOn(subject, 'nv_full', 'fp16', { inputFormat: 'dla_hwc4' });
    expect(formatOf(pixels)).toBe('dla_hwc4');
    for (const name of graph.outputs)
      expect(worstPart(pixels.outputs[name]!, subject.expected[name]!)).toBeLessThan(0.002);
  });
});
