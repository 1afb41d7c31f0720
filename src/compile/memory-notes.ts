/**
 * Notes of a check on loadables that do not fit their memory pools, with the numbers of the compiler: checking and compiling
 * count the same tensors.
 */

import { DlakitError } from '../base/errors.ts';
import { bytes } from '../base/units.ts';
import type { Graph } from '../graph/graph.ts';
import type { CheckOptions } from '../support/rule.ts';
import { type MemoryBound, memoryBounds } from '../support/segment-notes.ts';
import type { CheckResult } from '../support/verdict.ts';
import { defaultPools, type MemoryPools, poolNames } from '../targets/target.ts';
import { compileNetwork } from './compilation.ts';
import { beyondPool, inMiB, memoryOf, requirePools } from './pool-use.ts';

/**
 * A check with notes on the loadables that do not fit their pools. The network is compiled only where the sum of all its
 * weights, or of all its tensors, is more than half a pool: what it takes of one is no more, but for padding.
 * @throws compile/unsupported, compile/memory for pools that the target or TensorRT does not have
 */
export function withMemoryNotes(
  graph: Graph,
  result: CheckResult,
  options: CheckOptions & { readonly pools?: Partial<MemoryPools> },
): CheckResult {
  requirePools(options.target, options.pools);
  if (options.target.generation === 'nvdla') return result;
  const pools = { ...defaultPools, ...options.pools };
  const bounds = memoryBounds(graph, result.segments, options.precision);
  const suspects = bounds.filter(
    ({ weights, tensors }) => 2 * weights > pools.globalDram || 2 * tensors > pools.localDram,
  );
  if (suspects.length === 0) return result;
  const beyondPools = beyond(graph, options, pools, suspects);
  return beyondPools.length === 0 ? result : { ...result, notes: [...beyondPools, ...result.notes], beyondPools };
}

function beyond(
  graph: Graph,
  { target, release, precision }: CheckOptions,
  pools: MemoryPools,
  suspects: readonly MemoryBound[],
): readonly string[] {
  const room = bytes(2 ** 50);
  try {
    const { network } = compileNetwork(graph, undefined, {
      target,
      release,
      precision,
      pools: { localDram: room, globalDram: room },
    });
    const { segments, batch } = network.plan;
    return segments.flatMap((segment) => {
      if (segment.kind !== 'dla') return [];
      return memoryOf(segment.program).flatMap((use) => beyondPool(segment.name, use, pools, batch) ?? []);
    });
  } catch (error) {
    if (!(error instanceof DlakitError)) throw error;
    const large = suspects.filter(({ weights, tensors }) => weights > pools.globalDram || tensors > pools.localDram);
    return large.map(
      ({ name, weights, tensors }) =>
        `${name}: weights take ${inMiB(weights)} MiB, tensors between its layers up to ${inMiB(tensors)}; ` +
        `${poolNames.globalDram} has ${inMiB(pools.globalDram)}, ${poolNames.localDram} ${inMiB(pools.localDram)}`,
    );
  }
}
