// Up-scaling over whole atoms. The host has worked out which two rows and columns each output index takes, and their
// weights; nearest uses the first alone. A unit is some rows of one run of 32 channels of one image.

import { atomsOf, average, keepMask } from './atoms';
import * as job from '../job';

export function resizeUnit(at: usize, unit: i32, linear: bool): void {
  const rowUnits = load<i32>(at, job.rowUnits), unitRows = load<i32>(at, job.unitRows);
  const atoms = atomsOf(at);
  const firstRow = (unit % rowUnits) * unitRows;
  const endRow = min(firstRow + unitRows, load<i32>(at, job.outHeight));
  const atom = (unit / rowUnits) % atoms;
  const n = unit / rowUnits / atoms;
  const outWidth = load<i32>(at, job.outWidth);
  const line = load<u32>(at, job.inRow);
  const source = load<u32>(at, job.inAddress) + n * load<u32>(at, job.inBatch) + atom * load<u32>(at, job.inSurface);
  const target = load<u32>(at, job.outAddress) + n * load<u32>(at, job.outBatch) + atom * load<u32>(at, job.outSurface);
  const keepLow = keepMask(at, atom, 0), keepHigh = keepMask(at, atom, 16);
  const factor = f32x4.splat(load<f32>(at, job.factorF));

  for (let y = firstRow; y < endRow; y++) {
    const row = load<u32>(at, job.rowTaps) + (<usize>y << 4);
    const above = source + load<u32>(row) * line, below = source + load<u32>(row, 4) * line;
    // Both row weights in one lane, for the dot product with (above, below).
    const vertical = i32x4.splat(load<i32>(row, 8) | (load<i32>(row, 12) << 16));
    let column = load<u32>(at, job.columnTaps);
    let to = target + y * load<u32>(at, job.outRow);
    for (let x = 0; x < outWidth; x++) {
      const first = load<u32>(column) << 5;
      if (linear) {
        const second = load<u32>(column, 4) << 5;
        const one = i16x8.splat(load<i16>(column, 8)), two = i16x8.splat(load<i16>(column, 12));
        for (let half: usize = 0; half < 32; half += 16) {
          const low = mix(above + first + half, above + second + half, below + first + half, below + second + half, one, two, vertical, factor);
          const high = mix(above + first + half + 8, above + second + half + 8, below + first + half + 8, below + second + half + 8, one, two, vertical, factor);
          v128.store(to + half, v128.and(half ? keepHigh : keepLow, i8x16.narrow_i16x8_s(low, high)));
        }
      } else {
        v128.store(to, v128.and(keepLow, v128.load(above + first)));
        v128.store(to, v128.and(keepHigh, v128.load(above + first, 16)), 16);
      }
      column += 16;
      to += 32;
    }
  }
}

// 8 channels of a linear mixture. Horizontal sums are at most 128 · 64 and fit int16.
function mix(a: usize, b: usize, c: usize, d: usize, one: v128, two: v128, vertical: v128, factor: v128): v128 {
  const above = i16x8.add(i16x8.mul(v128.load_ext<i8>(a), one), i16x8.mul(v128.load_ext<i8>(b), two));
  const below = i16x8.add(i16x8.mul(v128.load_ext<i8>(c), one), i16x8.mul(v128.load_ext<i8>(d), two));
  const low = i32x4.dot_i16x8_s(v128.shuffle<i16>(above, below, 0, 8, 1, 9, 2, 10, 3, 11), vertical);
  const high = i32x4.dot_i16x8_s(v128.shuffle<i16>(above, below, 4, 12, 5, 13, 6, 14, 7, 15), vertical);
  return i16x8.narrow_i32x4_s(average(low, factor), average(high, factor));
}
