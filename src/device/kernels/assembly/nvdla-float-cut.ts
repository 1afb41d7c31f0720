// What a product loses when it is cut off: its fraction below the cut, in 256ths, as the multiplier's carry-save tree
// makes it (device/nvdla/float-multiply.ts). With R the cut product, P the exact one and 2^s the cut, P / 2^s − R.
//
// By 4 bits the product is rounded down, by 8 almost always, and tables tell when not (nvdla-float-sums.ts); here are all
// other cuts, few in any real layer, one by one.

import * as job from '../nvdla-float-job';

/**
 * Adds what the lanes in `lanes` lose.
 * @param shifts of each lane, over 4
 */
export function cutLanes(scratch: usize, record: usize, row: usize, lanes: i32, shifts: v128): void {
  v128.store(scratch, shifts, job.scratchShifts);
  const parts = <u32>load<u16>(record, job.recordParts);
  const data = ((parts >> 6) & 255) | ((parts & 63) << 8);
  const isNegative = parts >> 14;
  for (; lanes; lanes &= lanes - 1) {
    const lane = <usize>ctz(lanes);
    const weight = <i32>load<i16>(row + (lane << 1), job.rowMantissas);
    const negative = (<u32>weight >> 31) ^ isNegative;
    const rest = scratch + (lane << 1);
    const lost = lostBy(data, <u32>abs(weight), negative, <i32>load<u8>(scratch + lane, job.scratchShifts) << 2);
    store<i16>(rest, <i16>(<i32>load<i16>(rest, job.scratchRest) + lost), job.scratchRest);
  }
}

function lostBy(data: u32, weight: u32, negative: u32, shift: i32): i32 {
  const product = negative ? -<i32>(data * weight) : <i32>(data * weight);
  if (shift >= 32) return product >> min(31, shift - 8);
  // The two groups of partial products side by side: one in each half of 64 bits.
  const digits = negative ? ~(weight << 1) : weight << 1;
  const b0 = inversion(digits, 0) | (inversion(digits, 8) << 40), b1 = inversion(digits, 2) | (inversion(digits, 10) << 40);
  const b2 = inversion(digits, 4) | (inversion(digits, 12) << 40), b3 = inversion(digits, 6) | (inversion(digits, 14) << 40);
  const p0 = partial(data, digits, 0) | (partial(data, digits, 8) << 40);
  const p1 = (partial(data, digits, 2) << 2) | (partial(data, digits, 10) << 42) | b0;
  const p2 = (partial(data, digits, 4) << 4) | (partial(data, digits, 12) << 44) | (b1 << 2);
  const p3 = (partial(data, digits, 6) << 6) | (partial(data, digits, 14) << 46) | (b2 << 4);
  let s = p0 ^ p1 ^ p2, c = carries(p0, p1, p2);
  const t = s ^ c ^ p3, u = carries(s, c, p3);
  s = t ^ u ^ (b3 << 6);
  c = carries(t, u, b3 << 6);
  const sum = <u32>s ^ <u32>c ^ <u32>(s >> 32), carry = carries(<u32>s, <u32>c, <u32>(s >> 32));
  const last = <u32>(c >> 32);
  const first = sum ^ <u32>carry ^ last, second = <u32>carries(sum, carry, last);
  const mask = (<u32>1 << shift) - 1;
  // Below the cut the two vectors are what is lost, but for bits of the offsets, which the correction rounds down.
  return (<i32>((first & mask) + (second & mask)) - <i32>(0x55550000 & mask)) >> (shift - 8);
}

@inline
function carries(a: u64, b: u64, c: u64): u64 {
  return ((a & b) | (c & (a | b))) << 1;
}

/** 1 where a Booth digit negates. */
@inline
function inversion(digits: u32, at: u32): u64 {
  return <u64>((0x70 >> ((digits >> at) & 7)) & 1);
}

@inline
function partial(data: u32, digits: u32, at: u32): u64 {
  const digit = (digits >> at) & 7;
  const invert = (0x70 >> digit) & 1;
  const multiple = data * ((0x01122110 >> (digit << 2)) & 3);
  return <u64>(((multiple ^ (0 - invert)) & 0xffff) | ((invert ^ 1) << 16));
}
