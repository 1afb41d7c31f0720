/** Printed Programs of small networks: what a reviewer reads to see what the compiler makes of an operator. */

import { describe, expect, it } from 'vitest';
import type { Graph } from '../graph/graph.ts';
import { GraphBuilder } from '../models/graph-builder.ts';
import { parsePlan } from '../program/parse.ts';
import { printPlan } from '../program/print.ts';
import { findRelease } from '../targets/find.ts';
import { orin } from '../targets/orin.ts';
import { compile } from './compile.ts';
import { acceptAll } from './testing/accept-all.ts';

const release = findRelease(orin, 'JetPack 6.0');

function printed(graph: Graph): string {
  const values = [...graph.inputs, ...graph.nodes.flatMap((node) => node.outputs)];
  const scales = new Map(values.map((value) => [value, 0.03125]));
  const { network } = compile({ graph, scales, ranges: 'calibrated' }, acceptAll(graph), { target: orin, release });
  const text = printPlan(network.plan);
  expect(parsePlan(text)).toEqual(network.plan);
  return text;
}

describe('printed Plans', () => {
  it('residual block', () => {
    const b = new GraphBuilder('residual-block');
    const x = b.input('image', [2, 3, 16, 16]);
    const stem = b.maxPool(b.relu(b.conv(x, { channels: 32, kernel: 3, padding: 1, name: 'stem' })), {
      kernel: 3,
      stride: 2,
      padding: 1,
      name: 'pool',
    });
    const first = b.relu(b.conv(stem, { channels: 32, kernel: 3, padding: 1, name: 'first' }), 'first.relu');
    const second = b.conv(first, { channels: 32, kernel: 3, padding: 1, name: 'second' });
    const sum = b.relu(b.add(second, stem, 'sum'), 'sum.relu');
    b.output(b.flatten(b.conv(b.globalAveragePool(sum, 'mean'), { channels: 10, kernel: 1, name: 'head' }), 'logits'));
    expect(printed(b.build())).toMatchSnapshot();
  });

  const operators: Record<string, (b: GraphBuilder, x: string) => readonly string[]> = {
    'depthwise convolution and Clip': (b, x) => [
      b.clip(b.conv(x, { channels: 40, kernel: 3, padding: 1, groups: 40 }), 0, 6),
    ],
    deconvolution: (b, x) => [b.convTranspose(x, { channels: 8, kernel: 2, stride: 2 })],
    'average pool': (b, x) => [b.averagePool(x, { kernel: 2, stride: 2 })],
    'element-wise with a broadcast operand': (b, x) => [
      b.binary('Mul', x, b.unary('Sigmoid', b.conv(b.globalAveragePool(x), { channels: 40, kernel: 1 }))),
    ],
    'linear resize': (b, x) => [b.resize(x, [2, 2], 'linear')],
    'concatenation in place and by copy': (b, x) => [
      b.concat([b.conv(x, { channels: 32, kernel: 1 }), b.conv(x, { channels: 8, kernel: 1 }), x]),
    ],
    split: (b, x) => b.split(x, [32, 8]),
  };
  for (const [name, make] of Object.entries(operators)) {
    it(name, () => {
      const b = new GraphBuilder('operator');
      b.output(...make(b, b.input('x', [1, 40, 6, 6])));
      expect(printed(b.build())).toMatchSnapshot();
    });
  }
});
