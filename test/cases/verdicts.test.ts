/** Verdicts that were wrong once, each with the right one. */

import { describe, expect, it } from 'vitest';
import { type CheckOptions, check, compile, type PreparedNetwork } from '../../src/index.ts';
import { GraphBuilder, ints } from '../../src/models/graph-builder.ts';
import { readCase } from './case-files.ts';

const verdictsOf = (name: string, options?: CheckOptions) =>
  check(readCase(`verdicts/${name}`), options).verdicts.map(({ op, placement, refusals }) => [
    op,
    placement,
    ...refusals.map(({ rule }) => rule),
  ]);

/** Where check puts the nodes of a chain of operators that run, and of what kinds the segments are that compile makes. */
function places(operators: readonly string[], target: string) {
  const builder = new GraphBuilder('chain', { seed: 1 });
  builder.output(operators.reduce((value, op) => builder.unary(op, value), builder.input('x', [1, 32, 8, 8])));
  const graph = builder.build();
  const network: PreparedNetwork = { original: graph, graph, applied: [] };
  const judged = check(graph, { target }).verdicts.filter(({ placement }) => placement !== 'build-time');
  const { plan } = compile(network, { target }).network;
  const segments = plan.segments.map((segment) => (segment.kind === 'host' ? segment.reason : segment.kind));
  return [judged.map(({ op, placement }) => `${op} ${placement}`), segments];
}

describe('verdicts', () => {
  it.each([
    [['Identity'], 'orin', ['Identity gpu'], ['refused']],
    [['Identity'], 'nv_small', ['Identity dla'], ['dla']],
    [['Dropout'], 'nv_full', ['Dropout dla'], ['dla']],
    [['Identity', 'Dropout'], 'nv_small', ['Dropout dla'], ['dla']],
    [['Identity', 'Relu', 'Identity'], 'nv_small', ['Relu dla'], ['dla']],
    [['Identity', 'Erf', 'Identity'], 'nv_small', ['Erf host'], ['refused']],
  ])('are what is compiled: %s on %s', (operators, target, judged, segments) => {
    expect(places(operators, target)).toEqual([judged, segments]);
  });

  it.each(['orin', 'nv_small'])(
    'are what is compiled: a MaxPool whose indices have a name but no reader: %s',
    (target) => {
      const builder = new GraphBuilder('pool', { seed: 1 });
      const x = builder.input('x', [1, 32, 8, 8]);
      const half = [1, 32, 4, 4];
      const [y = ''] = builder.node('MaxPool', [x], [half, half], {
        kernel_shape: ints([2, 2]),
        strides: ints([2, 2]),
      });
      builder.output(y);
      const graph = builder.build();
      expect(check(graph, { target }).verdicts.map(({ placement }) => placement)).toEqual(['dla']);
      const { network, notEmulated } = compile({ original: graph, graph, applied: [] }, { target });
      expect(network.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
      expect(notEmulated).toEqual(new Map());
    },
  );

  it('send a Cast to the GPU with the comparison before it', () => {
    expect(verdictsOf('cast_behind_gpu_comparison')).toEqual([
      ['Greater', 'gpu', 'no-rule'],
      ['Cast', 'gpu', 'comparison/pair'],
    ]);
    expect(verdictsOf('cast_behind_gpu_comparison', { release: 'DRIVE OS 6.0.9.0' })).toEqual([
      ['Greater', 'gpu', 'comparison/cast'],
      ['Cast', 'gpu', 'comparison/pair'],
    ]);
  });

  it('refuse a comparison whose result becomes float32', () => {
    expect(verdictsOf('equal_constant')).toEqual([
      ['Equal', 'gpu', 'comparison/cast'],
      ['Cast', 'gpu', 'comparison/pair'],
    ]);
  });

  it('say why two batches are two loadables', () => {
    const { segments } = check(readCase('verdicts/two_batches'));
    expect(segments.map(({ kind, why }) => [kind, why])).toEqual([
      ['dla', undefined],
      ['dla', 'batch 1 beside batch 2'],
    ]);
  });

  it('say that refused nodes run on the host, where there is no GPU', () => {
    const { elsewhere, verdicts, segments } = check(readCase('rewrites/pad_reflect'), { target: 'nv_small' });
    expect(elsewhere).toBe('host');
    expect(new Set(verdicts.map(({ placement }) => placement))).toEqual(new Set(['dla', 'host']));
    expect(new Set(segments.map(({ kind }) => kind))).toEqual(new Set(['dla', 'host']));
  });
});
