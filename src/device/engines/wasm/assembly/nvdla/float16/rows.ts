// The weights of 16 kernels in one step, from the stream into rows of this thread's scratch: one row for each element
// that they meet, the kernels side by side, taken apart as the sums want them (float16/job.ts). A chunk of pixels
// goes over them.

import * as job from '../../../nvdla/float16/job';

/**
 * @param from the step's weights in the stream, kernel after kernel
 * @param count kernels, 16 or fewer in a last group
 * @returns the runs of 16 rows in which any weight is not zero: first, and the one behind the last << 8; whether any
 *   weight is NaN << 16
 */
export function expandRows(scratch: usize, from: usize, count: i32, length: i32): i32 {
  const end = scratch + job.scratchRows + <usize>length * job.rowBytes;
  let row = scratch + job.scratchRows;
  let first = 4, last = 0, nan = i16x8.splat(0);
  for (let i = 0; row < end; i++, row += job.rowBytes) {
    const halves = row + job.rowMantissas;
    v128.store(halves, i16x8.splat(0));
    v128.store(halves, i16x8.splat(0), 16);
    for (let k = 0, p = from + (<usize>i << 1); k < count; k++, p += <usize>length << 1) {
      store<u16>(halves + (<usize>k << 1), load<u16>(p));
    }
    let all = i16x8.splat(0);
    for (let k: usize = 0; k < 16; k += 8) {
      const eight = v128.load(halves + (k << 1)), bits = v128.and(eight, i16x8.splat(0x7fff));
      all = v128.or(all, bits);
      nan = v128.or(nan, i16x8.gt_s(bits, i16x8.splat(0x7c00)));
      expandEight(row, k, eight);
    }
    if (v128.any_true(all)) {
      first = min(first, i >> 4);
      last = (i >> 4) + 1;
    }
  }
  const hasNaN = v128.any_true(nan);
  if (hasNaN) findNaN(scratch, from, count, length);
  return min(first, last) | (last << 8) | (i32(hasNaN) << 16);
}

function findNaN(scratch: usize, from: usize, count: i32, length: i32): void {
  for (let k = 0; k < 16; k++) {
    let found: u32 = 0;
    for (let i = length - 1; i >= 0 && k < count; i--) {
      const half = <u32>load<u16>(from + (<usize>(k * length + i) << 1));
      if ((half & 0x7fff) > 0x7c00) found = ((half >> 15) << 31) | 0x7f800000 | ((half & 0x3ff) << 13);
    }
    store<u32>(scratch + (<usize>k << 2), found, job.scratchNaN);
  }
}

@inline
function mantissasOf(bits: v128): v128 {
  const exponents = i16x8.shr_u(bits, 10);
  const normal = i16x8.gt_s(exponents, i16x8.splat(0));
  const shifts = v128.bitselect(exponents, i16x8.splat(1), normal);
  let m = v128.or(v128.and(bits, i16x8.splat(0x3ff)), v128.and(normal, i16x8.splat(0x400)));
  const one = i16x8.splat(1), two = i16x8.splat(2);
  m = v128.bitselect(i16x8.shl(m, 1), m, i16x8.eq(v128.and(shifts, one), one));
  return v128.bitselect(i16x8.shl(m, 2), m, i16x8.eq(v128.and(shifts, two), two));
}

/** The low bytes of eight words. */
@inline
function storeBytes(to: usize, words: v128): void {
  v128.store64_lane(to, i8x16.narrow_i16x8_u(words, words), 0);
}

/** The low and the next four bits of eight words, in rows of bytes one after the other. */
@inline
function storeDigits(to: usize, words: v128): void {
  storeBytes(to, v128.and(words, i16x8.splat(15)));
  storeBytes(to + 16, v128.and(i16x8.shr_u(words, 4), i16x8.splat(15)));
}

/** Four halves as float64, at 32 bytes. */
@inline
function storeValues(to: usize, words: v128): void {
  const bits = i32x4.shl(v128.and(words, i32x4.splat(0x7fff)), 13);
  const magnitudes = f32x4.mul(bits, f32x4.splat(5192296858534827628530496329220096.0));
  const values = v128.or(magnitudes, i32x4.shl(i32x4.shr_u(words, 15), 31));
  v128.store(to, f64x2.promote_low_f32x4(values));
  v128.store(to, f64x2.promote_low_f32x4(v128.shuffle<i32>(values, values, 2, 3, 2, 3)), 16);
}

/** Eight of the kernels, from `first` on. */
function expandEight(row: usize, first: usize, halves: v128): void {
  const values = row + (first << 3), bytes = row + first;
  storeValues(values + job.rowValues, i32x4.extend_low_i16x8_u(halves));
  storeValues(values + job.rowValues + 32, i32x4.extend_high_i16x8_u(halves));
  const bits = v128.and(halves, i16x8.splat(0x7fff)), sign = i16x8.shr_s(halves, 15);
  const quarters = i16x8.sub(i16x8.splat(7), i16x8.shr_u(bits, 12));
  const isZero = i16x8.eq(bits, i16x8.splat(0));
  storeBytes(bytes + job.rowExponents, v128.bitselect(i16x8.splat(<i16>job.noExponent), quarters, isZero));
  const digits = v128.xor(mantissasOf(bits), sign), signed = i16x8.sub(digits, sign);
  storeDigits(bytes + job.rowLow, signed);
  storeDigits(bytes + job.rowDigitsLow, digits);
  storeBytes(bytes + job.rowSide, v128.bitselect(i16x8.splat(0xf0), i16x8.splat(0x0f), sign));
  v128.store(row + (first << 1), signed, job.rowMantissas);
}
