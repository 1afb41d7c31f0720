/** The lookup tables from what was written to them and from the registers beside them. */

import { spacingCodes, tableCodes } from '../../../program/nvdla/codes.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import type { LookupTable } from '../../engines/reference/nvdla/lookup-table.ts';
import type { RegisterFile, RegisterView } from '../registers/register-file.ts';

const { entries } = nvdlaLimits.lookup;

/** The memories behind the access registers of one unit. */
export interface TableMemory {
  readonly le: Int16Array;
  readonly lo: Int16Array;
}

export const tableMemory = (): TableMemory => ({ le: new Int16Array(entries.le), lo: new Int16Array(entries.lo) });

export function formLookupTable(file: RegisterFile, unit: 'SDP' | 'CDP', memory: TableMemory): LookupTable {
  const view = file.current(unit);
  const choice = (name: string) => tableCodes.names[view.field('S_LUT_CFG', `LUT_${name}_PRIORITY`)]!;
  return {
    le: {
      ...table(view, unit, 'LE', memory.le),
      spacing: spacingCodes.names[view.field('S_LUT_CFG', 'LUT_LE_FUNCTION')]!,
      offset: view.signed('S_LUT_INFO', 'LUT_LE_INDEX_OFFSET'),
    },
    lo: table(view, unit, 'LO', memory.lo),
    underflowPriority: choice('UFLOW'),
    overflowPriority: choice('OFLOW'),
    hybridPriority: choice('HYBRID'),
  };
}

function table(view: RegisterView, unit: 'SDP' | 'CDP', name: 'LE' | 'LO', entries: Int16Array) {
  const slope = (side: 'UFLOW' | 'OFLOW') => ({
    scale: view.signed(`S_LUT_${name}_SLOPE_SCALE`, `LUT_${name}_SLOPE_${side}_SCALE`),
    shift: view.signed(`S_LUT_${name}_SLOPE_SHIFT`, `LUT_${name}_SLOPE_${side}_SHIFT`),
  });
  return {
    entries: entries.slice(),
    start: edge(view, unit, `${name}_START`),
    end: edge(view, unit, `${name}_END`),
    underflow: slope('UFLOW'),
    overflow: slope('OFLOW'),
    select: view.signed('S_LUT_INFO', `LUT_${name}_INDEX_SELECT`),
  };
}

/** The signed edge of a table: 32 bits in SDP, 38 in CDP. */
function edge(view: RegisterView, unit: 'SDP' | 'CDP', name: string): number {
  if (unit === 'SDP') return view.signed(`S_LUT_${name}`, `LUT_${name}`);
  return view.signed(`S_LUT_${name}_HIGH`, `LUT_${name}_HIGH`) * 2 ** 32 + view.value(`S_LUT_${name}_LOW`);
}
