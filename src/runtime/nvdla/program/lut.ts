/** Loads a lookup table of SDP or CDP through its access registers (nvdla/sw `common.c` for which field goes where). */

import type { LutParam } from '../../../loadable/nvdla/format/descriptors.ts';
import type { WriteRegister } from './register-writer.ts';

type Slope = LutParam['linearExpUnderflow'];

export function programLut(unit: 'SDP' | 'CDP', lut: LutParam, float: boolean, write: WriteRegister): void {
  for (const [id, entries] of [lut.linearExpTable, lut.linearOnlyTable].entries()) {
    write(unit, 'S_LUT_ACCESS_CFG', { LUT_TABLE_ID: id, LUT_ACCESS_TYPE: 1 });
    for (const entry of entries) write(unit, 'S_LUT_ACCESS_DATA', { LUT_DATA: entry });
  }
  write(unit, 'S_LUT_CFG', {
    LUT_LE_FUNCTION: lut.method,
    LUT_HYBRID_PRIORITY: lut.hybridPriority,
    LUT_UFLOW_PRIORITY: lut.underflowPriority,
    LUT_OFLOW_PRIORITY: lut.overflowPriority,
  });
  const exponential = lut.method === 0;
  write(unit, 'S_LUT_INFO', {
    [exponential ? 'LUT_LE_INDEX_OFFSET' : 'LUT_LE_INDEX_SELECT']: lut.linearExpOffset,
    LUT_LO_INDEX_SELECT: lut.linearOnlyOffset,
  });
  for (const [name, value] of [
    ['LE_START', lut.linearExpStart],
    ['LE_END', lut.linearExpEnd],
    ['LO_START', lut.linearOnlyStart],
    ['LO_END', lut.linearOnlyEnd],
  ] as const) {
    const low = Number(value & 0xffffffffn);
    if (unit === 'SDP') write(unit, `S_LUT_${name}`, low);
    else {
      write(unit, `S_LUT_${name}_LOW`, low);
      write(unit, `S_LUT_${name}_HIGH`, Number(value >> 32n));
    }
  }
  writeSlopes(unit, 'LE', lut.linearExpUnderflow, lut.linearExpOverflow, float, write);
  writeSlopes(unit, 'LO', lut.linearOnlyUnderflow, lut.linearOnlyOverflow, float, write);
}

function writeSlopes(
  unit: 'SDP' | 'CDP',
  table: 'LE' | 'LO',
  under: Slope,
  over: Slope,
  float: boolean,
  write: WriteRegister,
): void {
  write(unit, `S_LUT_${table}_SLOPE_SCALE`, {
    [`LUT_${table}_SLOPE_UFLOW_SCALE`]: under.scale,
    [`LUT_${table}_SLOPE_OFLOW_SCALE`]: over.scale,
  });
  if (float) return;
  write(unit, `S_LUT_${table}_SLOPE_SHIFT`, {
    [`LUT_${table}_SLOPE_UFLOW_SHIFT`]: under.shift,
    [`LUT_${table}_SLOPE_OFLOW_SHIFT`]: over.shift,
  });
}
