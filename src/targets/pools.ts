/**
 * The memory pools of a loadable on Orin and Xavier, as TensorRT sets them when nobody does
 * (docs/hardware/orin.md#memory-pools). That of managed SRAM differs between targets and is theirs.
 */

import { type Bytes, bytes } from '../base/units.ts';

export interface MemoryPools {
  /** Tensors inside a loadable: `dlaLocalDRAM`. */
  readonly localDram: Bytes;
  /** Weights: `dlaGlobalDRAM`. */
  readonly globalDram: Bytes;
}

export const defaultPools: MemoryPools = { localDram: bytes(2 ** 30), globalDram: bytes(2 ** 29) };

/** As trtexec's `--memPoolSize` calls them. */
export const poolNames: Readonly<Record<keyof MemoryPools, string>> = {
  localDram: 'dlaLocalDRAM',
  globalDram: 'dlaGlobalDRAM',
};

/** A pool is a power of two of bytes, at least 4 KiB. */
export const isPoolSize = (size: number): boolean => size >= 4096 && Number.isInteger(Math.log2(size));

/** The smallest pool, in MiB, that holds so many bytes. */
export const poolFor = (size: number): number => 2 ** Math.ceil(Math.log2(Math.max(size, 4096))) / 2 ** 20;
