// What a product loses when it is cut off: its fraction below the cut, in 256ths, as the multiplier's carry-save tree
// makes it (reference/nvdla/float16/multiply.ts). With R the cut product, P the exact one and 2^s the cut, P / 2^s − R: of the
// two vectors that the tree leaves, the s lowest bits together.
//
// By 4 bits the product is rounded down, by 8 almost always, and tables tell when not (sums.ts). The rest is
// here. Products that are cut by 12 or 16 bits, some of a hundred, wait until the end of their step and go through the
// tree eight at a time; its low 16 bits are enough. What is cut by more is rare, and taken one by one.

import * as job from '../../../nvdla/float16/job';

/**
 * Takes the products of an element with some of 16 kernels.
 * @param lanes those that are cut by 12 bits or more
 * @param shifts of each lane, over 4
 * @param waiting where the next one that waits goes
 * @returns the place behind the last
 */
export function takeCut(scratch: usize, record: usize, row: usize, lanes: i32, shifts: v128, waiting: usize): usize {
  v128.store(scratch, shifts, job.scratchShifts);
  const parts = <u32>load<u16>(record, job.recordParts);
  const data = ((parts >> 6) & 255) | ((parts & 63) << 8);
  const isNegative = parts >> 14;
  for (; lanes; lanes &= lanes - 1) {
    const lane = <usize>ctz(lanes);
    const weight = <i32>load<i16>(row + (lane << 1), job.rowMantissas);
    const digits = (<u32>abs(weight) << 1) ^ (0 - ((<u32>weight >> 31) ^ isNegative));
    const shift = <i32>load<u8>(scratch + lane, job.scratchShifts);
    if (shift <= 4) {
      store<u16>(waiting, <u16>data);
      store<u16>(waiting, <u16>digits, job.waitingDigits);
      store<u16>(waiting, <u16>shift, job.waitingShift);
      store<u16>(waiting, <u16>(lane << 1), job.waitingLane);
      waiting += 2;
    } else addRest(scratch + (lane << 1), lostBy(data, digits, shift << 2));
  }
  return waiting;
}

@inline
function addRest(lane: usize, lost: i32): void {
  store<i16>(lane, <i16>(<i32>load<i16>(lane, job.scratchRest) + lost), job.scratchRest);
}

/** @param digits twice the weight's mantissa, inverted when the product is negative */
function lostBy(data: u32, digits: u32, shift: i32): i32 {
  const isNegative = <i32>digits < 0;
  const product = <i32>(data * ((isNegative ? ~digits : digits) >> 1));
  if (shift >= 32) return (isNegative ? -product : product) >> min(31, shift - 8);
  // The two groups of partial products side by side: one in each half of 64 bits.
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

/** Takes what waits. */
export function cutWaiting(scratch: usize, end: usize): void {
  let at = scratch + job.scratchWaiting;
  // What the last eight lack loses nothing.
  v128.store(end, i16x8.splat(0));
  v128.store(end, i16x8.splat(0), job.waitingDigits);
  v128.store(end, i16x8.splat(0), job.waitingLane);
  for (; at < end; at += 16) {
    const data = v128.load(at), digits = v128.load(at, job.waitingDigits);
    // For every digit, at its lowest bit: whether it is one of data, or two; whether it negates.
    const changes = v128.xor(digits, i16x8.shr_s(digits, 1)), higher = i16x8.shr_s(changes, 1);
    const two = v128.andnot(higher, changes);
    const negates = v128.andnot(i16x8.shr_s(digits, 2), v128.and(i16x8.shr_s(digits, 1), digits));
    const twice = i16x8.shl(data, 1);
    reduceFour(scratch, data, twice, changes, two, negates, 0);
    const firstSum = v128.load(scratch, job.scratchTree), firstCarry = v128.load(scratch, job.scratchTree + 16);
    reduceFour(scratch, data, twice, changes, two, negates, 8);
    const sum = v128.load(scratch, job.scratchTree), carry = v128.load(scratch, job.scratchTree + 16);
    let t = v128.xor(firstSum, firstCarry);
    const u = carries8(firstSum, firstCarry, sum, t);
    t = v128.xor(t, sum);
    let s = v128.xor(t, u);
    const c = carries8(t, u, carry, s);
    s = v128.xor(s, carry);
    const by12 = i16x8.shr_u(i16x8.add(v128.and(s, i16x8.splat(0xfff)), v128.and(c, i16x8.splat(0xfff))), 4);
    const low = i16x8.shr_u(i16x8.add(v128.and(s, i16x8.splat(0xff)), v128.and(c, i16x8.splat(0xff))), 8);
    const by16 = i16x8.add(low, i16x8.add(i16x8.shr_u(s, 8), i16x8.shr_u(c, 8)));
    const isBy12 = i16x8.eq(v128.load(at, job.waitingShift), i16x8.splat(3));
    v128.store(scratch, v128.bitselect(by12, by16, isBy12), job.scratchShifts);
    for (let i: usize = 0; i < 16; i += 2) {
      addRest(scratch + load<u16>(at + i, job.waitingLane), load<i16>(scratch + i, job.scratchShifts));
    }
  }
}

/** Reduces the partial products of four digits, from bit `at` on, to a sum and carries. */
@inline
function reduceFour(scratch: usize, data: v128, twice: v128, one: v128, two: v128, negates: v128, at: i32): void {
  const a = partial8(data, twice, one, two, negates, at);
  const b = v128.or(partial8(data, twice, one, two, negates, at + 2), carried(negates, at));
  const c = v128.or(partial8(data, twice, one, two, negates, at + 4), carried(negates, at + 2));
  const d = v128.or(partial8(data, twice, one, two, negates, at + 6), carried(negates, at + 4));
  const e = carried(negates, at + 6);
  let t = v128.xor(a, b);
  const u = carries8(a, b, c, t);
  t = v128.xor(t, c);
  let s = v128.xor(t, u);
  const v = carries8(t, u, d, s);
  s = v128.xor(s, d);
  t = v128.xor(s, v);
  v128.store(scratch, v128.xor(t, e), job.scratchTree);
  v128.store(scratch, carries8(s, v, e, t), job.scratchTree + 16);
}

@inline
function carries8(a: v128, b: v128, c: v128, aOrB: v128): v128 {
  return i16x8.shl(v128.or(v128.and(a, b), v128.and(aOrB, c)), 1);
}

/** A negation is completed by adding 1, in the next partial product. */
@inline
function carried(negates: v128, at: i32): v128 {
  return v128.and(negates, i16x8.splat(<i16>1 << <i16>at));
}

@inline
function all(flags: v128, at: i32): v128 {
  return i16x8.shr_s(i16x8.shl(flags, 15 - at), 15);
}

@inline
function partial8(data: v128, twice: v128, one: v128, two: v128, negates: v128, at: i32): v128 {
  const multiple = v128.or(v128.and(data, all(one, at)), v128.and(twice, all(two, at)));
  return i16x8.shl(v128.xor(multiple, all(negates, at)), at);
}
