/** Networks with INT8 and FP16 in them: by missing scales, by names, at random. */

import { describe, expect, it } from 'vitest';
import { precisionName } from '../../src/base/data-type.ts';
import { float16Bits } from '../../src/base/float16.ts';
import type { Random } from '../../src/base/random.ts';
import type { Graph } from '../../src/graph/graph.ts';
import { asFloat32, float32Values, type Tensor } from '../../src/graph/tensor.ts';
import {
  type Compilation,
  type CompileOptions,
  compile,
  decodeLoadable,
  encodeLoadable,
  openDevice,
  prepare,
  run,
} from '../../src/index.ts';
import { GraphBuilder, int } from '../../src/models/graph-builder.ts';
import type { Layer } from '../../src/program/layer.ts';
import type { DlaSegment, Program } from '../../src/program/program.ts';
import { ortRuntime } from '../../src/quantize/testing/ort-runtime.ts';
import { seed } from '../seed.ts';
import { randomNetwork, realValues, signalToNoise } from './random-network.ts';

const onlyProgram = ({ network }: Pick<Compilation, 'network'>): Program => {
  expect(network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
  return (network.plan.segments[0] as DlaSegment).program;
};

/** `conv int8 → fp16`: what a launch reads and writes. */
function typesOf(layer: Layer, { surfaces }: Program): string {
  const name = (id: number) => {
    const { dtype } = surfaces[id]!;
    return dtype === 'int8' || dtype === 'float16' ? precisionName(dtype) : dtype;
  };
  if (layer.kind === 'conv') return `conv ${name(layer.conv.input)} → ${name((layer.pdp ?? layer.sdp).output!)}`;
  if (layer.kind === 'sdp') return `sdp ${name(layer.sdp.input!)} → ${name((layer.pdp ?? layer.sdp).output!)}`;
  if (layer.kind === 'pdp') return `pdp ${name(layer.pdp.input!)}`;
  return layer.kind;
}

const launches = (compilation: Compilation): readonly string[] => {
  const program = onlyProgram(compilation);
  return program.layers.map((layer) => typesOf(layer, program));
};

/** Three convolutions in a row. */
function chain() {
  const b = new GraphBuilder('chain');
  let x = b.input('x', [1, 3, 8, 8]);
  for (const name of ['a', 'b', 'c'])
    x = b.relu(b.conv(x, { channels: 8, kernel: 3, padding: 1, name }), `${name}/relu`);
  b.output(x);
  return b.build();
}

/** The graph with values and constants in float16. */
function inHalf(graph: Graph, names: readonly string[]): Graph {
  const values = new Map(
    [...graph.values].map(([name, type]) => [
      name,
      names.includes(name) ? { ...type, dtype: 'float16' as const } : type,
    ]),
  );
  const constants = new Map(
    [...graph.constants].map(([name, tensor]): [string, Tensor] => {
      if (!names.includes(name) || tensor.dtype !== 'float32') return [name, tensor];
      const bytes = new Uint8Array(Uint16Array.from(asFloat32(tensor), float16Bits).buffer);
      return [name, { dtype: 'float16', shape: tensor.shape, bytes }];
    }),
  );
  return { ...graph, values, constants };
}

function compiled(options: CompileOptions & { readonly without?: readonly string[] }): Compilation {
  const graph = chain();
  const { without = [], ...rest } = options;
  const values = [...graph.inputs, ...graph.nodes.flatMap((node) => node.outputs)];
  const scales = new Map(values.filter((value) => !without.includes(value)).map((value) => [value, 0.05]));
  return compile(prepare(graph), { scales, ...rest });
}

describe('a network in INT8', () => {
  it('has no FP16 in it where every tensor has a scale', () => {
    expect(compiled({}).coverage.missing).toEqual([]);
    expect(launches(compiled({}))).toEqual(['conv int8 → int8', 'conv int8 → int8', 'conv int8 → int8']);
  });

  it('runs what reads or writes a tensor without a scale in FP16, and says so', () => {
    const compilation = compiled({ without: ['b/relu:out'] });
    expect(compilation.coverage.missing).toMatchObject([
      { value: 'b/relu:out', nodes: ['b', 'b/relu', 'c', 'c/relu'] },
    ]);
    // The first convolution writes what the second, its only reader, wants.
    expect(launches(compilation)).toEqual(['conv int8 → fp16', 'conv fp16 → fp16', 'conv fp16 → fp16']);
    expect(compilation.network.plan.tensors.map(({ name, scale }) => [name, scale])).toEqual([
      ['x', Math.fround(0.05)],
      ['c/relu:out', undefined],
    ]);
  });

  it('runs in FP16 what is named, and converts what its neighbours need', () => {
    const layerPrecisions = new Map([
      ['b', 'fp16' as const],
      ['b/relu', 'fp16' as const],
    ]);
    const compilation = compiled({ layerPrecisions });
    expect(launches(compilation)).toEqual([
      'conv int8 → fp16',
      'conv fp16 → fp16',
      'sdp fp16 → int8',
      'conv int8 → int8',
    ]);
    const { surfaces } = onlyProgram(compilation);
    expect(
      surfaces.filter(({ name }) => name.startsWith('b/relu:out')).map(({ name, scale }) => [name, scale]),
    ).toEqual([
      ['b/relu:out', undefined],
      ['b/relu:out:int8', Math.fround(0.05)],
    ]);
  });

  it('takes a precision for all that is not named', () => {
    const layerPrecisions = new Map([
      ['*', 'fp16' as const],
      ['a', 'int8' as const],
      ['a/relu', 'int8' as const],
    ]);
    expect(launches(compiled({ layerPrecisions }))).toEqual([
      'conv int8 → fp16',
      'conv fp16 → fp16',
      'conv fp16 → fp16',
    ]);
  });

  it('runs in FP16 what its types put there, for a release that goes by types', () => {
    const b = new GraphBuilder('typed');
    const cast = (x: string, to: number) => b.node('Cast', [x], [b.shape(x)], { to: int(to) })[0]!;
    const first = b.conv(b.input('x', [1, 3, 8, 8]), { channels: 8, kernel: 3, name: 'a' });
    const middle = b.relu(b.conv(cast(first, 10), { channels: 8, kernel: 3, name: 'b' }), 'b/relu');
    b.output(b.conv(cast(middle, 1), { channels: 8, kernel: 1, name: 'c' }));
    const graph = inHalf(b.build(), ['Cast_1:out', 'b:out', 'b/relu:out', 'b.weight']);
    const scales = new Map([...graph.values.keys()].map((value) => [value, 0.05]));
    const by = (release: string, layerPrecisions?: CompileOptions['layerPrecisions']) =>
      launches(compile(prepare(graph), { scales, release, ...(layerPrecisions && { layerPrecisions }) }));
    const integers = ['conv int8 → int8', 'conv int8 → int8', 'conv int8 → int8'];
    expect(by('JetPack 7.2.2')).toEqual([
      'conv int8 → fp16',
      'conv fp16 → fp16',
      'sdp fp16 → int8',
      'conv int8 → int8',
    ]);
    expect(by('JetPack 6.2')).toEqual(integers);
    // What was asked for goes before, and a file that is float16 throughout only stores its numbers so.
    expect(
      by(
        'JetPack 7.2.2',
        new Map([
          ['b', 'int8'],
          ['b/relu', 'int8'],
        ]),
      ),
    ).toEqual(integers);
    const stored = inHalf(graph, [...graph.values.keys(), ...graph.constants.keys()]);
    expect(launches(compile(prepare(stored), { scales, release: 'JetPack 7.2.2' }))).toEqual(integers);
  });

  it('has LRN and Softmax in FP16 between what is in INT8', () => {
    const b = new GraphBuilder('promoted');
    const x = b.relu(b.conv(b.input('x', [1, 3, 8, 8]), { channels: 8, kernel: 3, name: 'a' }), 'a/relu');
    const normal = b.node('LRN', [x], [b.shape(x)], { size: int(5) }, 'lrn')[0]!;
    const y = b.conv(normal, { channels: 8, kernel: 1, name: 'b' });
    b.output(b.node('Softmax', [b.add(y, x)], [b.shape(y)], { axis: int(1) }, 'soft')[0]!);
    const graph = b.build();
    const scales = new Map(
      [...graph.inputs, ...graph.nodes.flatMap(({ outputs }) => outputs)].map((value) => [value, 0.05]),
    );
    const network = prepare(graph);
    const compilation = compile(network, { scales });
    // The Relu is read in both types; the convolution with the addition writes what Softmax alone reads.
    expect(launches(compilation)).toEqual([
      'conv int8 → int8',
      'sdp int8 → fp16',
      'lrn',
      'sdp fp16 → int8',
      'conv int8 → fp16',
      'softmax',
    ]);
    expect(compilation.network.plan.tensors.map(({ name, scale }) => [name, scale])).toEqual([
      ['x', Math.fround(0.05)],
      ['soft:out', undefined],
    ]);
    scales.delete('soft:out');
    expect(compile(network, { scales }).coverage.missing).toEqual([]);
    expect(() => compile(network, { scales, layerPrecisions: new Map([['soft', 'int8']]) })).toThrow(
      /node soft: Softmax runs in FP16.*compile\/precision/,
    );
  });

  it.each<readonly [string, Parameters<typeof compiled>[0], RegExp]>([
    [
      'a name that is none',
      { layerPrecisions: new Map([['aa/relu', 'fp16']]) },
      /node aa\/relu.*expected a\/relu, .*compile\/precision/,
    ],
    [
      'INT8 of a node whose tensor has no scale',
      { layerPrecisions: new Map([['c', 'int8']]), without: ['b/relu:out'] },
      /node c.*b\/relu:out.*calibrate\/cache-missing/,
    ],
    ['no scale at all', { scales: new Map([['other', 1]]) }, /tensors have no scale.*calibrate\/cache-missing/],
    [
      'layers of FP16',
      { precision: 'fp16', layerPrecisions: new Map([['a', 'int8']]) } as never,
      /compile\/unsupported/,
    ],
    [
      'layers of the open NVDLA',
      { target: 'nv_full', layerPrecisions: new Map([['a', 'fp16']]) },
      /nv_full a network has one precision.*compile\/unsupported/,
    ],
    [
      'a missing scale of the open NVDLA',
      { target: 'nv_full', without: ['b/relu:out'] },
      /b\/relu:out.*calibrate\/cache-missing/,
    ],
  ])('is refused with %s', (_, options, message) => {
    expect(() =>
      compiled(
        'scales' in options || options.precision === 'fp16' ? ({ scales: undefined, ...options } as never) : options,
      ),
    ).toThrow(message);
  });
});

const reachOf = (values: Float32Array): number => values.reduce((most, value) => Math.max(most, Math.abs(value)), 0.01);

/**
 * What a draw decides for each value: whether it has a scale, and whether its node is asked to run in FP16. An activation shares
 * what its input has: between FP16 on both sides its input would be rounded too, at a larger range than its result.
 */
function drawPerChain(graph: Graph, random: Random): ReadonlyMap<string, { scaled: boolean; half: boolean }> {
  const drawn = new Map<string, { scaled: boolean; half: boolean }>();
  for (const { op, inputs, outputs } of graph.nodes) {
    const own = { scaled: random.between(0, 1) >= 0.15, half: random.between(0, 1) < 0.2 };
    const chain = ['Relu', 'Clip', 'LeakyRelu'].includes(op) ? drawn.get(inputs[0]!) : undefined;
    for (const output of outputs) drawn.set(output, chain ?? own);
  }
  return drawn;
}

const cases = Array.from({ length: 50 }, (_, index) => index);

describe('random networks', () => {
  it('give the same bytes on all engines, and are no further from FP32 than in INT8', async () => {
    const engines = await Promise.all(
      (['reference', 'wasm'] as const).map((name) => openDevice({ target: 'orin', engines: name })),
    );
    const seen = new Set<string>();
    const worse: string[] = [];
    for (const index of cases) {
      const { graph, inputs, random } = randomNetwork(seed + index, 7);
      const real = await realValues(graph, inputs);
      const all = new Map([...real].map(([name, values]) => [name, Math.fround(reachOf(values) / 127)] as const));
      const drawn = drawPerChain(graph, random);
      const scales = new Map([...all].filter(([name]) => name === 'x' || drawn.get(name)!.scaled));
      const named = graph.nodes.flatMap(({ name, outputs }) =>
        drawn.get(outputs[0]!)!.half ? [[name, 'fp16'] as const] : [],
      );
      const network = prepare(graph);
      const onDla = named.filter(([name]) => network.graph.nodes.some(({ origin }) => origin.includes(name)));
      if (scales.size === 0) continue;
      const compilation = compile(network, { scales, ...(onDla.length > 0 && { layerPrecisions: new Map(onDla) }) });
      const { plan } = compilation.network;
      for (const segment of plan.segments) {
        if (segment.kind === 'dla')
          for (const layer of segment.program.layers) seen.add(typesOf(layer, segment.program));
      }
      // The form that a file holds is the network.
      const again = decodeLoadable(encodeLoadable(compilation.network));
      const results = [];
      for (const device of engines)
        results.push(await run(again, inputs, { device, runtime: ortRuntime, dump: 'all' }));
      const [first, second] = results.map(({ dumps }) => dumps.map(({ name, tensor }) => [name, [...tensor.bytes]]));
      expect(second, `network ${seed + index}`).toEqual(first);
      const integers = await run(compile(network, { scales: all }).network, inputs, {
        device: engines[1]!,
        runtime: ortRuntime,
      });
      for (const [name, tensor] of Object.entries(results[0]!.outputs)) {
        const wanted = real.get(name)!;
        const [mixed, int8] = [tensor, integers.outputs[name]!].map((found) =>
          signalToNoise(wanted, float32Values(found)),
        );
        if (mixed! < int8! - 3) worse.push(`network ${seed + index}: ${mixed} dB, in INT8 ${int8}`);
      }
    }
    for (const device of engines) device.close();
    for (const launch of ['conv int8 → fp16', 'conv fp16 → fp16', 'sdp fp16 → int8', 'sdp int8 → fp16', 'pdp fp16']) {
      expect([...seen]).toContain(launch);
    }
    expect(worse).toEqual([]);
  });
});
