// SDP as most networks set it up, in one pass from accumulators to int8: X1 adds and multiplies by channel, X2 adds an int8
// of the point or nothing, the converter shifts. wasm/nvdla/narrow.ts says which set-ups these are.
//
// Results that int8 cannot hold need not be exact, only beyond it: X1's are cut to ±2²⁰, so that 1.5 · 2⁵² added to a
// float64 leaves the nearest integer in its low word. That rounds ties to even; the factors are a 2⁻⁴⁸th too large,
// which carries a tie away from zero and nothing else over a tie (a product of at most 2²⁰ with 26 bits of fraction is
// 2⁻²⁶ away from the next).

import * as base from '../../job';
import * as job from '../../nvdla/job';
import { highDoubles, lowDoubles, operandAt } from './units';

@inline
const nudge: f64 = 1.0 + 1.0 / 281474976710656.0;
@inline
const magic: f64 = 6755399441055744.0;
@inline
const most: f64 = 1048576.0;

/** Two float64 with the integer in their low words. */
@inline
function rounded(doubles: v128, add: v128, factor: v128, low: v128): v128 {
  const t = f64x2.mul(f64x2.add(doubles, add), factor);
  return f64x2.add(f64x2.pmin(f64x2.splat(most), f64x2.pmax(low, t)), f64x2.splat(magic));
}

/** Four accumulators through X1. */
@inline
function scaled(v: v128, add0: v128, add1: v128, factor0: v128, factor1: v128, low: v128): v128 {
  const t0 = rounded(lowDoubles(v), add0, factor0, low), t1 = rounded(highDoubles(v), add1, factor1, low);
  return v128.shuffle<i32>(t0, t1, 0, 2, 4, 6);
}

/** Shifted to the right, half away from zero. */
@inline
function shifted(v: v128, half: v128, shift: i32): v128 {
  return i32x4.shr_s(i32x4.add(i32x4.add(v, i32x4.shr_s(v, 31)), half), shift);
}

/** @param first the first pixel, counted over the rows of the output */
export function finishNarrow(at: usize, scratch: usize, block: i32, first: i32, count: i32): void {
  const add = load<u32>(at + job.x1, job.unitAluVector) + (<usize>block << 6);
  const mul = load<u32>(at + job.x1, job.unitMulVector) + (<usize>block << 6);
  const larger = f64x2.splat(nudge);
  const a0 = v128.load(add), a1 = v128.load(add, 16), a2 = v128.load(add, 32), a3 = v128.load(add, 48);
  const m0 = f64x2.mul(v128.load(mul), larger), m1 = f64x2.mul(v128.load(mul, 16), larger);
  const m2 = f64x2.mul(v128.load(mul, 32), larger), m3 = f64x2.mul(v128.load(mul, 48), larger);
  const low = f64x2.splat(load<f64>(at, job.narrowLowF));
  const adds = load<i32>(at, job.narrowAdds) != 0;
  const addShift = load<i32>(at, job.narrowAddShift), shift = load<i32>(at, job.narrowShift);
  const floor = i32x4.splat(load<i32>(at, job.narrowFloor)), half = i32x4.splat((1 << shift) >> 1);

  const width = load<i32>(at, base.outWidth);
  const blocks = load<i32>(at, job.outBlocks);
  const step = load<u32>(at, base.outPixel), line = load<u32>(at, base.outRow);
  let x = first % width;
  let to = load<u32>(at, base.outAddress) +
    <usize>(block >> blocks) * load<u32>(at, base.outSurface) + <usize>((block & ((1 << blocks) - 1)) << 3) +
    <usize>(first / width) * line + <usize>x * step;
  const skip = line - <u32>width * step;
  let from: usize = 0, fromStep: usize = 0, fromSkip: usize = 0;
  if (adds) {
    from = operandAt(at + job.x2, block, first / width, x);
    fromStep = load<u32>(at + job.x2, job.operandPixel);
    fromSkip = load<u32>(at + job.x2, job.operandRow) - <u32>width * fromStep;
  }
  const lowest = i16x8.splat(-128), highest = i16x8.splat(127);
  let counts = i16x8.splat(0);
  let p = scratch + base.scratchAccumulators;
  for (const end = p + (<usize>count << 5); p < end; p += 32) {
    let left = scaled(v128.load(p), a0, a1, m0, m1, low);
    let right = scaled(v128.load(p, 16), a2, a3, m2, m3, low);
    if (adds) {
      const eight = v128.load_ext<i8>(from);
      left = i32x4.max_s(i32x4.add(left, i32x4.shl(i32x4.extend_low_i16x8_s(eight), addShift)), floor);
      right = i32x4.max_s(i32x4.add(right, i32x4.shl(i32x4.extend_high_i16x8_s(eight), addShift)), floor);
    }
    if (shift) {
      left = shifted(left, half, shift);
      right = shifted(right, half, shift);
    }
    const words = i16x8.narrow_i32x4_s(left, right);
    counts = i16x8.sub(counts, v128.or(i16x8.gt_s(words, highest), i16x8.lt_s(words, lowest)));
    v128.store_lane<i64>(to, i8x16.narrow_i16x8_s(words, words), 0);
    to += step;
    from += fromStep;
    if (++x == width) {
      x = 0;
      to += skip;
      from += fromSkip;
    }
  }
  const sums = i32x4.extadd_pairwise_i16x8_s(counts);
  const total = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
  store<i32>(scratch, load<i32>(scratch) + total);
}
