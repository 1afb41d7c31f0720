import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { Random } from '../base/random.ts';
import type { Attribute, Graph } from '../graph/graph.ts';
import { GraphBuilder } from '../models/graph-builder.ts';
import { readModel } from '../onnx/read.ts';
import type { Segment } from '../program/program.ts';
import { validatePlan } from '../program/validate-plan.ts';
import { check } from '../support/check.ts';
import type { CheckedSegment } from '../support/verdict.ts';
import { findRelease } from '../targets/find.ts';
import { nvSmall } from '../targets/nvdla.ts';
import { orin } from '../targets/orin.ts';
import { type Compiled, compile } from './compile.ts';
import { acceptAll } from './testing/accept-all.ts';

const release = findRelease(orin, 'JetPack 6.0');

interface Case {
  readonly without?: readonly string[];
  readonly segments?: readonly CheckedSegment[];
  readonly precision?: 'fp16';
}

function compiled(graph: Graph, { without = [], segments, precision }: Case = {}): Compiled {
  const values = [...graph.inputs, ...graph.nodes.flatMap((node) => node.outputs)];
  const scales = new Map(values.filter((value) => !without.includes(value)).map((value) => [value, 0.05] as const));
  const checked = { ...acceptAll(graph, segments), ...(precision && { precision }) };
  return compile({ graph, scales, ranges: 'calibrated' }, checked, { target: orin, release });
}

const summary = (segment: Segment): string =>
  segment.kind === 'dla'
    ? `dla ${segment.program.layers.map(({ name }) => name).join(' ')}`
    : `${segment.reason} ${segment.nodes.join(' ')}`;

const dla = (...nodes: string[]): CheckedSegment => ({ kind: 'dla', name: `{ForeignNode[${nodes}]}`, nodes, macs: 0 });
const gpu = (...nodes: string[]): CheckedSegment => ({ kind: 'gpu', name: `GPU[${nodes}]`, nodes, macs: 0 });

/** conv → relu → another node → conv */
function chain(op: string): Graph {
  const b = new GraphBuilder('chain');
  const first = b.relu(b.conv(b.input('x', [1, 3, 8, 8]), { channels: 8, kernel: 3, name: 'first' }), 'relu');
  const middle = b.node(op, [first], [b.shape(first)], {}, 'middle')[0]!;
  b.output(b.conv(middle, { channels: 4, kernel: 1, name: 'last' }));
  return b.build();
}

describe('segments beside an open NVDLA', () => {
  const onNvdla = (graph: Graph, without: readonly string[] = []) => {
    const values = [...graph.inputs, ...graph.nodes.flatMap((node) => node.outputs)];
    const scales = new Map(values.filter((value) => !without.includes(value)).map((value) => [value, 0.05] as const));
    const options = { target: nvSmall, release: findRelease(nvSmall), precision: 'int8' } as const;
    const checked = check(graph, options);
    return compile({ graph, scales, ranges: 'calibrated' }, checked, options).network.plan.segments.map(summary);
  };

  it('are one for what the host does together, whatever sent it there', () => {
    const b = new GraphBuilder('net');
    const x = b.conv(b.input('x', [1, 8, 6, 6]), { channels: 8, kernel: 1, name: 'first' });
    const soft = b.node('Softmax', [x], [b.shape(x)], {}, 'soft')[0]!;
    const middle = b.conv(soft, { channels: 8, kernel: 1, name: 'middle' });
    const erf = b.node('Erf', [middle], [b.shape(x)], {}, 'erf')[0]!;
    b.output(b.conv(erf, { channels: 4, kernel: 1, name: 'last' }));
    const graph = b.build();
    expect(onNvdla(graph)).toEqual(['dla first', 'refused soft', 'dla middle', 'refused erf', 'dla last']);
    expect(onNvdla(graph, [middle])).toEqual(['dla first', 'refused soft middle erf', 'dla last']);
  });

  it('are one for branches that nothing joins', () => {
    const b = new GraphBuilder('net');
    const x = b.input('x', [1, 8, 6, 6]);
    b.output(b.conv(x, { channels: 8, kernel: 1, name: 'left' }), b.conv(x, { channels: 8, kernel: 3, name: 'right' }));
    expect(onNvdla(b.build())).toEqual(['dla left right']);
  });
});

describe('segments', () => {
  it('put a node that is accepted but not lowered on the host, with the reason', () => {
    const { network, notEmulated } = compiled(chain('Exp'));
    expect(network.plan.segments.map(summary)).toEqual(['dla relu', 'not emulated middle', 'dla last']);
    expect([...notEmulated]).toEqual([['middle', 'no engine does Exp']]);
    expect(network.plan.segments.map(({ name }) => name)).toEqual([
      '{ForeignNode[first...relu]}',
      'middle',
      '{ForeignNode[last]}',
    ]);
    expect(network.plan.tensors.map(({ name, scale }) => [name, scale])).toEqual([
      ['x', 0.05],
      ['relu:out', 0.05],
      ['middle:out', 0.05],
      ['last:out', 0.05],
    ]);
    validatePlan(network.plan, network.blobs, orin);
  });

  it('put a node that a rule refuses on the host as refused', () => {
    const segments = [dla('first', 'relu'), gpu('middle'), dla('last')];
    const { network, notEmulated } = compiled(chain('Elu'), { segments });
    expect(network.plan.segments.map(summary)).toEqual(['dla relu', 'refused middle', 'dla last']);
    expect(notEmulated.size).toBe(0);
  });

  it('keep refused and not emulated apart, and merge neighbours of one kind', () => {
    const b = new GraphBuilder('neighbours');
    let x = b.input('x', [1, 8, 4, 4]);
    for (const name of ['a', 'b', 'c', 'd']) x = b.node('Exp', [x], [b.shape(x)], {}, name)[0]!;
    b.output(x);
    const { network } = compiled(b.build(), { segments: [gpu('a', 'b'), dla('c', 'd')] });
    expect(network.plan.segments.map(summary)).toEqual(['refused a b', 'not emulated c d']);
  });

  it('write the model of a host segment', () => {
    const { network } = compiled(chain('Exp'));
    const [, host] = network.plan.segments;
    if (host?.kind !== 'host') throw new Error('the second segment is the host');
    const model = readModel(network.blobs.get(host.model)!);
    expect(model.nodes.map(({ op }) => op)).toEqual(['Exp']);
    expect([model.inputs, model.outputs]).toEqual([host.inputs, host.outputs]);
    expect(host.inputs).toEqual(['relu:out']);
  });

  it('need a scale only where something is rounded', () => {
    expect(compiled(chain('Relu'), { without: ['first:out', 'relu:out'] }).network.plan.segments.map(summary)).toEqual([
      'dla middle last',
    ]);
    // Both convolutions touch the tensor without one, and run in FP16.
    const { network, notEmulated } = compiled(chain('Relu'), { without: ['middle:out'] });
    expect(network.plan.segments.map(summary)).toEqual(['dla middle last']);
    expect(notEmulated.size).toBe(0);
    expect(network.plan.tensors.map(({ scale }) => scale)).toEqual([undefined, undefined]);
  });

  it('need no scales in FP16', () => {
    const { network, notEmulated } = compiled(chain('Relu'), { precision: 'fp16', without: ['x', 'middle:out'] });
    expect(network.plan.segments.map(summary)).toEqual(['dla middle last']);
    expect(notEmulated.size).toBe(0);
    expect(network.plan.tensors.map(({ scale }) => scale)).toEqual([undefined, undefined]);
  });

  it('keep a checked segment whole when a host node feeds its middle', () => {
    const b = new GraphBuilder('late');
    const x = b.input('x', [1, 8, 4, 4]);
    const side = b.node('Elu', [x], [b.shape(x)], {}, 'side')[0]!;
    const main = b.relu(b.conv(b.relu(x, 'early'), { channels: 8, kernel: 1, name: 'conv' }), 'main');
    b.output(b.relu(b.add(b.relu(main, 'again'), side, 'add'), 'out'));
    const segments = [dla('early', 'conv', 'main', 'again', 'add', 'out'), gpu('side')];
    const { network } = compiled(b.build(), { segments });
    expect(network.plan.segments.map(({ kind }) => kind)).toEqual(['host', 'dla']);
    expect(network.plan.segments[1]!.name).toBe(segments[0]!.name);
  });

  it('take up a reshape that moves nothing, whatever its verdict', () => {
    const b = new GraphBuilder('head');
    const conv = b.conv(b.input('x', [2, 8, 1, 1]), { channels: 10, kernel: 1, name: 'head' });
    b.output(b.reshape(conv, [2, 10]));
    const { network } = compiled(b.build(), { segments: [dla('head'), gpu('Reshape_1')] });
    expect(network.plan.segments.map(summary)).toEqual(['dla head']);
    expect(network.plan.tensors.at(-1)).toMatchObject({ name: 'Reshape_1:out', shape: [2, 10] });
  });

  it('leave out what nobody needs', () => {
    const b = new GraphBuilder('dead');
    const x = b.input('x', [1, 8, 4, 4]);
    b.node('Softmax', [x], [[1, 8, 4, 4]], {}, 'dead');
    b.output(b.relu(x, 'live'));
    expect(compiled(b.build()).network.plan.segments.map(summary)).toEqual(['dla live']);
  });

  it('run after what their subgraphs read by name', () => {
    const b = new GraphBuilder('captures');
    const conv = b.conv(b.input('x', [1, 3, 4, 4]), { channels: 8, kernel: 1, name: 'conv' });
    const branch = (op: string): Attribute => ({
      kind: 'graph',
      value: {
        name: op,
        opsets: { '': 17 },
        inputs: [],
        outputs: [`${op}:out`],
        nodes: [{ name: op, op, domain: '', inputs: [conv], outputs: [`${op}:out`], attributes: {}, origin: [op] }],
        constants: new Map(),
        values: new Map(),
      },
    });
    const branches = { then_branch: branch('Identity'), else_branch: branch('Neg') };
    const chosen = b.node('If', [b.input('flag', [1])], [b.shape(conv)], branches, 'choose')[0]!;
    b.output(b.relu(chosen, 'last'));
    const { network } = compiled(b.build(), { segments: [dla('conv'), gpu('choose'), dla('last')] });
    expect(network.plan.segments.map(summary)).toEqual(['dla conv', 'refused choose', 'dla last']);
    validatePlan(network.plan, network.blobs, orin);
  });

  it('refuse an output that nothing computes', () => {
    const b = new GraphBuilder('through');
    const x = b.input('x', [1, 8, 4, 4]);
    b.output(b.relu(x), x);
    expect(() => compiled(b.build())).toThrow(/value x.*compile\/unsupported/);
  });

  it('run in an order in which every input is there, for any network and any refusals', () => {
    fc.assert(
      fc.property(fc.nat(), fc.double({ min: 0, max: 1, noNaN: true }), (seed, share) => {
        const random = new Random(seed);
        const b = new GraphBuilder('any', { seed });
        const values = [b.input('x', [1, 4, 3, 3])];
        const pick = () => values[Math.floor(random.next() * values.length)]!;
        for (let index = 0; index < 14; index++) {
          const x = pick();
          const op = random.next() < share ? 'Exp' : random.next() < 0.5 ? 'Add' : 'Relu';
          values.push(op === 'Add' ? b.add(x, pick()) : b.node(op, [x], [b.shape(x)])[0]!);
        }
        b.output(values.at(-1)!);
        const { network } = compiled(b.build());
        validatePlan(network.plan, network.blobs, orin);
        const known = new Set(network.plan.inputs);
        for (const segment of network.plan.segments) {
          const names = (ids: readonly number[]) =>
            segment.kind === 'dla' ? ids.map((id) => segment.program.surfaces[id]!.name) : [];
          const inputs = segment.kind === 'dla' ? names(segment.program.inputs) : segment.inputs;
          const outputs = segment.kind === 'dla' ? names(segment.program.outputs) : segment.outputs;
          for (const input of inputs) expect(known.has(input), input).toBe(true);
          for (const output of outputs) known.add(output);
        }
        for (const output of network.plan.outputs) expect(known.has(output)).toBe(true);
      }),
    );
  });
});
