import { describe, expect, it } from 'vitest';
import { seed } from '../../../test/seed.ts';
import { Random } from '../../base/random.ts';
import type { Graph } from '../../graph/graph.ts';
import { float32Values } from '../../graph/tensor.ts';
import { Network } from '../../rewrite/testing/network.ts';
import { difference } from '../../rewrite/testing/same-results.ts';
import { balanceChannels, channelFactors, channelRegions } from './balance-channels.ts';

/** Everything that a region may hold, and what ends one. */
function network(options: { readonly seed?: number } = {}): Graph {
  const n = new Network(options);
  const x = n.input('x', [2, 3, 12, 12]);
  const stem = n.op('Conv', [x, n.weights([8, 3, 3, 3]), n.weights([8])], { pads: [1, 1, 1, 1] }, 'stem');
  const relu = n.op('Relu', [stem], {}, 'relu');
  const pooled = n.op('MaxPool', [relu], { kernel_shape: [2, 2], strides: [2, 2] }, 'pooled');
  const depthwise = n.op('Conv', [pooled, n.weights([8, 1, 3, 3])], { group: 8, pads: [1, 1, 1, 1] }, 'depthwise');
  const shifted = n.op('Add', [depthwise, n.weights([8, 1, 1])], {}, 'shifted');
  const sloped = n.op('PRelu', [shifted, n.weights([8, 1, 1], 0, 1)], {}, 'sloped');
  const grouped = n.op('Conv', [sloped, n.weights([8, 4, 1, 1]), n.weights([8])], { group: 2 }, 'grouped');
  const summed = n.op('Add', [grouped, n.op('Conv', [pooled, n.weights([8, 8, 1, 1])], {}, 'skip')], {}, 'summed');
  const means = n.op('GlobalAveragePool', [summed], {}, 'means');
  const gate = n.op('Sigmoid', [n.op('Conv', [means, n.weights([8, 8, 1, 1])], {}, 'squeezed')], {}, 'gate');
  const excited = n.op('Mul', [summed, gate], {}, 'excited');
  const scaled = n.op('Mul', [excited, n.scalar(0.25)], {}, 'scaled');
  const up = n.op(
    'ConvTranspose',
    [scaled, n.weights([8, 3, 2, 2]), n.weights([6])],
    { group: 2, strides: [2, 2] },
    'up',
  );
  const swish = n.op(
    'Mul',
    [up, n.op('Clip', [n.op('Add', [up, n.scalar(3)], {}, 'three'), n.scalar(0), n.scalar(6)], {}, 'six')],
    {},
    'swish',
  );
  return n.graph(n.op('Conv', [n.op('Mul', [swish, n.scalar(1 / 6)], {}, 'sixth'), n.weights([2, 6, 1, 1])], {}, 'y'));
}

/** The regions with factors of their own, between 1/16 and 16. */
const randomly = (graph: Graph, random: Random) =>
  channelRegions(graph).map((region) => ({
    region,
    factors: Float64Array.from({ length: region.channels }, () => 2 ** random.between(-4, 4)),
  }));

describe('channelRegions', () => {
  it('reach from what makes a tensor to what reads it, through what commutes with factors', () => {
    expect(
      channelRegions(network()).map(({ values, makers, readers, shifts }) =>
        [values, makers, readers, shifts].map((names) => names.join(' ')),
      ),
    ).toEqual([
      ['stem relu pooled', 'Conv1', 'Conv2 Conv4', ''],
      ['depthwise shifted sloped', 'Conv2', 'Conv3', 'Add1'],
      ['grouped skip summed means excited', 'Conv3 Conv4', 'Conv5 Mul2', ''],
      ['scaled', 'Mul2', 'ConvTranspose1', ''],
      ['sixth', 'Mul4', 'Conv6', ''],
    ]);
  });

  it('leave out what an output, a concatenation, a bound or a table holds, and weights that come as integers', () => {
    const n = new Network();
    const x = n.input('x', [1, 4, 8, 8]);
    const conv = (data: string, name: string) => n.op('Conv', [data, n.weights([4, 4, 1, 1])], {}, name);
    const given = conv(x, 'given');
    const clipped = n.op('Clip', [conv(given, 'a'), n.scalar(0), n.scalar(6)], {}, 'clipped');
    const table = n.op('Sigmoid', [conv(clipped, 'b')], {}, 'table');
    const joined = n.op('Concat', [conv(table, 'c'), clipped], { axis: 1 }, 'joined');
    const y = n.op('Conv', [joined, n.weights([4, 8, 1, 1])], {}, 'y');
    expect(channelRegions(n.graph('given', y))).toEqual([]);
  });
});

describe('balanceChannels', () => {
  it('computes the same, whatever the factors are', async () => {
    const random = new Random(seed);
    for (let round = 1; round <= 6; round++) {
      const graph = network({ seed: round });
      const balanced = balanceChannels(graph, randomly(graph, random));
      expect(balanced.constants).not.toEqual(graph.constants);
      expect(await difference(graph, balanced, round)).toBeLessThan(2e-5);
    }
  });

  it('changes the values of a region by their factors', async () => {
    const graph = network();
    const regions = channelRegions(graph);
    const factors = new Float64Array(8).fill(1).fill(8, 3, 4);
    const balanced = balanceChannels(graph, [{ region: regions[1]!, factors }]);
    const bare = { ...graph, outputs: ['sloped'] };
    expect(await difference(bare, { ...balanced, outputs: ['sloped'] })).toBeGreaterThan(0.5);
    const [before, after] = [graph, balanced].map(({ nodes, constants }) => {
      const conv = nodes.find(({ name }) => name === 'Conv3')!;
      return float32Values(constants.get(conv.inputs[1]!)!);
    });
    // Of 8 kernels of 4 weights in 2 groups, the first four read channel 3 with their last.
    expect(after).toEqual(before!.map((weight, at) => (at < 16 && at % 4 === 3 ? weight / 8 : weight)));
  });
});

describe('channelFactors', () => {
  const graph = network();
  const [first, , third] = channelRegions(graph);

  it('make the channels equal that kernels of one channel read, and none larger than the largest', () => {
    const n = new Network();
    const x = n.input('x', [1, 3, 8, 8]);
    const made = n.op('Conv', [x, n.weights([4, 3, 1, 1])], {}, 'made');
    const y = n.op('Conv', [made, n.weights([4, 1, 3, 3])], { group: 4 }, 'y');
    const alone = n.graph(y);
    const [region] = channelRegions(alone);
    const ranges = new Map([['made', Float32Array.of(100, 1, 0, 25)]]);
    expect([...channelFactors(alone, region!, ranges)]).toEqual([1, 100, 1, 4]);
    const tiny = new Map([['made', Float32Array.of(1e6, 1, 1e6, 1e6)]]);
    expect(channelFactors(alone, region!, tiny)[1]).toBe(1024);
  });

  it('share a loss between a tensor and the weights of kernels that sum over channels', () => {
    const ranges = new Map([['pooled', Float32Array.of(64, 1, 64, 64, 64, 64, 64, 64)]]);
    const factors = channelFactors(graph, first!, ranges);
    // Half of the factor of 64 that would make them equal, give or take what the weights share.
    expect(factors[1]! / factors[0]!).toBeGreaterThan(4);
    expect(factors[1]! / factors[0]!).toBeLessThan(16);
    expect(Math.max(...factors.map((factor, c) => factor * (c === 1 ? 1 / 64 : 1)))).toBeCloseTo(1);
  });

  it('look at every value of a region that has a range', () => {
    const ranges = new Map([
      ['summed', Float32Array.of(8, 1, 8, 8, 8, 8, 8, 8)],
      ['means', new Float32Array(8).fill(0.5)],
    ]);
    const alone = channelFactors(graph, third!, new Map([...ranges].slice(0, 1)));
    const both = channelFactors(graph, third!, ranges);
    expect(alone[1]! / alone[0]!).toBeGreaterThan(2 * (both[1]! / both[0]!));
  });
});
