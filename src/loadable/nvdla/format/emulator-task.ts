/** The descriptors of one task for the host emulator, read from wherever its addresses lie. */

import { fail } from '../../../base/errors.ts';
import {
  bufferPitch,
  type EmulatorBuffer,
  type EmulatorLayout,
  type EmulatorNetwork,
  type EmulatorOperation,
  emulatorNetwork,
} from './emulator-descriptors.ts';
import { type Codec, decode } from './layout.ts';
import { type StockLoadable, taskInterfaces } from './stock-loadable.ts';
import { interfaceMinor, type ReadAddress } from './task-descriptors.ts';

export interface EmulatorStep {
  readonly operation: EmulatorOperation;
  readonly source: EmulatorBuffer;
  readonly destination: EmulatorBuffer;
}

export interface EmulatorDescriptors {
  readonly network: EmulatorNetwork;
  readonly steps: readonly EmulatorStep[];
}

/** @throws loadable/truncated, and what `read` throws */
export function readEmulatorTask(read: ReadAddress, layout: EmulatorLayout): EmulatorDescriptors {
  const one = <T>(codec: Codec<T>, list: number, offset: number): T => {
    const bytes = read(list, offset, codec.size);
    if (bytes.length < codec.size) {
      const detail = { expected: codec.size, actual: bytes.length };
      fail('loadable/truncated', 'a list of emulator descriptors ends early', {}, detail);
    }
    return decode(codec, bytes);
  };
  const network = one(emulatorNetwork, 0, 0);
  const { operationIndex, bufferIndex, numOperations } = network;
  const steps = Array.from({ length: numOperations }, (_, index) => ({
    operation: one(layout.operation, operationIndex, index * layout.operationPitch),
    source: one(layout.buffer, bufferIndex, 2 * index * bufferPitch),
    destination: one(layout.buffer, bufferIndex, (2 * index + 1) * bufferPitch),
  }));
  return { network, steps };
}

/** The emulator's descriptors do not say what version they are; those of the hardware beside them do. */
export function emulatorVersion(loadable: StockLoadable): 'current' | 'older' {
  const task = loadable.tasks.find((candidate) => candidate.interface === taskInterfaces.dla);
  return task && interfaceMinor(loadable, task) === 10 ? 'older' : 'current';
}
