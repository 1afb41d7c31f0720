// The single-point stage on a block of 8 channels of some pixels: accumulators in, int8 out.
//
// Rounding adds 1.5 · 2²³ to a value that is clamped to int8 already: the sum's last bit is worth 1, so the float adder
// itself rounds half to even, and the integer lies in the low bits. Clamping first to integers changes nothing.

import * as job from '../job';

// @ts-ignore: decorator
@inline
const magic: f32 = 12582912.0;
// @ts-ignore: decorator
@inline
const magicBits: i32 = 0x4b400000;

// @ts-ignore: decorator
@inline
function quantise(t: v128, low: v128, high: v128): v128 {
  const cut = f32x4.pmin(high, f32x4.pmax(low, t));
  return i32x4.sub(f32x4.add(cut, f32x4.splat(magic)), i32x4.splat(magicBits));
}

// @ts-ignore: decorator
@inline
function combine(op: i32, t: v128, operand: v128): v128 {
  if (op == job.operandAdd) return f32x4.add(t, operand);
  if (op == job.operandSub) return f32x4.sub(t, operand);
  if (op == job.operandMul) return f32x4.mul(t, operand);
  if (op == job.operandMax) return f32x4.max(t, operand);
  return f32x4.min(t, operand);
}

// @ts-ignore: decorator
@inline
function total(counts: v128): i32 {
  return i32x4.extract_lane(counts, 0) + i32x4.extract_lane(counts, 1) + i32x4.extract_lane(counts, 2) + i32x4.extract_lane(counts, 3);
}

// All ones in the first `count` 32-bit lanes.
// @ts-ignore: decorator
@inline
function firstLanes(count: i32): v128 {
  return i32x4.lt_s(i32x4(0, 1, 2, 3), i32x4.splat(count));
}

/**
 * @param block which 8 output channels
 * @param count pixels; their places in the output and the operand are in the scratch's tables
 */
export function finishBlock(at: usize, scratch: usize, block: i32, count: i32): void {
  const valid = load<i32>(at, job.outChannels) - (block << 3);
  const maskLow = firstLanes(valid), maskHigh = firstLanes(valid - 4);
  const bytes4 = i16x8.narrow_i32x4_s(maskLow, maskHigh);
  const keep = i8x16.narrow_i16x8_s(bytes4, bytes4);
  const vector = <usize>block << 5;
  const scales = load<u32>(at, job.scale) + vector;
  const scaleLow = v128.load(scales), scaleHigh = v128.load(scales, 16);
  const low = f32x4.splat(load<f32>(at, job.lowF)), high = f32x4.splat(load<f32>(at, job.highF));
  const below = f32x4.splat(load<f32>(at, job.saturatedLowF)), above = f32x4.splat(load<f32>(at, job.saturatedHighF));
  const place = (<usize>block >> 2) * load<u32>(at, job.outSurface) + ((block & 3) << 3);
  const out = load<u32>(at, job.outAddress) + place;
  const shifts = load<u32>(at, job.shift), slopes = load<u32>(at, job.slope), table = load<u32>(at, job.lut);
  const op = load<i32>(at, job.operandOp);
  let outs = scratch + job.scratchOutTable;
  let acc = scratch + job.scratchAccumulators;
  let counts = i32x4.splat(0);

  if (!(shifts | slopes | table | op)) {
    for (let left = count; left > 0; left -= 2) {
      const t0 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(acc)), scaleLow);
      const t1 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(acc, 16)), scaleHigh);
      const t2 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(acc, 32)), scaleLow);
      const t3 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(acc, 48)), scaleHigh);
      // The masks are 0 or −1 and never both set.
      counts = i32x4.sub(counts, i32x4.add(
        i32x4.add(f32x4.ge(t0, above), f32x4.lt(t0, below)),
        i32x4.add(f32x4.ge(t1, above), f32x4.lt(t1, below)),
      ));
      const q = v128.and(keep, i8x16.narrow_i16x8_s(
        i16x8.narrow_i32x4_s(quantise(t0, low, high), quantise(t1, low, high)),
        i16x8.narrow_i32x4_s(quantise(t2, low, high), quantise(t3, low, high)),
      ));
      v128.store_lane<i64>(out + load<u32>(outs), q, 0);
      if (left > 1) {
        counts = i32x4.sub(counts, i32x4.add(
          i32x4.add(f32x4.ge(t2, above), f32x4.lt(t2, below)),
          i32x4.add(f32x4.ge(t3, above), f32x4.lt(t3, below)),
        ));
        v128.store_lane<i64>(out + load<u32>(outs, 4), q, 1);
      }
      acc += 64;
      outs += 8;
    }
  } else {
    const operandBase = load<u32>(at, job.operandAddress) + (<usize>block >> 2) * load<u32>(at, job.operandSurface) + ((block & 3) << 3);
    const operandScale = f32x4.splat(load<f32>(at, job.operandScaleF));
    let operands = scratch + job.scratchOperandTable;
    const spill = scratch + job.scratchSpill;
    for (let left = count; left > 0; left--) {
      let t0 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(acc)), scaleLow);
      let t1 = f32x4.mul(f32x4.convert_i32x4_s(v128.load(acc, 16)), scaleHigh);
      if (shifts) {
        t0 = f32x4.add(t0, v128.load(shifts + vector));
        t1 = f32x4.add(t1, v128.load(shifts + vector, 16));
      }
      if (op) {
        const eight = v128.load_ext<i8>(operandBase + load<u32>(operands));
        const o0 = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(eight)), operandScale);
        const o1 = f32x4.mul(f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(eight)), operandScale);
        t0 = combine(op, t0, o0);
        t1 = combine(op, t1, o1);
      }
      if (slopes) {
        const zero = f32x4.splat(0);
        t0 = v128.bitselect(f32x4.mul(t0, v128.load(slopes + vector)), t0, f32x4.lt(t0, zero));
        t1 = v128.bitselect(f32x4.mul(t1, v128.load(slopes + vector, 16)), t1, f32x4.lt(t1, zero));
      }
      counts = i32x4.sub(counts, i32x4.add(
        v128.and(maskLow, v128.or(f32x4.ge(t0, above), f32x4.lt(t0, below))),
        v128.and(maskHigh, v128.or(f32x4.ge(t1, above), f32x4.lt(t1, below))),
      ));
      const words = i16x8.narrow_i32x4_s(quantise(t0, low, high), quantise(t1, low, high));
      let q = i8x16.narrow_i16x8_s(words, words);
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
  }
  store<i32>(scratch, load<i32>(scratch) + total(counts));

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
