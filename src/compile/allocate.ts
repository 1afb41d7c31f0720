/**
 * Addresses. Each tenant of a memory has a size and a range of launches; two whose ranges meet must not overlap. Larger ones are
 * placed first, each in the smallest gap between those that share a launch with it: the order that gives little waste in practice,
 * and always the same result.
 */

export interface Tenant {
  readonly id: number;
  /** Bytes. */
  readonly size: number;
  /** Launches, both included. */
  readonly first: number;
  readonly last: number;
}

export interface Arrangement {
  /** Byte offset of every tenant that found one. */
  readonly offsets: ReadonlyMap<number, number>;
  /** One past the last byte in use. */
  readonly size: number;
}

export const alignment = 64;
const aligned = (value: number): number => Math.ceil(value / alignment) * alignment;

type Order = (a: Tenant, b: Tenant) => number;
const bySize: Order = (a, b) => b.size - a.size || a.first - b.first || a.id - b.id;
const byTime: Order = (a, b) => a.first - b.first || b.size - a.size || a.id - b.id;
const byLifetime: Order = (a, b) => b.last - b.first - (a.last - a.first) || bySize(a, b);

/** Without a capacity every tenant finds a place. */
export function arrange(tenants: readonly Tenant[]): Arrangement {
  return inOrder(tenants, bySize, Number.POSITIVE_INFINITY);
}

/** Tries several orders and takes the first that leaves the fewest bytes outside. */
export function arrangeWithin(tenants: readonly Tenant[], capacity: number): Arrangement {
  const placedBytes = ({ offsets }: Arrangement) =>
    tenants.reduce((sum, { id, size }) => sum + (offsets.has(id) ? size : 0), 0);
  return [bySize, byTime, byLifetime]
    .map((order) => inOrder(tenants, order, capacity))
    .reduce((best, other) => (placedBytes(other) > placedBytes(best) ? other : best));
}

function inOrder(tenants: readonly Tenant[], order: Order, capacity: number): Arrangement {
  const placed: { start: number; end: number; tenant: Tenant }[] = [];
  const offsets = new Map<number, number>();
  let top = 0;
  for (const tenant of tenants.toSorted(order)) {
    const { first, last } = tenant;
    let best = -1;
    let room = Number.POSITIVE_INFINITY;
    let free = 0;
    for (const { start, end, tenant: other } of placed) {
      if (other.last < first || last < other.first) continue;
      const gap = start - free;
      if (gap >= tenant.size && gap < room) {
        best = free;
        room = gap;
      }
      free = Math.max(free, end);
    }
    const start = best >= 0 ? best : free;
    if (start + tenant.size > capacity) continue;
    const entry = { start, end: aligned(start + tenant.size), tenant };
    const at = placed.findIndex((other) => other.start > start);
    placed.splice(at < 0 ? placed.length : at, 0, entry);
    offsets.set(tenant.id, start);
    top = Math.max(top, start + tenant.size);
  }
  return { offsets, size: top };
}
