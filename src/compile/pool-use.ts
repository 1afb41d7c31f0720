/**
 * What a loadable takes of its memory pools, and what to do when that is too much: its tensors after fusion, those that live
 * at the same time. Compiling fails with the sentence that checking notes.
 */

import { fail } from '../base/errors.ts';
import type { Program } from '../program/program.ts';
import type { MemoryName } from '../program/surface.ts';
import type { Target } from '../targets/target.ts';
import { isPoolSize, type MemoryPools, poolFor, poolNames } from '../targets/target.ts';

export interface MemoryUse {
  readonly pool: keyof MemoryPools;
  /** Bytes. */
  readonly size: number;
}

const memories: Readonly<Record<keyof MemoryPools, MemoryName>> = {
  localDram: 'local_dram',
  globalDram: 'global_dram',
};

/** What a loadable takes of each pool. */
export const memoryOf = ({ surfaces }: Pick<Program, 'surfaces'>): readonly MemoryUse[] =>
  (['localDram', 'globalDram'] as const).map((pool) => ({
    pool,
    size: surfaces
      .filter(({ memory }) => memory === memories[pool])
      .reduce((end, { offset, size }) => Math.max(end, offset + size), 0),
  }));

/** What is wrong when a loadable takes more than a pool has, with the ways out; undefined when it fits. */
export function beyondPool(
  name: string,
  { pool, size }: MemoryUse,
  pools: MemoryPools,
  batch: number,
): string | undefined {
  const limit = pools[pool];
  if (size <= limit) return undefined;
  const what = pool === 'localDram' ? 'tensors between its layers' : 'weights';
  const flag = `--mem-pool ${poolNames[pool]}:${poolFor(size)}`;
  const largest = pool === 'localDram' ? Math.floor((limit * batch) / size) : 0;
  const smaller = largest >= 1 ? `batch ${largest} is the largest that fits, or ${flag}` : flag;
  return `${name}: ${what} take ${inMiB(size)} MiB, and ${poolNames[pool]} has ${inMiB(limit)}; ${smaller} makes room`;
}

/** MiB as they are shown: whole where there are ten. */
export function inMiB(size: number): number {
  const mebibytes = size / 2 ** 20;
  return mebibytes >= 10 ? Math.ceil(mebibytes) : Number(mebibytes.toPrecision(2));
}

/** @throws compile/unsupported for an open NVDLA, which has none; compile/memory for a size that TensorRT does not take */
export function requirePools(target: Target, pools: Partial<MemoryPools> | undefined): void {
  if (pools && target.generation === 'nvdla') {
    fail('compile/unsupported', `${target.name} has no memory pools: its loadables lie in one memory`);
  }
  for (const size of Object.values(pools ?? {})) {
    if (isPoolSize(size)) continue;
    const detail = { expected: 'a power of two of bytes, at least 4096', actual: size };
    fail('compile/memory', 'TensorRT takes no memory pool of that size', {}, detail);
  }
}
