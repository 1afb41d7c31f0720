/** The networks of every benchmark, whole on the smallest and the largest configuration. */

import { describe, expect, it } from 'vitest';
import { compile, prepare } from '../../index.ts';
import { resnet18, resnet50 } from '../../models/resnet.ts';

describe.each([
  ['ResNet-18', resnet18],
  ['ResNet-50', resnet50],
] as const)('%s', (_, build) => {
  const network = prepare(build());

  it.each(['nv_small', 'nv_small_256', 'nv_full'])('compiles for %s with nothing on the host', (target) => {
    const { network: compiled, notEmulated } = compile(network, { target });
    expect(compiled.plan.segments.map(({ kind }) => kind)).toEqual(['dla']);
    expect([...notEmulated]).toEqual([]);
  });
});
