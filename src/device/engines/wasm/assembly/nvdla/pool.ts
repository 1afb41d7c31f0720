// PDP of the open NVDLA on int8. A unit is some rows of one atom of channels. The host says which rows and columns of the
// image each window covers, and what its padding adds to an average's sum.

import * as base from '../../job';
import * as job from '../../nvdla/job';
import { away, highDoubles, integers, lowDoubles } from './units';

export function integerPoolUnit(at: usize, unit: i32): void {
  const rowUnits = load<i32>(at, base.rowUnits), unitRows = load<i32>(at, base.unitRows);
  const firstRow = (unit % rowUnits) * unitRows;
  const endRow = min(firstRow + unitRows, load<i32>(at, base.outHeight));
  const surface = unit / rowUnits;
  const atom = load<i32>(at, base.inPixel);
  const line = load<u32>(at, base.inRow);
  const source = load<u32>(at, base.inAddress) + <usize>surface * load<u32>(at, base.inSurface);
  const target = load<u32>(at, base.outAddress) + <usize>surface * load<u32>(at, base.outSurface);
  const width = load<i32>(at, base.outWidth);
  const mode = load<i32>(at, base.poolMode);
  for (let y = firstRow; y < endRow; y++) {
    const row = load<u32>(at, job.poolRows) + (<usize>y << 4);
    const top = load<i32>(row), bottom = load<i32>(row, 4);
    let to = target + <usize>y * load<u32>(at, base.outRow);
    for (let x = 0; x < width; x++) {
      const column = load<u32>(at, job.poolColumns) + (<usize>x << 4);
      const left = load<i32>(column), right = load<i32>(column, 4);
      const cells = source + top * line + left * atom;
      const columns = right - left;
      if (mode == base.poolAverage) {
        const padding = load<i32>(row, 8) + load<i32>(column, 8) * max(0, bottom - top);
        for (let c = 0; c < atom; c += 8) average(at, to + c, cells + c, line, bottom - top, columns, atom, padding);
      } else if (atom == 8) {
        let best = i8x16.splat(mode == base.poolMax ? -128 : 127);
        for (let r = 0, p = cells; r < bottom - top; r++, p += line) {
          const end = p + (columns << 3);
          for (let q = p; q < end; q += 8) {
            const v = v128.load64_zero(q);
            best = mode == base.poolMax ? i8x16.max_s(best, v) : i8x16.min_s(best, v);
          }
        }
        v128.store_lane<i64>(to, best, 0);
      } else {
        for (let c = 0; c < atom; c += 16) {
          let best = i8x16.splat(mode == base.poolMax ? -128 : 127);
          for (let r = 0, p = cells + c; r < bottom - top; r++, p += line) {
            const end = p + columns * atom;
            for (let q = p; q < end; q += atom) {
              best = mode == base.poolMax ? i8x16.max_s(best, v128.load(q)) : i8x16.min_s(best, v128.load(q));
            }
          }
          v128.store(to + c, best);
        }
      }
      to += atom;
    }
  }
}

// 8 channels of a window: the sum, multiplied by the two reciprocals, rounded after each; the low byte is the result.
function average(at: usize, to: usize, cells: usize, line: usize, rows: i32, columns: i32, step: i32, padding: i32): void {
  let low = i32x4.splat(padding), high = low;
  for (let r = 0; r < rows; r++) {
    const end = cells + columns * step;
    for (let p = cells; p < end; p += step) {
      const eight = v128.load_ext<i8>(p);
      low = i32x4.add(low, i32x4.extend_low_i16x8_s(eight));
      high = i32x4.add(high, i32x4.extend_high_i16x8_s(eight));
    }
    cells += line;
  }
  const w = f64x2.splat(load<f64>(at, job.recipWidthF)), h = f64x2.splat(load<f64>(at, job.recipHeightF));
  const first = integers(divided(lowDoubles(low), w, h), divided(highDoubles(low), w, h));
  const second = integers(divided(lowDoubles(high), w, h), divided(highDoubles(high), w, h));
  v128.store_lane<i64>(to, v128.shuffle<i8>(first, second, 0, 4, 8, 12, 16, 20, 24, 28, 0, 4, 8, 12, 16, 20, 24, 28), 0);
}

@inline
function divided(sum: v128, w: v128, h: v128): v128 {
  return away(f64x2.mul(f64x2.trunc(away(f64x2.mul(sum, w))), h));
}
