/**
 * Buffer objects of the kernel-mode driver: memory that the device can reach, known by a handle (nvdla/sw `nvdla_gem.c`).
 * A buffer is zeroed and takes whole pages: the device reads whole atoms, which may reach beyond a table's last entry. The
 * page between a buffer and the next is unmapped.
 */

import { fail } from '../../base/errors.ts';
import type { Bus, Window } from '../../device/bus.ts';

/** Where the buffers of each memory begin. */
export interface MemoryBases {
  readonly system: bigint;
  readonly sram: bigint;
}

export const memoryBases: MemoryBases = { system: 0x8000_0000n, sram: 0x5000_0000n };

export type Domain = keyof MemoryBases;

export const pageSize = 4096;

declare const buffer: unique symbol;
/** Names a buffer; none is used twice. */
export type BufferHandle = number & { readonly [buffer]: true };

interface BufferObject {
  readonly window: Window;
  readonly domain: Domain;
  /** Bytes that were asked for; the window is as many whole pages. */
  readonly size: number;
}

export interface BufferOptions {
  /** `system` when not given. */
  readonly domain?: Domain;
  /** A power of two; raised to a page. */
  readonly alignment?: number;
}

export class DeviceBuffers {
  readonly #bus: Bus;
  readonly #bases: MemoryBases;
  readonly #objects = new Map<BufferHandle, BufferObject>();
  /** Where the search for room starts: behind the last allocation, or at the base once something was freed. */
  readonly #from: Record<Domain, bigint>;
  #last = 0;

  constructor(bus: Bus, bases: MemoryBases) {
    this.#bus = bus;
    this.#bases = bases;
    this.#from = { ...bases };
  }

  /** @throws device/memory */
  allocate(size: number, { domain = 'system', alignment = pageSize }: BufferOptions = {}): BufferHandle {
    const whole = Math.max(1, Math.ceil(size / pageSize)) * pageSize;
    const unit = Math.max(alignment, pageSize);
    const base = this.#bus.gap(this.#from[domain], whole, pageSize, unit);
    const window = this.#bus.map(base, whole);
    this.#from[domain] = window.end;
    const handle = ++this.#last as BufferHandle;
    this.#objects.set(handle, { window, domain, size });
    return handle;
  }

  /** @throws run/buffer */
  free(handle: BufferHandle): void {
    const { window, domain } = this.#object(handle);
    this.#objects.delete(handle);
    this.#bus.unmap(window);
    this.#from[domain] = this.#bases[domain];
  }

  /** The bytes that were asked for. @throws run/buffer */
  size(handle: BufferHandle): number {
    return this.#object(handle).size;
  }

  /** The device's address. @throws run/buffer */
  address(handle: BufferHandle): bigint {
    return this.#object(handle).window.base;
  }

  /**
   * What the device may touch when a task has this buffer.
   * @throws run/buffer
   * @internal
   */
  window(handle: BufferHandle): Window {
    return this.#object(handle).window;
  }

  /** The buffer's bytes from an offset on, fewer than `length` where it ends before. A copy. @throws run/buffer */
  read(handle: BufferHandle, offset = 0, length = Number.POSITIVE_INFINITY): Uint8Array {
    const { window, size } = this.#object(handle);
    const count = Math.max(0, Math.min(length, size - offset));
    return count === 0 ? new Uint8Array(0) : this.#bus.read(window.base + BigInt(offset), count);
  }

  /** @throws run/buffer, also for what does not fit */
  write(handle: BufferHandle, bytes: Uint8Array, offset = 0): void {
    const { window, size } = this.#object(handle);
    if (offset < 0 || offset + bytes.length > size) {
      const detail = { expected: `at most ${size} bytes`, actual: offset + bytes.length };
      fail('run/buffer', 'the bytes do not fit the buffer', {}, detail);
    }
    if (bytes.length > 0) this.#bus.write(window.base + BigInt(offset), bytes);
  }

  #object(handle: BufferHandle): BufferObject {
    return this.#objects.get(handle) ?? fail('run/buffer', 'there is no such buffer', {}, { actual: handle });
  }
}
