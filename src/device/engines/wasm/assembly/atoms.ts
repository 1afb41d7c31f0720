// What kernels over whole atoms of 32 channels share: cutting work into rows of one atom of one image, rounding, and
// zeroing the channels behind the last.

import * as job from '../job';

@inline
export function atomsOf(at: usize): i32 {
  return (load<i32>(at, job.outChannels) + 31) >> 5;
}

// All ones in the bytes [first, first + 16) of an atom that hold channels.
@inline
export function keepMask(at: usize, atom: i32, first: i32): v128 {
  const valid = min(16, max(0, load<i32>(at, job.outChannels) - (atom << 5) - first));
  return i8x16.lt_s(i8x16(0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15), i8x16.splat(<i8>valid));
}

/**
 * Rounds half away from zero, cut to [low, high] within ±2²²; NaN gives `low`. Away from zero goes c = ½ − 2⁻²⁵, the float32 just below
 * a half, and what is behind the point is dropped. That is exact although the sum rounds. At the tie t = n + ½ the sum n + 1 − 2⁻²⁵ is
 * no float32, and n + 1 is the nearest (for n = 0 one of two, and even), so it gives n + 1. At the float32 before the tie, t = n + ½ − u,
 * u is at least 2⁻²⁵, and the sum n + 1 − u − 2⁻²⁵ rounds to a number below n + 1, so it gives n. Sum and truncation do not decrease where
 * t does not, so all between two ties is right as well. Adding ½ itself fails: 0.49999997 + ½ is 1.
 *
 * Adding 1.5 · 2²³ to an integer puts it into the low bits of the sum.
 */
@inline
export function round(t: v128, low: f32, high: f32): v128 {
  const cut = f32x4.pmin(f32x4.splat(high), f32x4.pmax(f32x4.splat(low), t));
  const away = v128.or(v128.and(cut, i32x4.splat(i32.MIN_VALUE)), f32x4.splat(0.49999997));
  const nearest = f32x4.trunc(f32x4.add(cut, away));
  return i32x4.sub(f32x4.add(nearest, f32x4.splat(12582912.0)), i32x4.splat(0x4b400000));
}

// int32 × factor, rounded and clamped to int8, as int32.
@inline
export function average(sum: v128, factor: v128): v128 {
  return round(f32x4.mul(f32x4.convert_i32x4_s(sum), factor), -128, 127);
}
