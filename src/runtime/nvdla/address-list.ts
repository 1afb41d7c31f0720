/**
 * The address list of a task: what its descriptors name by position. The driver makes device addresses of buffers and
 * offsets, and knows from the list what the task may touch.
 */

import { fail } from '../../base/errors.ts';
import type { Window } from '../../device/bus.ts';
import type { BufferHandle, DeviceBuffers } from './device-buffers.ts';

/** An address of a task: a place in a buffer. */
export interface TaskAddress {
  readonly handle: BufferHandle;
  readonly offset: number;
}

export class AddressList {
  /** What the task may touch, by address. */
  readonly windows: readonly Window[];
  readonly #buffers: DeviceBuffers;
  readonly #list: readonly TaskAddress[];
  readonly #addresses: readonly bigint[];

  /** @throws run/buffer */
  constructor(buffers: DeviceBuffers, list: readonly TaskAddress[]) {
    this.#buffers = buffers;
    this.#list = list;
    const windows = new Set(list.map(({ handle }) => buffers.window(handle)));
    this.windows = [...windows].sort((a, b) => (a.base < b.base ? -1 : 1));
    this.#addresses = list.map(({ handle, offset }) => buffers.address(handle) + BigInt(offset));
  }

  /** The device's address of a position of the list. @throws loadable/corrupt */
  readonly address = (position: number): bigint => this.#addresses[position] ?? missing(position);

  /** Bytes at a position as the driver's processor reads them: from the start of the buffer, whatever the offset. */
  readonly read = (position: number, offset: number, length: number): Uint8Array => {
    const { handle } = this.#list[position] ?? missing(position);
    return this.#buffers.read(handle, offset, length);
  };

  /** Rises with every write to the buffer at a position. @throws loadable/corrupt */
  version(position: number): number {
    const { handle } = this.#list[position] ?? missing(position);
    return this.#buffers.window(handle).version;
  }
}

function missing(position: number): never {
  return fail('loadable/corrupt', 'an address is named that is not in the list of its task', {}, { actual: position });
}
