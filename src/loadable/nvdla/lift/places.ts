/**
 * Where the surfaces of a lifted Program lie: as in the memories of the loadable, one memory after the other in each pool.
 * Where two that are needed at the same time would share bytes (a result that takes the place of its own operand, constants
 * that reach into each other) the later one goes to the end of the pool.
 */

import { bytes } from '../../../base/units.ts';
import { partView } from '../../../program/geometry.ts';
import { clashes } from '../../../program/memory-rules.ts';
import type { Program } from '../../../program/program.ts';
import type { Surface } from '../../../program/surface.ts';
import { surfaceAlignment } from '../../../program/surface-rules.ts';
import { pageSize } from '../lower/memories.ts';

export interface DraftSurface extends Omit<Surface, 'id' | 'offset' | 'parent'> {
  /** The place in a memory of the loadable; a surface that was in none goes to the pool's end. */
  readonly place?: { readonly memory: number; readonly offset: number };
  readonly view?: { readonly parent: number; readonly channel: number; readonly row: number };
}

const pools = ['local_dram', 'global_dram', 'managed_sram'] as const;

/** @param parts a Program without surfaces */
export function placeSurfaces(parts: Program, drafts: readonly DraftSurface[]): Program {
  const offsets = new Map<number, number>();
  const homeless: number[] = [];
  const ends = new Map<Surface['memory'], number>();
  for (const pool of pools) {
    const own = drafts.flatMap((draft, id) => (draft.memory === pool && !draft.view ? [{ ...draft, id }] : []));
    const bases = basesOf(own);
    let end = 0;
    for (const { id, place, size } of own) {
      const offset = place && bases.get(place.memory)! + place.offset;
      if (offset === undefined || (pool === 'global_dram' && offset % surfaceAlignment !== 0)) homeless.push(id);
      else {
        offsets.set(id, offset);
        end = Math.max(end, offset + size);
      }
    }
    ends.set(pool, end);
  }
  const settle = (ids: readonly number[]): void => {
    for (const id of ids) {
      const { memory, size } = drafts[id]!;
      const offset = Math.ceil(ends.get(memory)! / surfaceAlignment) * surfaceAlignment;
      offsets.set(id, offset);
      ends.set(memory, offset + size);
    }
  };
  settle(homeless);
  const draft = { ...parts, surfaces: surfacesAt(drafts, offsets) };
  settle(clashes(draft).map(({ surface }) => surface.id));
  return { ...parts, sram: bytes(ends.get('managed_sram')!), surfaces: surfacesAt(drafts, offsets) };
}

/** Where each memory of the loadable begins in a pool. */
function basesOf(drafts: readonly DraftSurface[]): ReadonlyMap<number, number> {
  const sizes = new Map<number, number>();
  for (const { place, size } of drafts) {
    if (place) sizes.set(place.memory, Math.max(sizes.get(place.memory) ?? 0, place.offset + size));
  }
  let end = 0;
  return new Map(
    [...sizes]
      .sort(([a], [b]) => a - b)
      .map(([memory, size]) => {
        const base = end;
        end = Math.ceil((base + size) / pageSize) * pageSize;
        return [memory, base];
      }),
  );
}

function surfacesAt(drafts: readonly DraftSurface[], offsets: ReadonlyMap<number, number>): readonly Surface[] {
  const roots = drafts.map(
    ({ place: _, view, ...draft }, id): Surface => ({
      ...draft,
      id,
      offset: bytes(offsets.get(id) ?? 0),
      ...(view && { parent: view.parent }),
    }),
  );
  return roots.map((surface) => {
    const view = drafts[surface.id]!.view;
    return view ? { ...surface, ...partView(roots[view.parent]!, view, surface.shape) } : surface;
  });
}
