/** What becomes one launch on which configuration, and what several. */

import { describe, expect, it } from 'vitest';
import type { Graph } from '../../graph/graph.ts';
import { compile, prepare } from '../../index.ts';
import { GraphBuilder, int } from '../../models/graph-builder.ts';
import { isNvdlaSdp, type Layer } from '../../program/layer.ts';

const build = (make: (b: GraphBuilder, x: string) => string): Graph => {
  const b = new GraphBuilder('net', { seed: 1 });
  b.output(make(b, b.input('x', [1, 32, 12, 12])));
  return b.build();
};

/** The stages and units of a launch: `conv+x1+x2`. */
function stagesOf(layer: Layer): string {
  const sdp = 'sdp' in layer && isNvdlaSdp(layer.sdp) ? layer.sdp : undefined;
  const units = (['x1', 'x2', 'y'] as const).filter((name) => sdp?.[name] !== undefined);
  return [layer.kind, ...units, ...('pdp' in layer && layer.kind !== 'pdp' && layer.pdp ? ['pdp'] : [])].join('+');
}

function launches(graph: Graph, target: string, precision: 'int8' | 'fp16' = 'int8'): readonly string[] {
  const { network, notEmulated } = compile(prepare(graph), { target, precision });
  expect([...notEmulated]).toEqual([]);
  return network.plan.segments.flatMap((segment) =>
    segment.kind === 'host' ? ['host'] : segment.program.layers.map(stagesOf),
  );
}

const conv = (b: GraphBuilder, x: string, channels = 32) => b.conv(x, { channels, kernel: 3, padding: 1 });

const cases: readonly (readonly [
  string,
  (b: GraphBuilder, x: string) => string,
  Readonly<Record<string, readonly string[]>>,
])[] = [
  ['a convolution and its activation', (b, x) => b.relu(conv(b, x)), { nv_small: ['conv+x1'], nv_full: ['conv+x1'] }],
  [
    'a convolution, its activation and its pooling',
    (b, x) => b.maxPool(b.relu(conv(b, x)), { kernel: 3, stride: 2 }),
    { nv_small: ['conv+x1+pdp'], nv_full: ['conv+x1+pdp'] },
  ],
  [
    'a convolution and its average',
    (b, x) => b.averagePool(conv(b, x), { kernel: 2, stride: 2 }),
    { nv_small: ['conv+x1+pdp'] },
  ],
  [
    'a residual sum',
    (b, x) => b.relu(b.add(conv(b, x), x)),
    { nv_small: ['conv+x1+x2'], nv_large: ['conv+x1+x2'], nv_full: ['conv+x1+x2'] },
  ],
  [
    'a residual sum with bounds on both sides, by Y',
    (b, x) => b.clip(b.add(conv(b, x), x), 0, 1),
    { nv_small: ['conv+x1+x2', 'sdp+x1+x2'], nv_large: ['conv+x1+x2+y'], nv_full: ['conv+x1+x2+y'] },
  ],
  [
    'a function',
    (b, x) => b.unary('Sigmoid', conv(b, x)),
    { nv_small: ['conv+x1', 'cdp'], nv_small_256_full: ['conv+x1+y'], nv_large: ['conv+x1+y'], nv_full: ['conv+x1+y'] },
  ],
  ['a normalization', (b, x) => b.unary('LRN', x, { size: int(5) }), { nv_small: ['cdp'], nv_full: ['cdp'] }],
  [
    'a deconvolution of blocks',
    (b, x) => b.convTranspose(x, { channels: 32, kernel: 2, stride: 2 }),
    {
      nv_full: ['conv+x1', 'rubik'],
      nv_large: ['conv+x1', 'pixels', 'conv+x1', 'pixels', 'conv+x1', 'pixels', 'conv+x1', 'pixels'],
    },
  ],
  [
    'an enlargement: columns, then rows',
    (b, x) => b.resize(x, [2, 3]),
    { nv_full: ['pixels', 'pixels', 'pixels', 'pixels', 'pixels'] },
  ],
  [
    'a difference, of the negative',
    (b, x) => b.binary('Sub', x, b.maxPool(x, { kernel: 3, stride: 1, padding: 1 })),
    { nv_small: ['pdp', 'sdp+x1', 'sdp+x1+x2'] },
  ],
  [
    'channels side by side, in place',
    (b, x) => b.concat([conv(b, x), conv(b, x, 64)]),
    { nv_full: ['conv+x1', 'conv+x1'] },
  ],
  [
    'channels inside an atom, gathered',
    (b, x) => b.concat([conv(b, x, 20), conv(b, x, 12)]),
    { nv_full: ['conv+x1', 'conv+x1', 'conv', 'conv+x1'] },
  ],
  [
    'channels of an atom, taken apart in place',
    (b, x) => {
      const [first, second] = b.split(conv(b, x, 64), [32, 32]);
      return b.add(conv(b, first!), conv(b, second!));
    },
    { nv_full: ['conv+x1', 'conv+x1', 'conv+x1+x2'] },
  ],
  [
    'averages of averages as one, the smallest window first',
    (b, x) => b.averagePool(b.averagePool(x, { kernel: 4, stride: 4 }), { kernel: 3, stride: 3 }),
    { nv_small: ['pdp', 'pdp'] },
  ],
];

describe.each(cases)('%s', (_, make, expected) => {
  it.each(Object.entries(expected))('on %s', (target, wanted) => {
    expect(launches(build(make), target)).toEqual(wanted);
  });
});

it('runs depthwise convolutions in blocks of the atom', () => {
  const b = new GraphBuilder('net', { seed: 1 });
  b.output(b.conv(b.input('x', [1, 256, 40, 40]), { channels: 256, kernel: 3, padding: 1, groups: 256 }));
  const { network } = compile(prepare(b.build()), { target: 'nv_full' });
  const [segment] = network.plan.segments;
  const channels =
    segment!.kind === 'dla'
      ? segment!.program.layers.map((layer) => layer.kind === 'conv' && layer.conv.output.channels)
      : [];
  expect(channels.length).toBeGreaterThan(3);
  expect(new Set(channels).size).toBe(1);
});
