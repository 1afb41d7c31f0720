// The input converter of the open NVDLA's convolution on bytes: whatever it computes has at most 256 results for each
// component of a pixel, which the host lays out as tables. A unit is some rows of one surface.

import * as base from '../../job';
import * as job from '../../nvdla/job';

export function convertUnit(at: usize, unit: i32): void {
  const rowUnits = load<i32>(at, base.rowUnits), unitRows = load<i32>(at, base.unitRows);
  const firstRow = (unit % rowUnits) * unitRows;
  const endRow = min(firstRow + unitRows, load<i32>(at, base.outHeight));
  const surface = unit / rowUnits;
  const bytes = load<i32>(at, job.convertRow), mask = load<i32>(at, job.convertMask);
  const tables = load<u32>(at, job.convertTables);
  for (let y = firstRow; y < endRow; y++) {
    const from = load<u32>(at, base.inAddress) + <usize>surface * load<u32>(at, base.inSurface) + <usize>y * load<u32>(at, base.inRow);
    const to = load<u32>(at, base.outAddress) + <usize>surface * load<u32>(at, base.outSurface) + <usize>y * load<u32>(at, base.outRow);
    for (let i = 0; i < bytes; i++) store<u8>(to + i, load<u8>(tables + ((i & mask) << 8) + load<u8>(from + i)));
  }
}
