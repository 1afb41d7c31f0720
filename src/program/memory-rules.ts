/** No two surfaces of a memory overlap while both are live. */

import { fail } from '../base/errors.ts';
import { liveRanges } from './liveness.ts';
import type { Program } from './program.ts';
import type { Surface } from './surface.ts';

interface Tenant {
  readonly surface: Surface;
  readonly start: number;
  readonly end: number;
  readonly first: number;
  readonly last: number;
}

interface Clash {
  /** The surface that comes later, and the one that is there already. */
  readonly surface: Surface;
  readonly other: Surface;
}

/** @throws program/invalid */
export function checkMemory(program: Program): void {
  const [clash] = clashes(program);
  if (clash === undefined) return;
  const { surface, other } = clash;
  const span = ({ offset, size }: Surface): string => `[${offset}, ${offset + size})`;
  fail(
    'program/invalid',
    `two surfaces overlap in ${surface.memory} while both are live`,
    { value: surface.name },
    { actual: `${other.name} at ${span(other)}, this one at ${span(surface)}` },
  );
}

/** Surfaces that overlap others which are live at the same time; without them no two do. */
export function clashes(program: Program): readonly Clash[] {
  const ranges = liveRanges(program);
  const blobs = new Map(program.constants.map(({ surface, blob }) => [surface, blob] as const));
  return (['managed_sram', 'local_dram', 'global_dram'] as const).flatMap((memory) => {
    const tenants: Tenant[] = [];
    for (const surface of program.surfaces) {
      const range = ranges[surface.id];
      if (surface.memory !== memory || surface.parent !== undefined || range === undefined) continue;
      const { offset, size } = surface;
      tenants.push({ surface, start: offset, end: offset + size, first: range.first, last: range.last });
    }
    const same = (a: Surface, b: Surface) =>
      a.offset === b.offset && a.size === b.size && blobs.has(a.id) && blobs.get(a.id) === blobs.get(b.id);
    return sweep(tenants, same);
  });
}

/** Goes through time with the tenants that are live kept in address order: a newcomer can only clash with its neighbours. */
function sweep(tenants: readonly Tenant[], shared: (a: Surface, b: Surface) => boolean): readonly Clash[] {
  const arrivals = tenants.toSorted((a, b) => a.first - b.first || a.start - b.start);
  const departures = tenants.toSorted((a, b) => a.last - b.last);
  const live: Tenant[] = [];
  const found: Clash[] = [];
  let gone = 0;
  for (const tenant of arrivals) {
    for (let next = departures[gone]; next !== undefined && next.last < tenant.first; next = departures[++gone]) {
      const at = position(live, next.start);
      if (live[at] === next) live.splice(at, 1);
    }
    const at = position(live, tenant.start);
    const [left, right] = [live[at - 1], live[at]];
    const clash =
      left !== undefined && left.end > tenant.start
        ? left
        : right !== undefined && right.start < tenant.end
          ? right
          : undefined;
    if (clash === undefined) live.splice(at, 0, tenant);
    else if (!shared(clash.surface, tenant.surface)) found.push({ surface: tenant.surface, other: clash.surface });
  }
  return found;
}

/** The first index whose start is not below. */
function position(live: readonly Tenant[], start: number): number {
  let low = 0;
  let high = live.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (live[middle]!.start < start) low = middle + 1;
    else high = middle;
  }
  return low;
}
