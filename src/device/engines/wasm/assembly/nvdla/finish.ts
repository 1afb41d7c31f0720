// How integers leave the accumulators on the open NVDLA: CACC's rounding shift, SDP's sub-units, the output converter,
// saturation to int8.

import * as base from '../../job';
import * as job from '../../nvdla/job';
import { lookUpAll } from './lookup';
import { finishNarrow } from './narrow';
import { away, highDoubles, integers, lowDoubles, runUnit, shiftAccumulators } from './units';

/** @param first the first pixel, counted over the rows of the output */
export function finishIntegers(at: usize, scratch: usize, block: i32, first: i32, count: i32): void {
  if (load<i32>(at, job.narrow)) {
    finishNarrow(at, scratch, block, first, count);
    return;
  }
  const acc = scratch + base.scratchAccumulators;
  const width = load<i32>(at, base.outWidth);
  const scale = load<f64>(at, job.accumulatorF);
  if (scale != 1) shiftAccumulators(acc, count, scale);
  runUnit(at + job.x1, acc, block, first, count, width);
  runUnit(at + job.x2, acc, block, first, count, width);
  runUnit(at + job.y, acc, block, first, count, width);
  const table = load<u32>(at, job.lookup);
  if (table) lookUpAll(table, acc, count);

  const shift = load<i32>(at, job.outBlocks);
  const step = load<u32>(at, base.outPixel), line = load<u32>(at, base.outRow);
  let x = first % width;
  let to = load<u32>(at, base.outAddress) +
    <usize>(block >> shift) * load<u32>(at, base.outSurface) + <usize>((block & ((1 << shift) - 1)) << 3) +
    <usize>(first / width) * line + <usize>x * step;
  const skip = line - <u32>width * step;
  const converts = load<i32>(at, job.convertMode) != 0;
  const offset = f64x2.splat(load<f64>(at, job.convertOffsetF)), factor = f64x2.splat(load<f64>(at, job.convertFactorF));
  const lowest = i16x8.splat(-128), highest = i16x8.splat(127);
  let counts = i16x8.splat(0);
  let p = acc;
  for (let i = 0; i < count; i++) {
    let low = v128.load(p), high = v128.load(p, 16);
    if (converts) {
      low = integers(away(f64x2.mul(f64x2.sub(lowDoubles(low), offset), factor)), away(f64x2.mul(f64x2.sub(highDoubles(low), offset), factor)));
      high = integers(away(f64x2.mul(f64x2.sub(lowDoubles(high), offset), factor)), away(f64x2.mul(f64x2.sub(highDoubles(high), offset), factor)));
    }
    const words = i16x8.narrow_i32x4_s(low, high);
    counts = i16x8.sub(counts, v128.or(i16x8.gt_s(words, highest), i16x8.lt_s(words, lowest)));
    v128.store_lane<i64>(to, i8x16.narrow_i16x8_s(words, words), 0);
    p += 32;
    to += step;
    if (++x == width) {
      x = 0;
      to += skip;
    }
  }
  const sums = i32x4.extadd_pairwise_i16x8_s(counts);
  const total = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
  store<i32>(scratch, load<i32>(scratch) + total);
}
