/** Verdicts that were wrong once, each with the right one. */

import { describe, expect, it } from 'vitest';
import { type CheckOptions, check } from '../../src/index.ts';
import { readCase } from './case-files.ts';

const verdictsOf = (name: string, options?: CheckOptions) =>
  check(readCase(`verdicts/${name}`), options).verdicts.map(({ op, placement, refusals }) => [
    op,
    placement,
    ...refusals.map(({ rule }) => rule),
  ]);

describe('verdicts', () => {
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
