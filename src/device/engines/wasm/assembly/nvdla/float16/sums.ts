// One step of a float16 convolution: up to 64 products of one pixel with 16 kernels, summed and accumulated.
//
// The hardware shifts every product to the largest exponent of its step, cuts it off, and adds integers
// (reference/nvdla/float16/sums.ts). Here all products are added as they are, in float64, and what each loses to its cut is
// added on the side, in 256ths rounded down. The hardware's sum is an integer; the 64 roundings leave less than a quarter
// of doubt, float64 less than 2^-13, so that the difference of the two, rounded down, is that integer.
//
// What is lost: nothing to a cut of 0; by 4 bits, the product modulo 16, which the tree's carries never reach; by 8, the
// product modulo 256, and one more for the few pairs of low bytes to which the tables say so. Products modulo 256 come
// from tables of the data's multiples by the weights' low digits (float16/tables.ts). Greater cuts: cut.ts.
//
// The accumulator is a float of 39 bits that rounds half away from zero, as its two's complement mantissa of 40 does
// (reference/nvdla/float16/accumulate.ts): a float64 holds it, and the error of an addition, which float64 can tell, settles
// ties.

import * as job from '../../../nvdla/float16/job';
import { cutWaiting, takeCut } from './cut';

/**
 * @param parts how many of the step hold anything
 * @param sums 16 accumulators
 */
export function addStep(scratch: usize, parts: i32, tables: usize, sums: usize): void {
  const endPart = scratch + job.scratchParts + <usize>parts * job.foundBytes;
  let least = i8x16.splat(16);
  let v0 = f64x2.splat(0), v1 = v0, v2 = v0, v3 = v0, v4 = v0, v5 = v0, v6 = v0, v7 = v0;
  for (let part = scratch + job.scratchParts; part < endPart; part += job.foundBytes) {
    const end = load<u32>(part, 4), rows = load<u32>(part, 8);
    for (let record: usize = load<u32>(part); record < end; record += job.recordBytes) {
      const row = rows + load<u16>(record, job.recordWeights);
      least = i8x16.min_u(least, i8x16.add(v128.load(row, job.rowExponents), v128.load32_splat(record, job.recordExponent)));
      const data = v128.load64_splat(record, job.recordValue);
      v0 = f64x2.add(v0, f64x2.mul(data, v128.load(row)));
      v1 = f64x2.add(v1, f64x2.mul(data, v128.load(row, 16)));
      v2 = f64x2.add(v2, f64x2.mul(data, v128.load(row, 32)));
      v3 = f64x2.add(v3, f64x2.mul(data, v128.load(row, 48)));
      v4 = f64x2.add(v4, f64x2.mul(data, v128.load(row, 64)));
      v5 = f64x2.add(v5, f64x2.mul(data, v128.load(row, 80)));
      v6 = f64x2.add(v6, f64x2.mul(data, v128.load(row, 96)));
      v7 = f64x2.add(v7, f64x2.mul(data, v128.load(row, 112)));
    }
  }

  v128.store(scratch, i16x8.splat(0), job.scratchRest);
  v128.store(scratch, i16x8.splat(0), job.scratchRest + 16);
  let waiting = scratch + job.scratchWaiting;
  let low = i16x8.splat(0), high = low, carries = i8x16.splat(0);
  for (let part = scratch + job.scratchParts; part < endPart; part += job.foundBytes) {
    const end = load<u32>(part, 4), rows = load<u32>(part, 8);
    for (let record: usize = load<u32>(part); record < end; record += job.recordBytes) {
      const row = rows + load<u16>(record, job.recordWeights);
      const table = tables + (load<u16>(record, job.recordParts) & job.tableMask);
      // Zeros come out negative.
      const shifts = i8x16.add(v128.load(row, job.rowExponents), i8x16.sub(v128.load32_splat(record, job.recordExponent), least));
      const by4 = i8x16.eq(shifts, i8x16.splat(1)), by8 = i8x16.eq(shifts, i8x16.splat(2));
      const digits = v128.load(row, job.rowLow), multiples = v128.load(table, 16);
      const bytes = i8x16.add(
        i8x16.swizzle(v128.load(table), digits),
        i8x16.swizzle(multiples, v128.load(row, job.rowHigh)),
      );
      const lost = v128.or(v128.and(bytes, by8), v128.and(i8x16.swizzle(multiples, digits), by4));
      low = i16x8.add(low, i16x8.extend_low_i8x16_u(lost));
      high = i16x8.add(high, i16x8.extend_high_i8x16_u(lost));
      const pairs = v128.and(
        i8x16.swizzle(v128.load(table, 32), v128.load(row, job.rowDigitsLow)),
        i8x16.swizzle(v128.load(table, 48), v128.load(row, job.rowDigitsHigh)),
      );
      const none = i8x16.eq(v128.and(pairs, v128.load(row, job.rowSide)), i8x16.splat(0));
      carries = i8x16.sub(carries, v128.andnot(by8, none));
      const further = i8x16.gt_s(shifts, i8x16.splat(2));
      if (v128.any_true(further)) waiting = takeCut(scratch, record, row, i8x16.bitmask(further), shifts, waiting);
    }
  }
  if (waiting > scratch + job.scratchWaiting) cutWaiting(scratch, waiting);
  low = i16x8.add(i16x8.add(low, i16x8.shl(i16x8.extend_low_i8x16_u(carries), 8)), v128.load(scratch, job.scratchRest));
  high = i16x8.add(i16x8.add(high, i16x8.shl(i16x8.extend_high_i8x16_u(carries), 8)), v128.load(scratch, job.scratchRest + 16));

  const least0 = i16x8.extend_low_i8x16_u(least), least1 = i16x8.extend_high_i8x16_u(least);
  accumulateFour(sums, v0, v1, i32x4.extend_low_i16x8_s(low), i32x4.extend_low_i16x8_u(least0));
  accumulateFour(sums + 32, v2, v3, i32x4.extend_high_i16x8_s(low), i32x4.extend_high_i16x8_u(least0));
  accumulateFour(sums + 64, v4, v5, i32x4.extend_low_i16x8_s(high), i32x4.extend_low_i16x8_u(least1));
  accumulateFour(sums + 96, v6, v7, i32x4.extend_high_i16x8_s(high), i32x4.extend_high_i16x8_u(least1));
}

function accumulateFour(sums: usize, v0: v128, v1: v128, lost: v128, least: v128): void {
  accumulate(sums, v0, f64x2.convert_low_i32x4_s(lost), i64x2.extend_low_i32x4_u(least));
  accumulate(sums + 16, v1, f64x2.convert_low_i32x4_s(v128.shuffle<i32>(lost, lost, 2, 3, 2, 3)), i64x2.extend_high_i32x4_u(least));
}

/**
 * @param values of the products
 * @param lost in 256ths of the step's last bit
 * @param least 14 − a quarter of the largest exponent
 */
@inline
function accumulate(sums: usize, values: v128, lost: v128, least: v128): void {
  // The step's last bit is worth 2^(4 · (14 − least) − 50).
  const power = i64x2.shl(least, 54);
  const unit = i64x2.sub(i64x2.splat(1029 << 52), power), perUnit = i64x2.add(i64x2.splat(1017 << 52), power);
  const rest = f64x2.mul(f64x2.sub(lost, f64x2.splat(0.5)), f64x2.splat(1.0 / 256));
  const step = f64x2.mul(f64x2.floor(f64x2.sub(f64x2.mul(values, perUnit), rest)), unit);
  const before = v128.load(sums);
  const sum = f64x2.add(before, step);
  const taken = f64x2.sub(sum, before);
  const error = f64x2.add(f64x2.sub(before, f64x2.sub(sum, taken)), f64x2.sub(step, taken));
  // One less in magnitude where the exact sum lies below: a tie is none then.
  const below = f64x2.lt(f64x2.mul(error, sum), f64x2.splat(0));
  const rounded = i64x2.add(i64x2.add(sum, below), i64x2.splat(0x2000));
  v128.store(sums, v128.and(rounded, i64x2.splat(~0x3fff)));
}

/** 16 accumulators as singles. */
export function singlesOfSums(sums: usize, to: usize): void {
  for (let i: usize = 0; i < 64; i += 16) {
    const low = halfAway(v128.load(sums + (i << 1))), high = halfAway(v128.load(sums + (i << 1), 16));
    v128.store(to + i, v128.shuffle<i32>(f32x4.demote_f64x2_zero(low), f32x4.demote_f64x2_zero(high), 0, 1, 4, 5));
  }
}

/** To 24 bits. */
@inline
function halfAway(sum: v128): v128 {
  return v128.and(i64x2.add(sum, i64x2.splat(1 << 28)), i64x2.splat(~((1 << 29) - 1)));
}
