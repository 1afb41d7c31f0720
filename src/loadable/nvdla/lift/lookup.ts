/** A lookup table of the firmware as one of a Program; the entries that several operations share are the same. */

import { fail } from '../../../base/errors.ts';
import type { Lookup, LookupSlope } from '../../../program/layer.ts';
import { spacingCodes, tableCodes } from '../../../program/nvdla/codes.ts';
import { nvdlaLimits } from '../../../targets/nvdla-limits.ts';
import type { LutParam } from '../format/descriptors.ts';
import type { Access, TableAccess } from './access.ts';
import type { LiftContext } from './lift-context.ts';

/** The table that an engine has loaded. @throws loadable/corrupt when there is none */
export function liftLookup(engine: 'sdp' | 'cdp', float: boolean, context: LiftContext): Lookup<Access> {
  const index = context.loaded[engine];
  if (index < 0) fail('loadable/corrupt', `${engine} looks up a table before one is loaded`);
  const lut = context.lut(index);
  const entries = (curve: 'le' | 'lo', values: readonly number[]): TableAccess => {
    const key = `${index} ${curve} ${float}`;
    const table = context.tables.get(key) ?? tableOf(values, float);
    context.tables.set(key, table);
    return table;
  };
  const tables = { le: entries('le', lut.linearExpTable), lo: entries('lo', lut.linearOnlyTable) };
  return lookupOf(lut, tables, nvdlaLimits.lookup.endBits[engine], float);
}

function lookupOf(
  lut: LutParam,
  tables: Readonly<Record<'le' | 'lo', TableAccess>>,
  bits: number,
  float: boolean,
): Lookup<Access> {
  const end = (value: bigint): number => Number(BigInt.asIntN(bits, value));
  // Five bits of the shift are there; floats have none.
  const slope = ({ scale, shift }: LutParam['linearExpUnderflow']): LookupSlope => ({
    scale,
    shift: float ? 0 : (shift << 27) >> 27,
  });
  const choice = (priority: number): 'le' | 'lo' => tableCodes.names[priority & 1]!;
  return {
    le: {
      entries: tables.le,
      start: end(lut.linearExpStart),
      end: end(lut.linearExpEnd),
      underflow: slope(lut.linearExpUnderflow),
      overflow: slope(lut.linearExpOverflow),
      spacing: spacingCodes.names[lut.method === 0 ? 0 : 1]!,
      exponent: lut.linearExpOffset,
    },
    lo: {
      entries: tables.lo,
      start: end(lut.linearOnlyStart),
      end: end(lut.linearOnlyEnd),
      underflow: slope(lut.linearOnlyUnderflow),
      overflow: slope(lut.linearOnlyOverflow),
      exponent: lut.linearOnlyOffset,
    },
    underflowPriority: choice(lut.underflowPriority),
    overflowPriority: choice(lut.overflowPriority),
    hybridPriority: choice(lut.hybridPriority),
  };
}

function tableOf(entries: readonly number[], float: boolean): TableAccess {
  const data = new Uint8Array(2 * entries.length);
  const view = new DataView(data.buffer);
  for (const [index, entry] of entries.entries()) view.setInt16(2 * index, entry, true);
  return { kind: 'table', dtype: float ? 'float16' : 'int16', data };
}
