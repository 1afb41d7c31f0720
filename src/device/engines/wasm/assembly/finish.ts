// The single-point stage on a block of 8 channels of some pixels: accumulators in, int8 out.
//
// Values are cut to ±16384 and rounded. The clamp to int8 and the count of what it cut follow on int16, 8 results at a
// time. NaN goes the way of −∞.

import { round } from './atoms';
import * as job from '../job';
import * as half from '../float16/job';
import * as integer from '../nvdla/job';
import { finishFloats } from './float16/finish';
import { finishIntegers } from './nvdla/finish';

@inline
function rounded(t: v128): v128 {
  return round(t, -16384, 16384);
}

@inline
function scaled(acc: usize, scale: v128): v128 {
  return f32x4.mul(f32x4.convert_i32x4_s(v128.load(acc)), scale);
}

@inline
function combine(op: i32, t: v128, operand: v128): v128 {
  if (op == job.operandAdd) return f32x4.add(t, operand);
  if (op == job.operandSub) return f32x4.sub(t, operand);
  if (op == job.operandMul) return f32x4.mul(t, operand);
  if (op == job.operandMax) return f32x4.max(t, operand);
  return f32x4.min(t, operand);
}

// −1 in each lane that the clamp to int8 cuts; 0 where the clamp is narrower.
@inline
function cuts(words: v128, below: v128, above: v128): v128 {
  return v128.or(i16x8.gt_s(words, above), i16x8.lt_s(words, below));
}

@inline
function clampWords(words: v128, low: v128, high: v128): v128 {
  return i16x8.min_s(i16x8.max_s(words, low), high);
}

// All ones in the first `count` 16-bit lanes.
@inline
function firstLanes(count: i32): v128 {
  return i16x8.lt_s(i16x8(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(<i16>min(count, 8)));
}

@inline
function addOperand(t: v128, half: v128, scale: v128): v128 {
  return f32x4.add(t, f32x4.mul(f32x4.convert_i32x4_s(half), scale));
}

/**
 * @param block which 8 output channels
 * @param first the first pixel, counted over rows and batches
 * @param count pixels; their places in the output and the operand are in the scratch's tables
 */
export function finishBlock(at: usize, scratch: usize, block: i32, first: i32, count: i32): void {
  if (load<i32>(at, integer.integer)) finishIntegers(at, scratch, block, first, count);
  else if (load<i32>(at, half.floatStage)) finishFloats(at, scratch, block, count);
  else finishScaled(at, scratch, block, count);
}

function finishScaled(at: usize, scratch: usize, block: i32, count: i32): void {
  const valid = load<i32>(at, job.outChannels) - (block << 3);
  const lanes = firstLanes(valid);
  const keep = i8x16.narrow_i16x8_s(lanes, lanes);
  const vector = <usize>block << 5;
  const scales = load<u32>(at, job.scale) + vector;
  const scale0 = v128.load(scales), scale1 = v128.load(scales, 16);
  const low = i16x8.splat(load<i16>(at, job.low)), high = i16x8.splat(load<i16>(at, job.high));
  const below = i16x8.splat(load<i16>(at, job.saturatedBelow)), above = i16x8.splat(load<i16>(at, job.saturatedAbove));
  const out = load<u32>(at, job.outAddress) + (<usize>block >> 2) * load<u32>(at, job.outSurface) + ((block & 3) << 3);
  const operandPlace = load<u32>(at, job.operandAddress) + (<usize>block >> 2) * load<u32>(at, job.operandSurface) + ((block & 3) << 3);
  const operandScale = f32x4.splat(load<f32>(at, job.operandScaleF));
  const shifts = load<u32>(at, job.shift), slopes = load<u32>(at, job.slope), table = load<u32>(at, job.lut);
  const op = load<i32>(at, job.operandOp);
  let outs = scratch + job.scratchOutTable;
  let operands = scratch + job.scratchOperandTable;
  let acc = scratch + job.scratchAccumulators;
  let counts = i16x8.splat(0);
  let left = count;

  // The two commonest stages by twos: scale alone, and scale with a residual addition.
  if (!(shifts | slopes | table | op)) {
    for (; left > 1; left -= 2) {
      const a = i16x8.narrow_i32x4_s(rounded(scaled(acc, scale0)), rounded(scaled(acc + 16, scale1)));
      counts = i16x8.sub(counts, cuts(a, below, above));
      const b = i16x8.narrow_i32x4_s(rounded(scaled(acc + 32, scale0)), rounded(scaled(acc + 48, scale1)));
      counts = i16x8.sub(counts, cuts(b, below, above));
      const q = v128.and(keep, i8x16.narrow_i16x8_s(clampWords(a, low, high), clampWords(b, low, high)));
      v128.store_lane<i64>(out + load<u32>(outs), q, 0);
      v128.store_lane<i64>(out + load<u32>(outs, 4), q, 1);
      acc += 64;
      outs += 8;
    }
  } else if (op == job.operandAdd && !(shifts | slopes | table)) {
    for (; left > 1; left -= 2) {
      const x = v128.load_ext<i8>(operandPlace + load<u32>(operands));
      const a = i16x8.narrow_i32x4_s(
        rounded(addOperand(scaled(acc, scale0), i32x4.extend_low_i16x8_s(x), operandScale)),
        rounded(addOperand(scaled(acc + 16, scale1), i32x4.extend_high_i16x8_s(x), operandScale)),
      );
      counts = i16x8.sub(counts, cuts(a, below, above));
      const y = v128.load_ext<i8>(operandPlace + load<u32>(operands, 4));
      const b = i16x8.narrow_i32x4_s(
        rounded(addOperand(scaled(acc + 32, scale0), i32x4.extend_low_i16x8_s(y), operandScale)),
        rounded(addOperand(scaled(acc + 48, scale1), i32x4.extend_high_i16x8_s(y), operandScale)),
      );
      counts = i16x8.sub(counts, cuts(b, below, above));
      const q = v128.and(keep, i8x16.narrow_i16x8_s(clampWords(a, low, high), clampWords(b, low, high)));
      v128.store_lane<i64>(out + load<u32>(outs), q, 0);
      v128.store_lane<i64>(out + load<u32>(outs, 4), q, 1);
      acc += 64;
      outs += 8;
      operands += 8;
    }
  }
  const spill = scratch + job.scratchSpill;
  for (; left > 0; left--) {
    let t0 = scaled(acc, scale0), t1 = scaled(acc + 16, scale1);
    if (shifts) {
      t0 = f32x4.add(t0, v128.load(shifts + vector));
      t1 = f32x4.add(t1, v128.load(shifts + vector, 16));
    }
    if (op) {
      const x = v128.load_ext<i8>(operandPlace + load<u32>(operands));
      t0 = combine(op, t0, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(x)), operandScale));
      t1 = combine(op, t1, f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(x)), operandScale));
    }
    if (slopes) {
      const zero = f32x4.splat(0);
      t0 = v128.bitselect(f32x4.mul(t0, v128.load(slopes + vector)), t0, f32x4.lt(t0, zero));
      t1 = v128.bitselect(f32x4.mul(t1, v128.load(slopes + vector, 16)), t1, f32x4.lt(t1, zero));
    }
    const words = i16x8.narrow_i32x4_s(rounded(t0), rounded(t1));
    counts = i16x8.sub(counts, cuts(words, below, above));
    const clamped = clampWords(words, low, high);
    let q = i8x16.narrow_i16x8_s(clamped, clamped);
    if (table) {
      v128.store(spill, q);
      for (let i: usize = 0; i < 8; i++) store<i8>(spill + i, load<i8>(table + load<i8>(spill + i)));
      q = v128.load(spill);
    }
    v128.store_lane<i64>(out + load<u32>(outs), v128.and(keep, q), 0);
    acc += 32;
    outs += 4;
    operands += 4;
  }
  const sums = i32x4.extadd_pairwise_i16x8_s(v128.and(lanes, counts));
  const total = i32x4.extract_lane(sums, 0) + i32x4.extract_lane(sums, 1) + i32x4.extract_lane(sums, 2) + i32x4.extract_lane(sums, 3);
  store<i32>(scratch, load<i32>(scratch) + total);

  // The last block also zeroes the rest of its atom.
  if (valid <= 8) {
    outs = scratch + job.scratchOutTable;
    for (let rest = (block & 3) + 1; rest < 4; rest++) {
      const to = out + ((rest - (block & 3)) << 3);
      for (let i = 0; i < count; i++) store<u64>(to + load<u32>(outs + (<usize>i << 2)), 0);
    }
  }
}

/** Fills the tables with the places of pixels [first, first + count), counted over rows and batches. */
export function placePixels(at: usize, scratch: usize, first: i32, count: i32): void {
  if (load<i32>(at, integer.integer)) return;
  const width = load<i32>(at, job.outWidth), height = load<i32>(at, job.outHeight);
  let x = first % width;
  let y = first / width;
  let n = y / height;
  y -= n * height;
  for (let i = 0; i < count; i++) {
    const slot = scratch + (<usize>i << 2);
    store<u32>(slot, n * load<u32>(at, job.outBatch) + y * load<u32>(at, job.outRow) + x * load<u32>(at, job.outPixel), job.scratchOutTable);
    store<u32>(slot, n * load<u32>(at, job.operandBatch) + y * load<u32>(at, job.operandRow) + x * load<u32>(at, job.operandPixel), job.scratchOperandTable);
    if (++x == width) {
      x = 0;
      if (++y == height) {
        y = 0;
        n++;
      }
    }
  }
}
