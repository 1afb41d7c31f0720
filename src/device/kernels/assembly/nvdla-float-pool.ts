// PDP of float16. A unit is some rows of one atom of 16 channels. The first NaN of a window, row by row, is its result.

import * as base from '../job';
import * as job from '../nvdla-float-job';
import { fp17Of, fp17Product, fp17Sum, halvesOf } from './nvdla-floats';

export function floatPoolUnit(at: usize, unit: i32): void {
  const rowUnits = load<i32>(at, base.rowUnits), unitRows = load<i32>(at, base.unitRows);
  const firstRow = (unit % rowUnits) * unitRows;
  const endRow = min(firstRow + unitRows, load<i32>(at, base.outHeight));
  const surface = unit / rowUnits;
  const line = load<u32>(at, base.inRow), width = load<i32>(at, base.outWidth);
  const source = load<u32>(at, base.inAddress) + <usize>surface * load<u32>(at, base.inSurface);
  const target = load<u32>(at, base.outAddress) + <usize>surface * load<u32>(at, base.outSurface);
  const mode = load<i32>(at, base.poolMode);
  for (let y = firstRow; y < endRow; y++) {
    const row = load<u32>(at, job.poolRows) + (<usize>y << 3);
    const top = load<i32>(row), rows = load<i32>(row, 4) - top;
    let to = target + <usize>y * load<u32>(at, base.outRow);
    for (let x = 0; x < width; x++, to += 32) {
      const column = load<u32>(at, job.poolColumns) + (<usize>x << 3);
      const left = load<i32>(column), columns = load<i32>(column, 4) - left;
      const cells = source + top * line + <usize>(left << 5);
      for (let half: usize = 0; half < 32; half += 16) {
        const result = mode == base.poolAverage ? average(at, cells + half, line, rows, columns) : extreme(cells + half, line, rows, columns, mode == base.poolMax);
        v128.store(to + half, result);
      }
    }
  }
}

@inline
function isNaN8(v: v128): v128 {
  return i16x8.gt_s(v128.and(v, i16x8.splat(0x7fff)), i16x8.splat(0x7c00));
}

/** Keeps the first NaN of each lane. */
@inline
function firstNaN(nan: v128, v: v128): v128 {
  return v128.bitselect(nan, v128.and(v, isNaN8(v)), isNaN8(nan));
}

/** Bits in the order of the numbers that they stand for; its own inverse. */
@inline
function ordered(bits: v128): v128 {
  return v128.xor(bits, i16x8.shr_u(i16x8.shr_s(bits, 15), 1));
}

function extreme(cells: usize, line: usize, rows: i32, columns: i32, isMax: bool): v128 {
  let best = ordered(v128.load(cells)), nan = i16x8.splat(0);
  for (let r = 0; r < rows; r++, cells += line) {
    for (let p = cells, end = cells + (<usize>columns << 5); p < end; p += 32) {
      const v = v128.load(p);
      nan = firstNaN(nan, v);
      best = isMax ? i16x8.max_s(best, ordered(v)) : i16x8.min_s(best, ordered(v));
    }
  }
  return v128.bitselect(nan, ordered(best), isNaN8(nan));
}

/** Rows are added each from left to right, then one after the other. */
function average(at: usize, cells: usize, line: usize, rows: i32, columns: i32): v128 {
  let low = i32x4.splat(0), high = low, nan = low;
  for (let r = 0; r < rows; r++, cells += line) {
    const first = v128.load(cells);
    nan = firstNaN(nan, first);
    let a = fp17Of(i32x4.extend_low_i16x8_u(first)), b = fp17Of(i32x4.extend_high_i16x8_u(first));
    for (let p = cells + 32, end = cells + (<usize>columns << 5); p < end; p += 32) {
      const v = v128.load(p);
      nan = firstNaN(nan, v);
      a = fp17Sum(a, fp17Of(i32x4.extend_low_i16x8_u(v)));
      b = fp17Sum(b, fp17Of(i32x4.extend_high_i16x8_u(v)));
    }
    low = r == 0 ? a : fp17Sum(low, a);
    high = r == 0 ? b : fp17Sum(high, b);
  }
  const w = f32x4.splat(load<f32>(at, job.recipWidthF)), h = f32x4.splat(load<f32>(at, job.recipHeightF));
  low = halvesOf(fp17Product(fp17Product(low, w), h));
  high = halvesOf(fp17Product(fp17Product(high, w), h));
  return v128.bitselect(nan, i16x8.narrow_i32x4_u(low, high), isNaN8(nan));
}
