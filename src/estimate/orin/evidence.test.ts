import { describe, expect, it } from 'vitest';
import { bytes } from '../../base/units.ts';
import {
  type Compilation,
  compile,
  type EstimateOptions,
  estimate,
  estimateText,
  type Plan,
  prepare,
  report,
  reportHtml,
} from '../../index.ts';
import { GraphBuilder } from '../../models/graph-builder.ts';
import { resnet50 } from '../../models/resnet.ts';
import type { Layer } from '../../program/layer.ts';
import type { DlaSegment, HostSegment } from '../../program/program.ts';
import { resnet50 as publishedResnet50, ssdResnet34 } from '../testing/published-networks.ts';

const classOf = (plan: Plan, where?: EstimateOptions) => estimate(plan, where).evidence.class;

/** The plan with every layer of its Program changed. */
function changed(plan: Plan, change: (layer: Layer, segment: DlaSegment) => Layer): Plan {
  const segments = plan.segments.map((segment) => {
    if (segment.kind !== 'dla') return segment;
    const layers = segment.program.layers.map((layer) => change(layer, segment));
    return { ...segment, program: { ...segment.program, layers } };
  });
  return { ...plan, segments };
}

const withSparse = (plan: Plan): Plan =>
  changed(plan, (layer) => (layer.kind === 'conv' ? { ...layer, conv: { ...layer.conv, sparse: true } } : layer));

describe('an estimate of what NVIDIA publishes', () => {
  const plan = publishedResnet50();

  it('is a published cell', () => {
    for (const powerMode of ['MAXN', '50W', '30W', '15W']) expect(classOf(plan, { powerMode })).toBe('published cell');
    expect(classOf(ssdResnet34())).toBe('published cell');
    expect(classOf(ssdResnet34(true))).toBe('published cell');
  });

  it('is of an unseen network with other managed SRAM, another release, or sparse where only dense weights are published', () => {
    const [segment] = plan.segments;
    if (segment?.kind !== 'dla') throw new Error('a DLA segment wanted');
    const program = { ...segment.program, sram: bytes(2 ** 19) };
    expect(classOf({ ...plan, segments: [{ ...segment, program }] })).toBe('unseen network');
    expect(classOf(withSparse(plan))).toBe('unseen network');
    const later = estimate({ ...plan, release: 'JetPack 6.0' }).evidence;
    expect(later).toMatchObject({
      class: 'unseen network',
      error: expect.stringContaining('not known in JetPack 6.0'),
    });
  });

  it('is not claimed for other modules, FP32 bindings or larger batches', () => {
    expect(classOf(plan, { module: 'orin-nx-16gb' })).toBe('never seen');
    expect(classOf(plan, { bindings: 'fp32' })).toBe('never seen');
    expect(classOf(publishedResnet50(8))).toBe('never seen');
  });

  it('is not claimed where a part of the network has no time', () => {
    const host: HostSegment = {
      kind: 'host',
      name: 'LRN',
      nodes: ['lrn'],
      reason: 'not emulated',
      inputs: [],
      outputs: [],
      model: '',
    };
    const { evidence, notes } = estimate({ ...plan, segments: [...plan.segments, host] });
    expect(evidence).toEqual({ class: 'never seen', error: 'not known' });
    expect(notes.join('\n')).toContain('not emulated: not timed');
  });
});

describe('an estimate of a judged network', () => {
  const graph = resnet50();
  const compiled = (options: Parameters<typeof compile>[1] = {}): Compilation =>
    compile(prepare(graph, options), options);
  const { plan } = compiled().network;

  it('tells by how much the prediction missed, in INT8 and in FP16', () => {
    expect(estimate(plan).evidence).toEqual({
      class: 'judged network',
      error: '+0 to +9 % on DRIVE Orin at 1,331 to 1,408 MHz',
    });
    const half = compiled({ precision: 'fp16' }).network.plan;
    expect(estimate(half).evidence).toMatchObject({
      class: 'judged network',
      error: expect.stringMatching(/^\+43 to/),
    });
  });

  it('claims nothing for what was not judged: both precisions, tables, sparse weights', () => {
    const mixed = compiled({ layerPrecisions: new Map([['stage1.0.1.conv', 'fp16']]) });
    expect([...mixed.precisions.values()]).toContain('float16');
    expect(classOf(mixed.network.plan)).toBe('never seen');
    expect(classOf(changed(plan, (layer) => ({ ...layer, tableOf: ['Sigmoid', 'Mul'] }) as Layer))).toBe('never seen');
    expect(classOf(withSparse(plan))).toBe('unseen network');
  });
});

it('stands beside the number, in text and on the page', () => {
  const builder = new GraphBuilder('net');
  builder.output(builder.conv(builder.input('x', [1, 8, 8, 8]), { channels: 8, kernel: 3 }));
  const prepared = prepare(builder.build());
  const compilation = compile(prepared);
  const estimated = estimate(compilation.network.plan);
  expect(estimateText([estimated])).toContain('  unseen network  ');
  expect(estimateText([estimated])).toContain(`Evidence, unseen network: error ${estimated.evidence.error}`);
  expect(reportHtml(report(prepared, compilation))).toContain('images/s</b> (unseen network: error');
});
