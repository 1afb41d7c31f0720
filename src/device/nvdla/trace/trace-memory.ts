/**
 * The memory that a trace reaches, and the checksum that it holds memory to. Regions are mapped in whole pages,
 * neighbouring ones together, so that a line may cross from one to the next.
 */

import type { Bus } from '../../bus.ts';

export interface Region {
  readonly address: bigint;
  readonly size: number;
}

const pageSize = 4096n;

/** @throws device/memory, device/fault */
export function mapRegions(regions: readonly Region[], bus: Bus): void {
  const pages = regions
    .filter(({ size }) => size > 0)
    .map(({ address, size }) => ({
      start: (address / pageSize) * pageSize,
      end: ((address + BigInt(size) + pageSize - 1n) / pageSize) * pageSize,
    }))
    .sort((a, b) => (a.start < b.start ? -1 : 1));
  const merged: { start: bigint; end: bigint }[] = [];
  for (const region of pages) {
    const last = merged.at(-1);
    if (!last || region.start > last.end) merged.push({ ...region });
    else if (region.end > last.end) last.end = region.end;
  }
  for (const { start, end } of merged) bus.map(start, Number(end - start));
}

/** @throws device/fault */
export function clearMemory({ address, size }: Region, bus: Bus): void {
  if (size === 0) return;
  const at = bus.locateForWrite(address, size);
  bus.bytes.fill(0, at, at + size);
}

const crcTable = Uint32Array.from({ length: 256 }, (_, index) => {
  let value = index;
  for (let bit = 0; bit < 8; bit++) value = value & 1 ? (value >>> 1) ^ 0xedb88320 : value >>> 1;
  return value;
});

/** CRC-32 as zlib computes it (polynomial 0xedb88320, reflected, inverted at both ends). */
export function crc32(bytes: Uint8Array): number {
  let crc = 0xffffffff;
  for (const byte of bytes) crc = crcTable[(crc ^ byte) & 0xff]! ^ (crc >>> 8);
  return (crc ^ 0xffffffff) >>> 0;
}
