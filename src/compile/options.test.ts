import { describe, expect, it } from 'vitest';
import type { PrecisionName } from '../base/data-type.ts';
import { bytes } from '../base/units.ts';
import type { Graph } from '../graph/graph.ts';
import { float32Tensor } from '../graph/tensor.ts';
import { GraphBuilder } from '../models/graph-builder.ts';
import type { Program } from '../program/program.ts';
import { findRelease } from '../targets/find.ts';
import { nvSmall } from '../targets/nvdla.ts';
import { orin } from '../targets/orin.ts';
import { xavier } from '../targets/xavier.ts';
import { type CompileOptions, compile } from './compile.ts';
import { acceptAll } from './testing/accept-all.ts';

const release = findRelease(orin, 'JetPack 6.0');

function programOf(graph: Graph, options: Partial<CompileOptions> = {}, precision: PrecisionName = 'int8'): Program {
  const values = [...graph.inputs, ...graph.nodes.flatMap((node) => node.outputs)];
  const scales = new Map(values.map((value) => [value, 0.05]));
  const all = { target: orin, release, ...options };
  const checked = { ...acceptAll(graph), precision };
  const { plan } = compile({ graph, scales, ranges: 'calibrated' }, checked, all).network;
  const [segment] = plan.segments;
  if (segment?.kind !== 'dla') throw new Error('a DLA segment wanted');
  return segment.program;
}

/** One convolution on an image of so many channels, and perhaps something else that reads it. */
function image(channels: number, more?: (b: GraphBuilder, x: string) => string): Graph {
  const b = new GraphBuilder('image');
  const x = b.input('x', [1, channels, 10, 10]);
  const conv = b.conv(x, { channels, kernel: 3, padding: 1 });
  b.output(conv, ...(more === undefined ? [] : [more(b, x)]));
  return b.build();
}

describe('input formats', () => {
  const formatOf = (graph: Graph, options: Partial<CompileOptions> = {}, precision?: PrecisionName) =>
    programOf(graph, options, precision).surfaces[0]!.format;

  it('are images where they can be', () => {
    expect([1, 2, 3, 4, 5].map((channels) => formatOf(image(channels)))).toEqual([
      'dla_hwc4',
      'chw32',
      'dla_hwc4',
      'dla_hwc4',
      'chw32',
    ]);
  });

  it('are no images where something else than a convolution of few groups reads them', () => {
    expect(formatOf(image(3, (b, x) => b.relu(x)))).toBe('chw32');
    expect(formatOf(image(3, (b, x) => b.convTranspose(x, { channels: 2, kernel: 2, stride: 2 })))).toBe('chw32');
    expect(formatOf(image(3, (b, x) => b.add(b.conv(x, { channels: 3, kernel: 1 }), x)))).toBe('chw32');
    expect(formatOf(image(4, (b, x) => b.conv(x, { channels: 4, kernel: 1, groups: 4 })))).toBe('dla_hwc4');
  });

  it('of features go with the precision', () => {
    expect(formatOf(image(5), {}, 'fp16')).toBe('chw16');
    expect(formatOf(image(3), {}, 'fp16')).toBe('dla_hwc4');
    expect(formatOf(image(3), { inputFormat: 'chw16' }, 'fp16')).toBe('chw16');
    expect(formatOf(image(3), { inputFormat: 'dla_linear' }, 'fp16')).toBe('dla_linear');
    expect(() => formatOf(image(3), { inputFormat: 'chw32' }, 'fp16')).toThrow(
      /features are chw16.*compile\/unsupported/,
    );
    expect(() => formatOf(image(3), { inputFormat: 'chw16' })).toThrow(/features are chw32.*compile\/unsupported/);
  });

  it('can be chosen', () => {
    expect(formatOf(image(3), { inputFormat: 'dla_linear' })).toBe('dla_linear');
    expect(formatOf(image(3), { inputFormat: 'chw32' })).toBe('chw32');
    expect(formatOf(image(3), { inputFormat: 'dla_hwc4' })).toBe('dla_hwc4');
    expect(() => formatOf(image(5), { inputFormat: 'dla_hwc4' })).toThrow(/value x.*5 channels.*compile\/unsupported/);
    expect(() =>
      formatOf(
        image(3, (b, x) => b.relu(x)),
        { inputFormat: 'dla_hwc4' },
      ),
    ).toThrow(/is no convolution/);
  });

  it('have rows of 64 bytes on orin and 32 on xavier', () => {
    const rows = (target: typeof orin) => programOf(image(3), { target }).surfaces[0]!.lineStride;
    expect([rows(orin), rows(xavier)]).toEqual([64, 64]);
    const narrow = new GraphBuilder('narrow');
    narrow.output(narrow.conv(narrow.input('x', [1, 3, 5, 5]), { channels: 2, kernel: 1 }));
    expect([orin, xavier].map((target) => programOf(narrow.build(), { target }).surfaces[0]!.lineStride)).toEqual([
      64, 32,
    ]);
  });
});

describe('memory', () => {
  const chain = (shape: readonly number[]): Graph => {
    const b = new GraphBuilder('chain');
    let x = b.input('x', shape);
    for (let index = 0; index < 4; index++) x = b.maxPool(x, { kernel: 3, stride: 1, padding: 1 });
    b.output(x);
    return b.build();
  };

  it('keeps what fits in SRAM, at addresses that are taken again', () => {
    const inner = programOf(chain([1, 32, 16, 16]), { sram: bytes(2 * 8192) }).surfaces.filter(
      ({ memory }) => memory !== 'io',
    );
    expect(inner.map(({ memory, offset }) => [memory, offset])).toEqual([
      ['managed_sram', 0],
      ['managed_sram', 8192],
      ['managed_sram', 0],
    ]);
  });

  it('waits for those who used an address before', () => {
    const b = new GraphBuilder('branches');
    const x = b.input('x', [1, 32, 8, 8]);
    const pool = (value: string) => b.maxPool(value, { kernel: 3, stride: 1, padding: 1 });
    b.output(pool(pool(x)), pool(pool(x)));
    const { layers, surfaces } = programOf(b.build());
    const [first, , second] = layers.map((layer) => (layer.kind === 'pdp' ? surfaces[layer.pdp.output]! : undefined));
    expect([first!.memory, first!.offset]).toEqual([second!.memory, second!.offset]);
    expect(layers.map(({ after }) => after)).toEqual([[], [0], [1], [2]]);
  });

  it('goes to DRAM where there is no SRAM, in half the space', () => {
    const inner = programOf(chain([1, 32, 16, 16]), { sram: bytes(0) }).surfaces.filter(
      ({ memory }) => memory !== 'io',
    );
    expect(inner.map(({ memory }) => memory)).toEqual(['local_dram', 'local_dram', 'local_dram']);
    expect(Math.max(...inner.map(({ offset, size }) => offset + size))).toBe(2 * 8192);
  });

  it('takes the default pool of the target when nothing is said', () => {
    expect(programOf(chain([1, 32, 4, 4])).sram).toBe(512 * 1024);
  });

  it('is refused when it is not there', () => {
    expect(() => programOf(chain([1, 32, 4, 4]), { sram: bytes(2 ** 21) })).toThrow(/compile\/memory/);
    expect(() => programOf(chain([2, 64, 4096, 2048]))).toThrow(
      /take 2048 MiB, and dlaLocalDRAM has 1024.*compile\/memory/,
    );
  });
});

describe('sparsity', () => {
  const conv = (channels: number, kernels: number, value: (c: number) => number): Graph => {
    const b = new GraphBuilder('sparse');
    const x = b.input('x', [1, channels, 2, 2]);
    const data = Float32Array.from({ length: kernels * channels }, (_, index) => value(index % channels));
    const weights = b.constant('w', float32Tensor([kernels, channels, 1, 1], data));
    b.output(b.node('Conv', [x, weights], [[1, kernels, 2, 2]])[0]!);
    return b.build();
  };
  const half = (c: number) => (c % 4 < 2 ? 1 + c : 0);
  const isSparse = (graph: Graph, sparsity: 'disable' | 'enable' = 'enable', target = orin): boolean => {
    const [layer] = programOf(graph, { sparsity, target }).layers;
    return layer?.kind === 'conv' && layer.conv.sparse;
  };

  it('is used where the weights and the shape allow it', () => {
    expect(isSparse(conv(128, 64, half))).toBe(true);
    expect(isSparse(conv(66, 32, half))).toBe(true);
    expect(isSparse(conv(128, 64, half), 'disable')).toBe(false);
    expect(isSparse(conv(128, 64, half), 'enable', xavier)).toBe(false);
    expect(isSparse(conv(64, 64, half))).toBe(false);
    expect(isSparse(conv(128, 63, half))).toBe(false);
    expect(isSparse(conv(128, 64, (c) => (c % 4 < 3 ? 1 + c : 0)))).toBe(false);
  });
});

it('compiles for the open NVDLA in its own arithmetic', () => {
  const { layers } = programOf(image(3), { target: nvSmall });
  expect(layers.map((layer) => ('sdp' in layer ? layer.sdp.arithmetic : layer.kind))).toContain('integer-scale');
});

it('refuses scales that are no scales', () => {
  const graph = image(3);
  const scales = new Map([['x', -1]]);
  const quantized = { graph, scales, ranges: 'calibrated' as const };
  expect(() => compile(quantized, acceptAll(graph), { target: orin, release })).toThrow(/value x.*calibrate\/value/);
});
