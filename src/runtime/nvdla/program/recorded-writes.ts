/**
 * The writes that program an operation are the same at every run of its task, so they are kept from the first and made
 * again: descriptors are looked at once.
 */

import type { NvdlaDevice } from '../../../device/nvdla/nvdla-device.ts';
import type { TaskOperation } from '../../../loadable/nvdla/format/task-descriptors.ts';
import type { NvdlaTarget } from '../../../targets/target.ts';
import type { AddressOf } from '../firmware.ts';
import { programOperation } from './operation.ts';
import type { ProgramContext } from './register-writer.ts';
import { registerWriter } from './register-writer.ts';

interface Recorded {
  /** What the writes depend on besides the operation: the configuration, and where the task's memories lie. */
  readonly target: NvdlaTarget;
  readonly address: AddressOf;
  /** Address and word by turns. */
  readonly writes: readonly number[];
}

const recorded = new WeakMap<TaskOperation, Recorded>();

/** @throws device/unsupported, loadable/corrupt, device/fault */
export function programOnce(
  operation: TaskOperation,
  context: Omit<ProgramContext, 'write'>,
  device: NvdlaDevice,
  address: AddressOf,
): void {
  const { target } = device;
  const known = recorded.get(operation);
  if (known?.target === target && known.address === address) {
    const { writes } = known;
    for (let i = 0; i < writes.length; i += 2) device.write(writes[i]!, writes[i + 1]!);
    return;
  }
  const writes: number[] = [];
  const write = registerWriter(device, (at, word) => void writes.push(at, word));
  programOperation(operation, { ...context, write });
  recorded.set(operation, { target, address, writes });
}
