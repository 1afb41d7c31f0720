// The single-point stage of a launch that touches float16, on a block of 8 channels of some pixels: int32 or float32 sums in, int8 or
// halves out.

import { round } from '../atoms';
import * as base from '../../job';
import * as job from '../../float16/job';
import { eightHalves, firstLanes, singlesOf } from './halves';

@inline
function combine(op: i32, t: v128, operand: v128): v128 {
  if (op == base.operandAdd) return f32x4.add(t, operand);
  if (op == base.operandSub) return f32x4.sub(t, operand);
  if (op == base.operandMul) return f32x4.mul(t, operand);
  if (op == base.operandMax) return f32x4.max(t, operand);
  return f32x4.min(t, operand);
}

@inline
function sloped(t: v128, slope: v128): v128 {
  return v128.bitselect(f32x4.mul(t, slope), t, f32x4.lt(t, f32x4.splat(0)));
}

/** The place of a block in a surface of atoms of 16 halves, or of 32 int8. */
@inline
export function blockPlace(address: usize, surface: usize, block: i32, half: bool): usize {
  return half
    ? address + (<usize>block >> 1) * surface + ((block & 1) << 4)
    : address + (<usize>block >> 2) * surface + ((block & 3) << 3);
}

/** @param count pixels; their places in the output and the operand are in the scratch's tables */
export function finishFloats(at: usize, scratch: usize, block: i32, count: i32): void {
  const lanes = firstLanes(load<i32>(at, base.outChannels) - (block << 3));
  const vector = <usize>block << 5;
  const scales = load<u32>(at, base.scale), shifts = load<u32>(at, base.shift), slopes = load<u32>(at, base.slope);
  const op = load<i32>(at, base.operandOp);
  const operandScale = f32x4.splat(load<f32>(at, base.operandScaleF));
  const isHalfOperand = load<i32>(at, job.halfOperand) != 0;
  const isHalf = load<i32>(at, job.halfOutput) != 0;
  const isFloat = load<i32>(at, job.floatSums) != 0;
  const out = blockPlace(load<u32>(at, base.outAddress), load<u32>(at, base.outSurface), block, isHalf);
  const operandPlace = blockPlace(load<u32>(at, base.operandAddress), load<u32>(at, base.operandSurface), block, isHalfOperand);
  let acc = scratch + base.scratchAccumulators;
  let outs = scratch + base.scratchOutTable, operands = scratch + base.scratchOperandTable;
  let saturated = 0;
  for (let left = count; left > 0; left--) {
    let t0 = v128.load(acc), t1 = v128.load(acc, 16);
    if (!isFloat) {
      t0 = f32x4.convert_i32x4_s(t0);
      t1 = f32x4.convert_i32x4_s(t1);
    }
    if (scales) {
      t0 = f32x4.mul(t0, v128.load(scales + vector));
      t1 = f32x4.mul(t1, v128.load(scales + vector, 16));
    }
    if (shifts) {
      t0 = f32x4.add(t0, v128.load(shifts + vector));
      t1 = f32x4.add(t1, v128.load(shifts + vector, 16));
    }
    if (op) {
      const from = operandPlace + load<u32>(operands);
      let x0: v128, x1: v128;
      if (isHalfOperand) {
        const x = v128.load(from);
        x0 = singlesOf(i32x4.extend_low_i16x8_u(x));
        x1 = singlesOf(i32x4.extend_high_i16x8_u(x));
      } else {
        const x = v128.load_ext<i8>(from);
        x0 = f32x4.convert_i32x4_s(i32x4.extend_low_i16x8_s(x));
        x1 = f32x4.convert_i32x4_s(i32x4.extend_high_i16x8_s(x));
      }
      t0 = combine(op, t0, f32x4.mul(x0, operandScale));
      t1 = combine(op, t1, f32x4.mul(x1, operandScale));
    }
    if (slopes) {
      t0 = sloped(t0, v128.load(slopes + vector));
      t1 = sloped(t1, v128.load(slopes + vector, 16));
    }
    if (isHalf) saturated += halfEnd(at, scratch, t0, t1, lanes, out + load<u32>(outs));
    else saturated += integerEnd(at, scratch, t0, t1, lanes, out + load<u32>(outs));
    acc += 32;
    outs += 4;
    operands += 4;
  }
  store<i32>(scratch, load<i32>(scratch) + saturated);

  // The last block also zeroes the rest of its atom.
  if (load<i32>(at, base.outChannels) - (block << 3) > 8) return;
  const blocks = isHalf ? 2 : 4, bytes = isHalf ? 16 : 8;
  outs = scratch + base.scratchOutTable;
  for (let rest = (block & (blocks - 1)) + 1; rest < blocks; rest++) {
    const to = out + (rest - (block & (blocks - 1))) * bytes;
    for (let i = 0; i < count; i++) memory.fill(to + load<u32>(outs + (<usize>i << 2)), 0, bytes);
  }
}

@inline
function lanesSet(mask: v128, lanes: v128): i32 {
  return popcnt(i16x8.bitmask(v128.and(mask, lanes)));
}

/** @returns how many results were cut off */
function halfEnd(at: usize, scratch: usize, t0: v128, t1: v128, lanes: v128, to: usize): i32 {
  const low = f32x4.splat(load<f32>(at, job.lowF)), high = f32x4.splat(load<f32>(at, job.highF));
  t0 = f32x4.min(f32x4.max(t0, low), high);
  t1 = f32x4.min(f32x4.max(t1, low), high);
  const beyond = f32x4.splat(65520);
  const cut = i16x8.narrow_i32x4_s(f32x4.ge(f32x4.abs(t0), beyond), f32x4.ge(f32x4.abs(t1), beyond));
  let halves = eightHalves(t0, t1);
  const table = load<u32>(at, job.halfTable);
  if (table) {
    const spill = scratch + base.scratchSpill;
    v128.store(spill, halves);
    for (let i: usize = 0; i < 16; i += 2) store<u16>(spill + i, load<u16>(table + (<usize>load<u16>(spill + i) << 1)));
    halves = v128.load(spill);
    const isNaN = i16x8.gt_s(v128.and(halves, i16x8.splat(0x7fff)), i16x8.splat(0x7c00));
    halves = v128.bitselect(i16x8.splat(0x7e00), halves, isNaN);
  }
  v128.store(to, v128.and(halves, lanes));
  return lanesSet(cut, lanes);
}

/** @returns how many results were cut off */
function integerEnd(at: usize, scratch: usize, t0: v128, t1: v128, lanes: v128, to: usize): i32 {
  const words = i16x8.narrow_i32x4_s(round(t0, -16384, 16384), round(t1, -16384, 16384));
  const above = i16x8.splat(load<i16>(at, base.saturatedAbove)), below = i16x8.splat(load<i16>(at, base.saturatedBelow));
  const cut = v128.or(i16x8.gt_s(words, above), i16x8.lt_s(words, below));
  const clamped = i16x8.min_s(i16x8.max_s(words, i16x8.splat(load<i16>(at, base.low))), i16x8.splat(load<i16>(at, base.high)));
  let q = i8x16.narrow_i16x8_s(clamped, clamped);
  const table = load<u32>(at, base.lut);
  if (table) {
    const spill = scratch + base.scratchSpill;
    v128.store(spill, q);
    for (let i: usize = 0; i < 8; i++) store<i8>(spill + i, load<i8>(table + load<i8>(spill + i)));
    q = v128.load(spill);
  }
  v128.store_lane<i64>(to, v128.and(q, i8x16.narrow_i16x8_s(lanes, lanes)), 0);
  return lanesSet(cut, lanes);
}
