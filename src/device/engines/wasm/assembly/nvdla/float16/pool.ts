// PDP of float16. A unit is some rows of one atom of 16 channels. The first NaN of a window, row by row, is its result.

import * as base from '../../../job';
import * as job from '../../../nvdla/float16/job';
import { fp17Of, fp17Product, fp17Sum, halvesOf } from './floats';

export function floatPoolUnit(at: usize, scratch: usize, unit: i32): void {
  const rowUnits = load<i32>(at, base.rowUnits), unitRows = load<i32>(at, base.unitRows);
  const firstRow = (unit % rowUnits) * unitRows;
  const endRow = min(firstRow + unitRows, load<i32>(at, base.outHeight));
  const surface = unit / rowUnits;
  const line = load<u32>(at, base.inRow), width = load<i32>(at, base.outWidth);
  const source = load<u32>(at, base.inAddress) + <usize>surface * load<u32>(at, base.inSurface);
  const target = load<u32>(at, base.outAddress) + <usize>surface * load<u32>(at, base.outSurface);
  const mode = load<i32>(at, base.poolMode);
  countSpecials(at, scratch, source, unit % rowUnits, rowUnits);
  for (let y = firstRow; y < endRow; y++) {
    const row = load<u32>(at, job.poolRows) + (<usize>y << 3);
    const top = load<i32>(row), rows = load<i32>(row, 4) - top;
    let to = target + <usize>y * load<u32>(at, base.outRow);
    for (let x = 0; x < width; x++, to += 32) {
      const column = load<u32>(at, job.poolColumns) + (<usize>x << 3);
      const left = load<i32>(column), columns = load<i32>(column, 4) - left;
      const cells = source + top * line + <usize>(left << 5);
      if (mode == base.poolAverage) {
        for (let quad: usize = 0; quad < 32; quad += 8) {
          const halves = average(at, cells + quad, line, rows, columns);
          v128.store64_lane(to + quad, i16x8.narrow_i32x4_u(halves, halves), 0);
        }
      } else {
        for (let half: usize = 0; half < 32; half += 16) {
          v128.store(to + half, extreme(cells + half, line, rows, columns, mode == base.poolMax));
        }
      }
    }
  }
}

/** Counts the input that is NaN or infinite, each unit its share of the rows: windows may overlap or leave gaps. */
function countSpecials(at: usize, scratch: usize, source: usize, share: i32, shares: i32): void {
  const height = load<i32>(at, base.inHeight), line = load<u32>(at, base.inRow);
  const bytes = load<u32>(at, base.inWidth) << 5;
  for (let y = (height * share) / shares; y < (height * (share + 1)) / shares; y++) {
    const row = source + <usize>y * line;
    let counts = i16x8.splat(0);
    const infinity = i16x8.splat(0x7c00);
    for (let p = row; p < row + bytes; p += 16) counts = i16x8.sub(counts, i16x8.eq(v128.and(v128.load(p), infinity), infinity));
    if (v128.any_true(counts)) store<i32>(scratch, load<i32>(scratch) + 1);
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

/** Four halves in 32 bits each. Rows are added each from left to right, then one after the other. */
function average(at: usize, cells: usize, line: usize, rows: i32, columns: i32): v128 {
  let sum = i32x4.splat(0), nan = sum;
  for (let r = 0; r < rows; r++, cells += line) {
    let partial = i32x4.splat(0);
    for (let c = 0, p = cells; c < columns; c++, p += 32) {
      const halves = v128.load_ext<u16>(p);
      nan = firstNaN(nan, halves);
      const v = fp17Of(halves);
      partial = c == 0 ? v : fp17Sum(partial, v);
    }
    sum = r == 0 ? partial : fp17Sum(sum, partial);
  }
  sum = fp17Product(sum, f32x4.splat(load<f32>(at, job.recipWidthF)));
  const result = halvesOf(fp17Product(sum, f32x4.splat(load<f32>(at, job.recipHeightF))));
  return v128.bitselect(nan, result, isNaN8(nan));
}
