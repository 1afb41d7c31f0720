import { beforeAll, describe, expect, it } from 'vitest';
import { bytes } from '../base/units.ts';
import { compile } from '../compile/compile.ts';
import { estimate } from '../estimate/estimate.ts';
import type { Graph } from '../graph/graph.ts';
import { elementCount } from '../graph/tensor.ts';
import type { Plan } from '../program/program.ts';
import { quantize } from '../quantize/quantize.ts';
import { dummyRanges } from '../quantize/scales.ts';
import { rewrite } from '../rewrite/rewrite.ts';
import { check } from '../support/check.ts';
import { findModule, findPowerMode, findRelease } from '../targets/find.ts';
import { orin } from '../targets/orin.ts';
import { resnet18, resnet50 } from './resnet.ts';

const release = findRelease(orin, 'JetPack 5.1.1');
const agx = findModule(orin, 'agx-orin-64gb');

function planOf(graph: Graph): Plan {
  const normal = rewrite(graph).graph;
  const checked = check(normal, { target: orin, release, precision: 'int8' });
  const options = { target: orin, release, sram: bytes(2 ** 20) };
  const { network, notEmulated } = compile(
    quantize(normal, dummyRanges(normal), { ranges: 'dummy' }).quantized,
    checked,
    options,
  );
  expect(notEmulated.size).toBe(0);
  return network.plan;
}

const weightCount = (graph: Graph): number =>
  [...graph.constants]
    .filter(([name]) => /(conv|dense)\.weight$/.test(name))
    .reduce((sum, [, { shape }]) => sum + elementCount(shape), 0);

describe('ResNet-50 v1.5', () => {
  let graph: Graph;
  let plan: Plan;
  beforeAll(() => {
    graph = resnet50({ batch: 2 });
    plan = planOf(graph);
  });

  it('has the published size: 4.089 GMAC an image, 25.5 million weights', () => {
    const powerMode = findPowerMode(agx, 'MAXN');
    const { layers } = estimate(plan, { target: orin, module: agx, powerMode, cores: 2 });
    const macs = layers.reduce((sum, layer) => sum + layer.macs, 0) / 2;
    expect(macs / 1e9).toBeCloseTo(4.089, 3);
    expect(weightCount(graph) / 1e6).toBeCloseTo(25.5, 1);
  });

  it('is one DLA segment of 55 layers: 53 convolutions, the pool and the classifier', () => {
    expect(plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    const [segment] = plan.segments;
    const layers = segment?.kind === 'dla' ? segment.program.layers : [];
    const count = (kind: string) => layers.filter((layer) => layer.kind === kind).length;
    expect([count('conv'), count('pdp'), layers.length]).toEqual([54, 1, 55]);
    const sums = layers.filter((layer) => layer.kind === 'conv' && 'operand' in layer.sdp);
    expect(sums).toHaveLength(16);
    expect(layers[0]).toMatchObject({ kind: 'conv', pdp: { mode: 'max' } });
  });

  // What NVIDIA publishes (docs/hardware/estimate-model.md#published-throughput), from the compiled Program.
  it.each([
    ['MAXN', 2037],
    ['50W', 1948],
    ['30W', 1928],
    ['15W', 1072],
  ])('is estimated in %s at %i images per second within 3 %%', (mode, images) => {
    const powerMode = findPowerMode(agx, mode);
    const { imagesPerSecond } = estimate(plan, { target: orin, module: agx, powerMode, cores: 2 });
    expect(Math.abs(imagesPerSecond / images - 1)).toBeLessThan(0.03);
  });
});

describe('weights', () => {
  it('follow from the seed alone', () => {
    const first = resnet18({ seed: 5 });
    const second = resnet18({ seed: 5 });
    expect(second.nodes).toEqual(first.nodes);
    for (const [name, { bytes: data }] of first.constants) {
      expect(Buffer.compare(data, second.constants.get(name)!.bytes), name).toBe(0);
    }
    const other = resnet18({ seed: 6 }).constants.get('stem.conv.weight')!;
    expect(Buffer.compare(other.bytes, first.constants.get('stem.conv.weight')!.bytes)).not.toBe(0);
  });
});

it('ResNet-18 has 1.8 GMAC, 11.7 million weights and 8 residual additions', () => {
  const graph = resnet18({ classes: 1000 });
  expect(weightCount(graph) / 1e6).toBeCloseTo(11.7, 1);
  expect(check(graph, { target: orin, release, precision: 'int8' }).macs.total / 1e9).toBeCloseTo(1.814, 2);
  expect(graph.nodes.filter(({ op }) => op === 'Add')).toHaveLength(8);
});
