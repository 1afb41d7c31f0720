// Pooling over whole atoms. A unit is some rows of one run of 32 channels of one image.

import { atomsOf, average, keepMask } from './atoms';
import * as job from '../job';

export function poolUnit(at: usize, unit: i32): void {
  const rowUnits = load<i32>(at, job.rowUnits), unitRows = load<i32>(at, job.unitRows);
  const atoms = atomsOf(at);
  const firstRow = (unit % rowUnits) * unitRows;
  const endRow = min(firstRow + unitRows, load<i32>(at, job.outHeight));
  const atom = (unit / rowUnits) % atoms;
  const n = unit / rowUnits / atoms;
  const inHeight = load<i32>(at, job.inHeight), inWidth = load<i32>(at, job.inWidth), outWidth = load<i32>(at, job.outWidth);
  const kernelH = load<i32>(at, job.kernelH), kernelW = load<i32>(at, job.kernelW);
  const line = load<u32>(at, job.inRow);
  const source = load<u32>(at, job.inAddress) + n * load<u32>(at, job.inBatch) + atom * load<u32>(at, job.inSurface);
  const target = load<u32>(at, job.outAddress) + n * load<u32>(at, job.outBatch) + atom * load<u32>(at, job.outSurface);
  const keepLow = keepMask(at, atom, 0), keepHigh = keepMask(at, atom, 16);
  const mode = load<i32>(at, job.poolMode);
  const all = load<i32>(at, job.poolCount);

  for (let y = firstRow; y < endRow; y++) {
    const windowTop = y * load<i32>(at, job.strideH) - load<i32>(at, job.padTop);
    const top = max(0, windowTop), bottom = min(inHeight, windowTop + kernelH);
    let to = target + y * load<u32>(at, job.outRow);
    for (let x = 0; x < outWidth; x++) {
      const windowLeft = x * load<i32>(at, job.strideW) - load<i32>(at, job.padLeft);
      const left = max(0, windowLeft), right = min(inWidth, windowLeft + kernelW);
      let low: v128, high: v128;
      if (mode == job.poolMax) {
        low = high = i8x16.splat(-128);
        for (let iy = top; iy < bottom; iy++) {
          const end = source + iy * line + (right << 5);
          for (let p = source + iy * line + (left << 5); p < end; p += 32) {
            low = i8x16.max_s(low, v128.load(p));
            high = i8x16.max_s(high, v128.load(p, 16));
          }
        }
      } else if (mode == job.poolMin) {
        low = high = i8x16.splat(127);
        for (let iy = top; iy < bottom; iy++) {
          const end = source + iy * line + (right << 5);
          for (let p = source + iy * line + (left << 5); p < end; p += 32) {
            low = i8x16.min_s(low, v128.load(p));
            high = i8x16.min_s(high, v128.load(p, 16));
          }
        }
      } else {
        const count = all ? all : (bottom - top) * (right - left);
        const factor = f32x4.splat(<f32>1 / <f32>count);
        const cells = source + top * line + (left << 5);
        low = averageHalf(cells, line, bottom - top, right - left, factor);
        high = averageHalf(cells + 16, line, bottom - top, right - left, factor);
      }
      v128.store(to, v128.and(low, keepLow));
      v128.store(to, v128.and(high, keepHigh), 16);
      to += 32;
    }
  }
}

// 16 channels of a window's average.
function averageHalf(from: usize, line: usize, rows: i32, columns: i32, factor: v128): v128 {
  let s0 = i32x4.splat(0), s1 = i32x4.splat(0), s2 = i32x4.splat(0), s3 = i32x4.splat(0);
  for (let r = 0; r < rows; r++) {
    const end = from + (columns << 5);
    for (let p = from; p < end; p += 32) {
      const low = v128.load_ext<i8>(p), high = v128.load_ext<i8>(p, 8);
      s0 = i32x4.add(s0, i32x4.extend_low_i16x8_s(low));
      s1 = i32x4.add(s1, i32x4.extend_high_i16x8_s(low));
      s2 = i32x4.add(s2, i32x4.extend_low_i16x8_s(high));
      s3 = i32x4.add(s3, i32x4.extend_high_i16x8_s(high));
    }
    from += line;
  }
  return i8x16.narrow_i16x8_s(
    i16x8.narrow_i32x4_s(average(s0, factor), average(s1, factor)),
    i16x8.narrow_i32x4_s(average(s2, factor), average(s3, factor)),
  );
}
