/** A table of a Program as the device has it in its memories and registers. */

import type { LookupTable } from '../../../device/engines/reference/nvdla/lookup-table.ts';
import type { Lookup, LookupCurve } from '../../../program/layer.ts';

export function formLookup(lookup: Lookup<number>, entriesOf: (surface: number) => Int16Array): LookupTable {
  const curve = ({ entries, start, end, underflow, overflow }: LookupCurve<number>, select: number) => ({
    entries: entriesOf(entries),
    start,
    end,
    underflow,
    overflow,
    select,
  });
  const { le, lo, underflowPriority, overflowPriority, hybridPriority } = lookup;
  return {
    le: { ...curve(le, le.exponent), spacing: le.spacing, offset: le.exponent },
    lo: curve(lo, lo.exponent),
    underflowPriority,
    overflowPriority,
    hybridPriority,
  };
}
