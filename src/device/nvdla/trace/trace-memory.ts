/** The memory that a trace reaches: in whole pages, neighbouring regions together, so that a run may cross from one to the next. */

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
