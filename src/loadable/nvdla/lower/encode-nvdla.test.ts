import { describe, expect, it } from 'vitest';
import { compile, encodeNvdla, prepare } from '../../../index.ts';
import { GraphBuilder } from '../../../models/graph-builder.ts';
import { problemOf } from '../../../program/testing/problem-of.ts';
import { nvSmall } from '../../../targets/nvdla.ts';
import { decodeStockLoadable } from '../format/stock-loadable.ts';
import { tagOf } from '../format/tag.ts';
import { taskDescriptors } from '../format/task-blobs.ts';
import { validateStockLoadable } from '../validate/loadable.ts';

function network(make: (b: GraphBuilder, x: string) => string, batch = 1) {
  const b = new GraphBuilder('net', { seed: 5 });
  b.output(make(b, b.relu(b.conv(b.input('x', [batch, 4, 8, 8]), { channels: 8, kernel: 3 }))));
  return prepare(b.build());
}
const plain = (b: GraphBuilder, x: string): string => b.gemm(b.flatten(b.globalAveragePool(x)), 6);

describe('a network as a stock loadable', () => {
  it('says what the format has no place for', () => {
    const preprocess = { mean: [0.5], std: [0.25], channelOrder: 'rgba' } as const;
    const compiled = compile(network(plain, 3), { target: 'nv_small', preprocess });
    const tag = tagOf(decodeStockLoadable(encodeNvdla(compiled)))!;
    const scaleOf = (name: string) => compiled.network.plan.tensors.find((tensor) => tensor.name === name)!.scale;
    const [output] = compiled.network.plan.outputs;
    const [segment] = compiled.network.plan.segments;
    const { layers, ...rest } = tag;
    expect([...new Set(layers)]).toEqual(segment?.kind === 'dla' && segment.program.layers.map(({ name }) => name));
    expect(rest).toEqual({
      target: 'nv_small',
      network: 'net',
      // One image of the batch a submission.
      submissions: 3,
      inputs: [{ name: 'x', shape: [1, 4, 8, 8], dtype: 'int8', scale: scaleOf('x') }],
      outputs: [{ name: output, shape: [1, 6], dtype: 'int8', scale: scaleOf(output!) }],
      preprocess,
    });
  });

  it('is the same bytes for the same network, in the version of the interface that is asked for', () => {
    const compiled = compile(network(plain), { target: 'nv_small' });
    const written = (['0.10', '0.12'] as const).map((version) => encodeNvdla(compiled, { interface: version }));
    expect(encodeNvdla(compile(network(plain), { target: 'nv_small' }))).toEqual(written[1]);
    const [older, current] = written.map(decodeStockLoadable);
    expect(older!.blobs.map(({ version }) => version.minor).filter((minor) => minor > 0)).toEqual([10, 10, 10, 10, 10]);
    expect(current!.blobs.map(({ version }) => version.minor).filter((minor) => minor > 0)).toEqual([
      12, 12, 12, 12, 12,
    ]);
    for (const loadable of [older!, current!]) expect(validateStockLoadable(loadable, nvSmall)).toEqual([]);
    const kinds = [older!, current!].map((loadable) =>
      taskDescriptors(loadable, loadable.tasks[0]!).operations.map(({ type }) => type),
    );
    expect(kinds[0]).toEqual(kinds[1]);
  });

  it('is refused with the nodes that the host runs, and why', () => {
    const softmax = network((b, x) => b.unary('Softmax', plain(b, x)));
    const compiled = compile(softmax, { target: 'nv_small' });
    const problem = problemOf(() => encodeNvdla(compiled));
    expect(problem).toMatchObject({
      code: 'loadable/host-segment',
      expected: 'one DLA segment',
      actual: '2 segments: DLA, host',
    });
    const [node] = compiled.network.plan.segments.flatMap((segment) => (segment.kind === 'host' ? segment.nodes : []));
    const [verdict] = compiled.checked.verdicts.filter(({ refusals }) => refusals.length > 0);
    expect(problem.message).toBe(
      `the host runs a part of the network: ${node} (${verdict!.refusals[0]!.message}). The stock format holds one task; a .dla holds the whole plan`,
    );
    // Of a .dla alone the rule is not known.
    expect(problemOf(() => encodeNvdla({ network: compiled.network })).message).toContain(
      `${node} (a rule refuses it)`,
    );
  });

  it('names a handful of nodes, and counts the rest', () => {
    const many = network((b, x) => {
      let y = plain(b, x);
      for (let index = 0; index < 12; index++) y = b.unary('Softmax', y);
      return y;
    });
    const { message } = problemOf(() => encodeNvdla(compile(many, { target: 'nv_small' })));
    expect(message.match(/Softmax\S* \(/g)).toHaveLength(8);
    expect(message).toContain('; 4 more. The stock format');
  });

  it('is not for a format that is not public', () => {
    const problem = problemOf(() => encodeNvdla(compile(network(plain), { target: 'orin' })));
    expect(problem.code).toBe('device/unsupported');
    expect(problem.message).toContain('.dla');
  });
});
