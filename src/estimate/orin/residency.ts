/**
 * Which tensors stay in the managed SRAM. The performance model was fitted with whole tensors chosen greedily, most reuse per
 * lifetime first, then smallest (docs/hardware/estimate-model.md#structure), reuse per lifetime being reads / (last −
 * first): a tensor is kept when, at every launch of its life, it fits beside those already chosen. The allocator still
 * has to find an address for each; what it cannot place goes to DRAM.
 */

export interface ResidencyInterval {
  readonly id: number;
  /** Bytes. */
  readonly size: number;
  /** First and last launch at which it is live, both included. */
  readonly first: number;
  readonly last: number;
  /** Layers that read it. */
  readonly reads: number;
}

/** The ids of the intervals that stay, for a capacity in bytes. Deterministic: ties go to the earlier, then to the lower id. */
export function chooseResident(intervals: readonly ResidencyInterval[], capacity: number): ReadonlySet<number> {
  const used: number[] = [];
  const chosen = new Set<number>();
  const reuse = ({ reads, first, last }: ResidencyInterval) => reads / Math.max(1, last - first);
  const order = intervals
    .filter(({ size, reads }) => size > 0 && size <= capacity && reads > 0)
    .toSorted((a, b) => reuse(b) - reuse(a) || a.size - b.size || a.first - b.first || a.id - b.id);
  for (const { id, size, first, last } of order) {
    let fits = true;
    for (let time = first; time <= last && fits; time++) fits = (used[time] ?? 0) + size <= capacity;
    if (!fits) continue;
    for (let time = first; time <= last; time++) used[time] = (used[time] ?? 0) + size;
    chosen.add(id);
  }
  return chosen;
}
