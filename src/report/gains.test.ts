import { describe, expect, it } from 'vitest';
import { type CompileOptions, check, compile, type EstimateOptions, estimate, prepare, report } from '../index.ts';
import { lenet } from '../models/caffe.ts';
import { GraphBuilder } from '../models/graph-builder.ts';
import { gainText } from './gains.ts';
import type { Gain } from './report.ts';

/** Two convolutions, between them a HardSwish, which the DLA runs only after a rewrite. */
function network() {
  const builder = new GraphBuilder('net', { seed: 5 });
  const image = builder.input('image', [1, 64, 48, 48]);
  const first = builder.conv(image, { channels: 256, kernel: 3, padding: 1 });
  const [middle = ''] = builder.node('HardSwish', [first], [builder.shape(first)]);
  builder.output(builder.conv(middle, { channels: 64, kernel: 3, padding: 1 }));
  return prepare(builder.build());
}

describe('gains', () => {
  it.each<[string, CompileOptions, EstimateOptions]>([
    ['the defaults', {}, {}],
    ['another pool of SRAM', { sram: 1 }, {}],
    ['sparsity', { sparsity: 'enable' }, {}],
    ['an input format', { inputFormat: 'dla_linear' }, {}],
    ['another module', {}, { module: 'orin-nx-16gb', cores: 1 }],
    ['xavier', { target: 'xavier' }, {}],
    ['nv_full in FP16', { target: 'nv_full', precision: 'fp16' }, { system: { clock: 100 } }],
  ])('are told with the options of the compilation: %s', (_, options, where) => {
    const prepared = options.target === 'nv_full' ? prepare(lenet()) : network();
    const compilation = compile(prepared, options);
    const value = report(prepared, compilation, where);
    // The time after all rewrites is that of the report's own estimate.
    expect(value.gain.latency?.[1]).toBe(value.estimates[0]!.latency);
    const before = compile({ ...prepared, graph: prepared.original, applied: [] }, options).network.plan;
    const time = estimate(before, where);
    expect(value.gain.latency?.[0]).toBe(time.latency);
    expect(value.gain.dlaTime?.[0]).toBe(time.latency - (time.asBuilt?.time ?? 0));
    expect(value.precision).toBe(options.precision ?? 'int8');
    expect(value.original).toEqual(check(prepared.original, options));
    expect(value.original.precision).toBe(value.prepared.precision);
  });

  it('of sparsity and SRAM differ from those without', () => {
    const time = (options: CompileOptions) => {
      const prepared = network();
      return report(prepared, compile(prepared, options)).gain.dlaTime![1];
    };
    expect(time({ sram: 1 })).toBeLessThan(time({}));
  });

  it('count nodes that leave the GPU and tensors that cross no more', () => {
    const prepared = network();
    const { gain, changes } = report(prepared, compile(prepared));
    expect(gain).toMatchObject({ gpuNodes: [1, 0], crossings: [2, 0], loadables: [2, 1] });
    expect(changes.map(({ rewrite, nodes }) => [rewrite, nodes.length])).toEqual([['reconstruct-hard-swish', 1]]);
    expect(changes[0]!.gain).toMatchObject({ gpuNodes: [1, 0], crossings: [2, 0] });
  });
});

describe('a gain as a sentence', () => {
  const same: Gain = { gpuNodes: [0, 0], loadables: [1, 1], crossings: [0, 0], dlaMacs: [1, 1], dlaTime: [5, 5] };

  it('never calls it a gain that the DLA takes longer', () => {
    const moved: Gain = { ...same, gpuNodes: [1, 0], crossings: [2, 0], loadables: [2, 1], dlaTime: [300.5, 312.4] };
    expect(gainText(moved, 'gpu')).toBe(
      'nodes on the GPU 1 → 0, tensors between DLA and GPU 2 → 0, loadables 2 → 1, the DLA works 11.9 µs more for it',
    );
    expect(gainText({ ...same, dlaTime: [312.4, 300.5] }, 'gpu')).toBe('DLA time 312.4 µs → 300.5 µs');
  });

  it('says so when there is none, and nothing of a time that is not known', () => {
    expect(gainText(same, 'gpu')).toBe('none by itself');
    const { dlaTime: _, ...untimed } = same;
    expect(gainText({ ...untimed, gpuNodes: [2, 1] }, 'host')).toBe('nodes on the host 2 → 1');
  });
});
