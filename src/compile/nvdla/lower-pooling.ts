/** A pooling window as launches of PDP. */

import { fail } from '../../base/errors.ts';
import type { Pdp, Pipeline } from '../../program/layer.ts';
import type { Shape4 } from '../../program/surface.ts';
import type { Pooling } from '../operation.ts';
import type { Launches, Lowering } from './lowering.ts';
import { averageOf, planPooling, pooledShape } from './plan-pooling.ts';

/** @param input surface, of the scale of the result: PDP keeps its numbers */
export function lowerPools(input: number, shape: Shape4, output: string, pool: Pooling, at: Lowering): Launches {
  const { surfaces } = at;
  const plan = planPooling(pool, shape);
  if ('reason' in plan) return fail('compile/unsupported', plan.reason, { node: at.name });
  const launches: Pipeline<number>[] = [];
  let [from, size] = [input, shape];
  for (const [index, step] of plan.pools.entries()) {
    size = pooledShape(size, step);
    const last = index === plan.pools.length - 1;
    const to = last ? surfaces.of(output) : surfaces.inner(`${output}:pooled`, size, at.scaleOf(output));
    launches.push({ kind: 'pdp', pdp: { ...lowerPdp(step, to, at), input: from } });
    from = to;
  }
  return launches;
}

/** @param output surface */
export function lowerPdp(pool: Pooling, output: number, { precision }: Lowering): Pdp<number> {
  const { mode, kernel, stride, padding } = pool;
  const common = { mode, kernel, stride, padding, countPadding: true, output };
  return mode === 'average' ? { ...common, average: averageOf(pool, precision === 'float16') } : common;
}
