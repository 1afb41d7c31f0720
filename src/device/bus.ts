/**
 * The memory bus: a sparse 64-bit address space whose windows lie in one WebAssembly.Memory, so that kernels work in
 * place. An address outside every window, or an access that runs over a window's end, is a device fault. Windows carry
 * a version that every write raises; what kernels derive from memory (packed weights) is cached by that version.
 */

import { fail } from '../base/errors.ts';

const pageSize = 65536;
const alignment = 64;

export interface Window {
  readonly base: bigint;
  /** The first address behind it. */
  readonly end: bigint;
  readonly size: number;
  /** Byte offset in the WebAssembly memory. */
  readonly offset: number;
  /** Raised by every write. */
  version: number;
  /** False once it was unmapped. */
  readonly mapped: boolean;
}

export interface BusOptions {
  /** Shared memory, for kernels on several threads. */
  readonly shared?: boolean;
  /** Limit in bytes; 4 GiB at most, the default. */
  readonly maximum?: number;
}

interface Span {
  offset: number;
  size: number;
}

type OwnWindow = Window & { mapped: boolean };

export class Bus {
  readonly memory: WebAssembly.Memory;
  readonly #maximumPages: number;
  /** By address. */
  #windows: readonly OwnWindow[] = [];
  #reach: readonly Window[] = this.#windows;
  #free: Span[] = [];
  #bytes: Uint8Array;

  constructor(options: BusOptions = {}) {
    this.#maximumPages = Math.min(65536, Math.ceil((options.maximum ?? 2 ** 32) / pageSize));
    this.memory = new WebAssembly.Memory({
      initial: 1,
      maximum: this.#maximumPages,
      shared: options.shared ?? false,
    });
    this.#bytes = new Uint8Array(this.memory.buffer);
    // Offset 0 stays unused so that no valid pointer is zero.
    this.#free.push({ offset: alignment, size: pageSize - alignment });
  }

  /** The windows that may be touched now, by address. A new list after every mapping and unmapping, so lists can be compared. */
  get reach(): readonly Window[] {
    return this.#reach;
  }

  /** All of memory. Fetch it anew after anything that may allocate: growing detaches the old view. */
  get bytes(): Uint8Array {
    if (this.#bytes.buffer !== this.memory.buffer) this.#bytes = new Uint8Array(this.memory.buffer);
    return this.#bytes;
  }

  /** Reserves zeroed bytes for kernels' own use, aligned to 64. @throws device/memory */
  allocate(size: number): number {
    const wanted = Math.max(alignment, Math.ceil(size / alignment) * alignment);
    let span = this.#free.find((candidate) => candidate.size >= wanted);
    if (!span) {
      const end = this.memory.buffer.byteLength;
      const last = this.#free.at(-1);
      const tail = last && last.offset + last.size === end ? last : undefined;
      const missing = wanted - (tail?.size ?? 0);
      const pages = Math.ceil(missing / pageSize);
      const limit = this.#maximumPages * pageSize;
      if (end + pages * pageSize > limit) {
        fail(
          'device/memory',
          'the device memory is full',
          {},
          { expected: `at most ${limit} bytes`, actual: end + missing },
        );
      }
      try {
        this.memory.grow(pages);
      } catch {
        fail('device/memory', 'the host gives no more memory', {}, { expected: `${missing} more bytes` });
      }
      if (tail) {
        tail.size += pages * pageSize;
        span = tail;
      } else {
        span = { offset: end, size: pages * pageSize };
        this.#free.push(span);
      }
    }
    const { offset } = span;
    span.offset += wanted;
    span.size -= wanted;
    if (span.size === 0) this.#free.splice(this.#free.indexOf(span), 1);
    this.bytes.fill(0, offset, offset + wanted);
    return offset;
  }

  /** Returns what {@link allocate} gave, with the same size. */
  release(offset: number, size: number): void {
    const rounded = Math.max(alignment, Math.ceil(size / alignment) * alignment);
    const index = this.#free.findIndex((span) => span.offset > offset);
    const at = index < 0 ? this.#free.length : index;
    this.#free.splice(at, 0, { offset, size: rounded });
    for (const i of [at, at - 1]) {
      const left = this.#free[i];
      const right = this.#free[i + 1];
      if (left && right && left.offset + left.size === right.offset) {
        left.size += right.size;
        this.#free.splice(i + 1, 1);
      }
    }
  }

  /** Maps zeroed memory at an address. @throws device/memory, device/fault when windows would overlap */
  map(base: bigint, size: number): Window {
    const end = base + BigInt(size);
    if (size <= 0 || base < 0n || end > 2n ** 64n) {
      fail(
        'device/fault',
        'a window lies outside the 64-bit address space',
        {},
        { actual: `${size} bytes at 0x${base.toString(16)}` },
      );
    }
    const at = firstBehind(this.#windows, base);
    const next = this.#windows[at];
    if (next && next.base < end) fail('device/fault', `a window overlaps the one at 0x${next.base.toString(16)}`);
    const window: OwnWindow = { base, end, size, offset: this.allocate(size), version: 0, mapped: true };
    this.#replace(this.#windows.toSpliced(at, 0, window));
    return window;
  }

  /**
   * The lowest address from `base` on, a multiple of `alignment`, with room for so many bytes, and as much to the windows
   * around it as `guard` says.
   */
  gap(base: bigint, size: number, guard: number, alignment = 1): bigint {
    const unit = BigInt(alignment);
    const room = BigInt(size + guard);
    const up = (address: bigint): bigint => ((address + unit - 1n) / unit) * unit;
    let at = up(base);
    for (let i = firstBehind(this.#windows, at - BigInt(guard)); i < this.#windows.length; i++) {
      const window = this.#windows[i]!;
      if (at + room <= window.base) break;
      at = up(window.end + BigInt(guard));
    }
    return at;
  }

  unmap(window: Window): void {
    if (!window.mapped) return;
    const at = firstBehind(this.#windows, window.base);
    this.#windows[at]!.mapped = false;
    this.#replace(this.#windows.toSpliced(at, 1));
    this.release(window.offset, window.size);
  }

  #replace(windows: readonly OwnWindow[]): void {
    if (this.#reach === this.#windows) this.#reach = windows;
    this.#windows = windows;
  }

  /**
   * Runs `work` with these windows alone in reach, as behind an IOMMU: every other address is a fault.
   * @param windows by address
   * @throws device/fault when one of them was unmapped
   */
  within<T>(windows: readonly Window[], work: () => T): T {
    for (const { mapped, base } of windows) {
      if (!mapped) fail('device/fault', `the memory at 0x${base.toString(16)} was freed while it is in use`);
    }
    const before = this.#reach === this.#windows ? undefined : this.#reach;
    this.#reach = windows;
    try {
      return work();
    } finally {
      this.#reach = before ?? this.#windows;
    }
  }

  /** The window that holds [address, address + length). @throws device/fault */
  window(address: bigint, length: number): Window {
    const window = this.#reach[firstBehind(this.#reach, address)];
    if (window && address >= window.base && length >= 0 && address + BigInt(length) <= window.end) return window;
    return fail(
      'device/fault',
      'an access leaves the memory of the task',
      {},
      { actual: `${length} bytes at 0x${address.toString(16)}` },
    );
  }

  /** Where [address, address + length) lies in the WebAssembly memory. @throws device/fault */
  locate(address: bigint, length: number): number {
    const window = this.window(address, length);
    return window.offset + Number(address - window.base);
  }

  /** The same for memory about to be written; raises the window's version. @throws device/fault */
  locateForWrite(address: bigint, length: number): number {
    const window = this.window(address, length);
    window.version++;
    return window.offset + Number(address - window.base);
  }

  read(address: bigint, length: number): Uint8Array {
    const offset = this.locate(address, length);
    return this.bytes.slice(offset, offset + length);
  }

  write(address: bigint, data: Uint8Array): void {
    this.bytes.set(data, this.locateForWrite(address, data.length));
  }
}

/** Index of the first window, by address, that ends behind an address. */
function firstBehind(windows: readonly Window[], address: bigint): number {
  let low = 0;
  let high = windows.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (windows[middle]!.end <= address) low = middle + 1;
    else high = middle;
  }
  return low;
}
