// SDP's sub-units on a block of 8 channels of some pixels, in place: int32 in, int32 out, as each unit saturates to 32
// bits. One pass a unit; the values stay in the first-level cache.
//
// X1 and X2 compute in float64, which holds every intermediate (33 bits times 16) exactly; shifts are multiplications
// with powers of two. Half, with the value's sign, is added before the fraction is cut: away from zero at ties. Y
// multiplies 32 bits by 32, in int64.

import * as job from '../../nvdla/job';

/** Of a float64 with a fraction: what cuts to the rounded value. */
@inline
export function away(t: v128): v128 {
  return f64x2.add(t, v128.bitselect(t, f64x2.splat(0.5), f64x2.splat(-0.0)));
}

/** Two and two float64 as int32, cut and saturated. */
@inline
export function integers(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(i32x4.trunc_sat_f64x2_s_zero(low), i32x4.trunc_sat_f64x2_s_zero(high), 0, 1, 4, 5);
}

@inline
export function lowDoubles(v: v128): v128 {
  return f64x2.convert_low_i32x4_s(v);
}

@inline
export function highDoubles(v: v128): v128 {
  return f64x2.convert_low_i32x4_s(v128.shuffle<i32>(v, v, 2, 3, 2, 3));
}

/** Accumulators leave their unit: shifted to the right, rounded. */
export function shiftAccumulators(acc: usize, count: i32, scale: f64): void {
  const factor = f64x2.splat(scale);
  for (const end = acc + (<usize>count << 5); acc < end; acc += 16) {
    const v = v128.load(acc);
    v128.store(acc, integers(away(f64x2.mul(lowDoubles(v), factor)), away(f64x2.mul(highDoubles(v), factor))));
  }
}

/** Where the operands of a block at pixel (y, x) lie. */
@inline
export function operandAt(unit: usize, block: i32, y: i32, x: i32): usize {
  const shift = load<i32>(unit, job.operandBlocks);
  const element = load<u32>(unit, job.operandBytes) << load<u32>(unit, job.operandPairs);
  return (
    load<u32>(unit, job.operandAddress) +
    <usize>(block >> shift) * load<u32>(unit, job.operandSurface) +
    <usize>((block & ((1 << shift) - 1)) << 3) * element +
    <usize>y * load<u32>(unit, job.operandRow) +
    <usize>x * load<u32>(unit, job.operandPixel)
  );
}

/** @param first the first pixel, counted over rows of `width` */
export function runUnit(unit: usize, acc: usize, block: i32, first: i32, count: i32, width: i32): void {
  const kind = load<i32>(unit, job.unitKind);
  if (kind == job.kindVector) vectorUnit(unit, acc, block, count);
  else if (kind == job.kindAdd) addUnit(unit, acc, block, first, count, width);
  else if (kind == job.kindLinear) linearUnit(unit, acc, block, first, count, width);
  else if (kind == job.kindElement) elementUnit(unit, acc, block, first, count, width);
}

@inline
function floorOf(unit: usize): v128 {
  return i32x4.splat(load<i32>(unit, job.unitRelu) ? 0 : i32.MIN_VALUE);
}

function vectorUnit(unit: usize, acc: usize, block: i32, count: i32): void {
  const floor = floorOf(unit);
  const end = acc + (<usize>count << 5);
  for (let half: usize = 0; half < 32; half += 16) {
    const add = load<u32>(unit, job.unitAluVector) + (<usize>block << 6) + (half << 1);
    const mul = load<u32>(unit, job.unitMulVector) + (<usize>block << 6) + (half << 1);
    const a0 = v128.load(add), a1 = v128.load(add, 16), m0 = v128.load(mul), m1 = v128.load(mul, 16);
    for (let p = acc + half; p < end; p += 32) {
      const v = v128.load(p);
      const t0 = away(f64x2.mul(f64x2.add(lowDoubles(v), a0), m0));
      const t1 = away(f64x2.mul(f64x2.add(highDoubles(v), a1), m1));
      v128.store(p, i32x4.max_s(integers(t0, t1), floor));
    }
  }
}

function addUnit(unit: usize, acc: usize, block: i32, first: i32, count: i32, width: i32): void {
  const floor = floorOf(unit);
  const shift = f64x2.splat(load<f64>(unit, job.unitAluFactorF)), factor = f64x2.splat(load<f64>(unit, job.unitFactorF));
  const step = load<u32>(unit, job.operandPixel), line = load<u32>(unit, job.operandRow);
  let x = first % width;
  let from = operandAt(unit, block, first / width, x);
  for (const end = acc + (<usize>count << 5); acc < end; acc += 32) {
    const eight = v128.load_ext<i8>(from);
    const low = i32x4.extend_low_i16x8_s(eight), high = i32x4.extend_high_i16x8_s(eight);
    const v = v128.load(acc), w = v128.load(acc, 16);
    const t0 = away(f64x2.mul(f64x2.add(lowDoubles(v), f64x2.mul(lowDoubles(low), shift)), factor));
    const t1 = away(f64x2.mul(f64x2.add(highDoubles(v), f64x2.mul(highDoubles(low), shift)), factor));
    v128.store(acc, i32x4.max_s(integers(t0, t1), floor));
    const t2 = away(f64x2.mul(f64x2.add(lowDoubles(w), f64x2.mul(lowDoubles(high), shift)), factor));
    const t3 = away(f64x2.mul(f64x2.add(highDoubles(w), f64x2.mul(highDoubles(high), shift)), factor));
    v128.store(acc, i32x4.max_s(integers(t2, t3), floor), 16);
    from += step;
    if (++x == width) {
      x = 0;
      from += line - <u32>width * step;
    }
  }
}

/** Four operands of elements of `bytes` bytes, as int32. `second` takes the other value of pairs. */
@inline
function operands(from: usize, bytes: i32, pairs: bool, second: bool): v128 {
  if (bytes == 1) {
    if (!pairs) {
      const words = i16x8.extend_low_i8x16_s(v128.load32_zero(from));
      return i32x4.extend_low_i16x8_s(words);
    }
    const both = v128.load64_zero(from);
    const words = second ? i16x8.shr_s(both, 8) : i16x8.shr_s(i16x8.shl(both, 8), 8);
    return i32x4.extend_low_i16x8_s(words);
  }
  if (!pairs) return v128.load_ext<i16>(from);
  const both = v128.load(from);
  return second ? i32x4.shr_s(both, 16) : i32x4.shr_s(i32x4.shl(both, 16), 16);
}

@inline
function combine(alu: i32, t: v128, b: v128): v128 {
  if (alu == job.aluSum) return f64x2.add(t, b);
  if (alu == job.aluMax) return f64x2.max(t, b);
  return f64x2.min(t, b);
}

/** `positive` is what positive values take part in when only negative ones are multiplied. */
@inline
function multiplied(t: v128, m: v128, mul: i32): v128 {
  const product = f64x2.mul(t, m);
  return mul == job.mulNegative ? v128.bitselect(product, t, f64x2.lt(t, f64x2.splat(0))) : product;
}

/** A shifted operand of the ALU saturates to 32 bits. */
@inline
function saturated(t: v128): v128 {
  return f64x2.max(f64x2.min(t, f64x2.splat(2147483647)), f64x2.splat(-2147483648));
}

function linearUnit(unit: usize, acc: usize, block: i32, first: i32, count: i32, width: i32): void {
  const alu = load<i32>(unit, job.unitAlu), mul = load<i32>(unit, job.unitMul);
  const floor = floorOf(unit);
  const shift = f64x2.splat(load<f64>(unit, job.unitAluFactorF)), factor = f64x2.splat(load<f64>(unit, job.unitFactorF));
  const step = load<u32>(unit, job.operandPixel), line = load<u32>(unit, job.operandRow);
  const bytes = load<i32>(unit, job.operandBytes), pairs = load<i32>(unit, job.operandPairs) != 0;
  const addVector = load<u32>(unit, job.unitAluVector), mulVector = load<u32>(unit, job.unitMulVector);
  const end = acc + (<usize>count << 5);
  for (let half: usize = 0; half < 2; half++) {
    const vector = (<usize>block << 6) + (half << 5);
    let x = first % width;
    let from = operandAt(unit, block, first / width, x) + half * 4 * ((<usize>bytes) << (pairs ? 1 : 0));
    for (let p = acc + (half << 4); p < end; p += 32) {
      const v = v128.load(p);
      let t0 = lowDoubles(v), t1 = highDoubles(v);
      if (alu) {
        let b0: v128, b1: v128;
        if (addVector) {
          b0 = v128.load(addVector + vector);
          b1 = v128.load(addVector + vector, 16);
        } else {
          const b = operands(from, bytes, pairs, false);
          b0 = saturated(f64x2.mul(lowDoubles(b), shift));
          b1 = saturated(f64x2.mul(highDoubles(b), shift));
        }
        t0 = combine(alu, t0, b0);
        t1 = combine(alu, t1, b1);
      }
      if (mul) {
        let m0: v128, m1: v128;
        if (mulVector) {
          m0 = v128.load(mulVector + vector);
          m1 = v128.load(mulVector + vector, 16);
        } else {
          const m = operands(from, bytes, pairs, pairs);
          m0 = f64x2.mul(lowDoubles(m), factor);
          m1 = f64x2.mul(highDoubles(m), factor);
        }
        t0 = multiplied(t0, m0, mul);
        t1 = multiplied(t1, m1, mul);
      } else {
        t0 = f64x2.mul(t0, factor);
        t1 = f64x2.mul(t1, factor);
      }
      v128.store(p, i32x4.max_s(integers(away(t0), away(t1)), floor));
      from += step;
      if (++x == width) {
        x = 0;
        from += line - <u32>width * step;
      }
    }
  }
}

/** int64 shifted to the right, half away from zero, cut to int32 by the caller's saturation. */
@inline
function shiftedWide(product: v128, truncate: i32): v128 {
  if (truncate == 0) return product;
  if (truncate > 63) return i64x2.splat(0);
  const magnitude = i64x2.shr_u(i64x2.add(i64x2.abs(product), i64x2.splat(<i64>1 << (truncate - 1))), truncate);
  const sign = i64x2.shr_s(product, 63);
  return i64x2.sub(v128.xor(magnitude, sign), sign);
}

/** Two and two int64 as saturated int32. */
@inline
function narrowed(low: v128, high: v128): v128 {
  return v128.shuffle<i32>(clampWide(low), clampWide(high), 0, 2, 4, 6);
}

@inline
function clampWide(t: v128): v128 {
  const most = i64x2.splat(2147483647), least = i64x2.splat(-2147483648);
  const below = v128.bitselect(most, t, i64x2.gt_s(t, most));
  return v128.bitselect(least, below, i64x2.lt_s(below, least));
}

@inline
function converted(v: v128, offset: f64, factor: f64): v128 {
  const o = f64x2.splat(offset), f = f64x2.splat(factor);
  return integers(away(f64x2.mul(f64x2.sub(lowDoubles(v), o), f)), away(f64x2.mul(f64x2.sub(highDoubles(v), o), f)));
}

function elementUnit(unit: usize, acc: usize, block: i32, first: i32, count: i32, width: i32): void {
  const alu = load<i32>(unit, job.unitAlu), mul = load<i32>(unit, job.unitMul);
  const truncate = load<i32>(unit, job.unitTruncate);
  const step = load<u32>(unit, job.operandPixel), line = load<u32>(unit, job.operandRow);
  const bytes = load<i32>(unit, job.operandBytes), pairs = load<i32>(unit, job.operandPairs) != 0;
  const addVector = load<u32>(unit, job.unitAluVector), mulVector = load<u32>(unit, job.unitMulVector);
  const convertsAlu = load<i32>(unit, job.aluConvert) != 0, convertsMul = load<i32>(unit, job.mulConvert) != 0;
  const end = acc + (<usize>count << 5);
  for (let half: usize = 0; half < 2; half++) {
    const vector = (<usize>block << 5) + (half << 4);
    let x = first % width;
    let from = operandAt(unit, block, first / width, x) + half * 4 * ((<usize>bytes) << (pairs ? 1 : 0));
    for (let p = acc + (half << 4); p < end; p += 32) {
      let t = v128.load(p);
      if (mul) {
        let m: v128;
        if (mulVector) m = v128.load(mulVector + vector);
        else {
          m = operands(from, bytes, pairs, pairs);
          if (convertsMul) m = converted(m, load<f64>(unit, job.mulConvertOffsetF), load<f64>(unit, job.mulConvertFactorF));
        }
        const product = narrowed(
          shiftedWide(i64x2.extmul_low_i32x4_s(t, m), truncate),
          shiftedWide(i64x2.extmul_high_i32x4_s(t, m), truncate),
        );
        t = mul == job.mulNegative ? v128.bitselect(product, t, i32x4.lt_s(t, i32x4.splat(0))) : product;
      }
      if (alu) {
        let b: v128;
        if (addVector) b = v128.load(addVector + vector);
        else {
          b = operands(from, bytes, pairs, false);
          if (convertsAlu) b = converted(b, load<f64>(unit, job.aluConvertOffsetF), load<f64>(unit, job.aluConvertFactorF));
        }
        if (alu == job.aluSum) {
          t = integers(f64x2.add(lowDoubles(t), lowDoubles(b)), f64x2.add(highDoubles(t), highDoubles(b)));
        } else if (alu == job.aluMax) t = i32x4.max_s(t, b);
        else if (alu == job.aluMin) t = i32x4.min_s(t, b);
        else t = i32x4.add(i32x4.splat(1), i32x4.eq(t, b));
      }
      v128.store(p, t);
      from += step;
      if (++x == width) {
        x = 0;
        from += line - <u32>width * step;
      }
    }
  }
}
