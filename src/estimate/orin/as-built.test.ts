import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compile, estimate, type Plan, prepare } from '../../index.ts';
import { GraphBuilder } from '../../models/graph-builder.ts';
import { problemOf } from '../../program/testing/problem-of.ts';
import { asBuiltParameters } from './as-built.ts';

const { handOver, reformat, gpuLayer } = asBuiltParameters;

function chain(size: number, make: (b: GraphBuilder, x: string) => string = (_, x) => x): Plan {
  const b = new GraphBuilder('net');
  const x = b.conv(b.input('image', [1, 3, size, size]), { channels: 8, kernel: 3, padding: 1, name: 'first' });
  b.output(b.conv(make(b, x), { channels: 8, kernel: 3, padding: 1, name: 'last' }));
  return compile(prepare(b.build())).network.plan;
}

describe('what an engine spends around the DLA', () => {
  const plan = chain(32);
  const native = estimate(plan, { powerMode: 'MAXN' });

  it('is nothing for one loadable with the formats of the DLA, which is what a board folder asks for', () => {
    expect(native.asBuilt).toEqual({ bindings: 'native', parts: [], time: 0 });
    expect(estimate(plan, { powerMode: 'MAXN', bindings: 'native' })).toEqual(native);
  });

  it('is a hand-over and a reformat of each input and output with FP32 linear bindings', () => {
    const linear = estimate(plan, { powerMode: 'MAXN', bindings: 'fp32' });
    const { parts, time } = linear.asBuilt!;
    expect(parts.map(({ kind, what, count }) => [kind, what, count])).toEqual([
      ['hand-over', 'a task to the DLA and back', 1],
      ['reformat', 'input image, linear to int8:dla_hwc4', 3 * 32 * 32],
      ['reformat', 'output last:out, int8:chw32 to linear', 8 * 32 * 32],
    ]);
    expect(time).toBeCloseTo(handOver.full.value + ((11 * 32 * 32) / 1e6) * reformat.value, 9);
    expect(linear.latency).toBeCloseTo(native.latency + time, 9);
    expect(parts[0]!.start).toBe(0);
    expect(linear.layers[0]!.placed!.start).toBeGreaterThan(parts[1]!.end);
    expect(parts[2]!.end).toBeCloseTo(linear.latency, 9);
  });

  it('takes longer where the processor is capped', () => {
    const part = (powerMode: string) => estimate(plan, { powerMode, bindings: 'fp32' }).asBuilt!.parts[0]!.time;
    expect([part('MAXN'), part('50W'), part('30W')]).toEqual([125.5, 148.5, 148.5]);
  });

  it('hands over to the GPU and back where a node runs there', () => {
    const broken = chain(32, (b, x) => b.unary('Elu', x));
    expect(broken.segments.map(({ kind }) => kind)).toEqual(['dla', 'host', 'dla']);
    const { asBuilt, layers, latency, notes } = estimate(broken, { powerMode: 'MAXN' });
    expect(asBuilt!.parts.map(({ kind, segment }) => [kind, segment])).toEqual([
      ['hand-over', 0],
      ['reformat', 0],
      ['gpu', 1],
      ['hand-over', 2],
      ['reformat', 2],
    ]);
    expect(asBuilt!.parts[2]).toMatchObject({ what: '1 node on the GPU', time: gpuLayer.value });
    const work = layers.reduce((sum, { total }) => sum + total, 0);
    expect(latency).toBeCloseTo(work + 2 * 20 + asBuilt!.time, 6);
    expect(notes.join('\n')).toContain('1 node on the GPU: what launching it costs is in the latency');
  });

  it('bounds the images a second of two cores by the one GPU that they share', () => {
    const broken = chain(8, (b, x) => Array.from({ length: 40 }).reduce<string>((y) => b.unary('Elu', y), x));
    const [one, two] = [1, 2].map((cores) => estimate(broken, { powerMode: 'MAXN', cores }));
    const onGpu = one!.asBuilt!.parts.reduce((sum, { kind, time }) => sum + (kind === 'hand-over' ? 0 : time), 0);
    expect(onGpu).toBeGreaterThan(40 * gpuLayer.value);
    expect(onGpu).toBeGreaterThan(one!.latency / 2);
    expect(two!.imagesPerSecond).toBeCloseTo(1e6 / onGpu, 6);
    expect(one!.imagesPerSecond).toBeCloseTo(1e6 / one!.latency, 6);
  });

  it('grows with the tensors', () => {
    const side = fc.integer({ min: 1, max: 64 });
    fc.assert(
      fc.property(side, side, (size, by) => {
        const time = (pixels: number) => estimate(chain(pixels), { powerMode: '50W', bindings: 'fp32' }).asBuilt!.time;
        expect(time(size + by)).toBeGreaterThan(time(size));
      }),
      { numRuns: 15 },
    );
  });

  it('is no question of the open NVDLA', () => {
    const b = new GraphBuilder('net');
    b.output(b.conv(b.input('x', [1, 8, 8, 8]), { channels: 8, kernel: 1 }));
    const other = compile(prepare(b.build(), { target: 'nv_small' }), { target: 'nv_small' }).network.plan;
    expect(problemOf(() => estimate(other, { bindings: 'fp32' })).code).toBe('estimate/bindings');
  });
});
