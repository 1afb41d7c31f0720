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

// round half even(int32 × factor), clamped to int8, as int32.
@inline
export function average(sum: v128, factor: v128): v128 {
  const t = f32x4.mul(f32x4.convert_i32x4_s(sum), factor);
  const cut = f32x4.pmin(f32x4.splat(127), f32x4.pmax(f32x4.splat(-128), t));
  return i32x4.sub(f32x4.add(cut, f32x4.splat(12582912.0)), i32x4.splat(0x4b400000));
}
