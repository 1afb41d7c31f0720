// The floats of the open NVDLA (reference/nvdla/float16/float.ts), four or eight at a time. The processor's float32 does the work;
// what is unlike IEEE is put right after it: no infinities, NaN and the sign of zero by the first operand. FP17 values
// travel as singles: a sum or product of their 11 bits, rounded to 24 and then to 11, is the rounded one.

@inline
const largest: i32 = 0x7f7fffff;

@inline
function isNaN4(v: v128): v128 {
  return f32x4.ne(v, v);
}

@inline
function signOf(v: v128): v128 {
  return v128.and(v, i32x4.splat(i32.MIN_VALUE));
}

@inline
function magnitudeOf(v: v128): v128 {
  return v128.and(v, i32x4.splat(i32.MAX_VALUE));
}

/** Four halves, zero-extended to 32 bits, as singles; an infinity becomes the largest number. */
export function singlesOf(halves: v128): v128 {
  const bits = v128.and(halves, i32x4.splat(0x7fff));
  const value = f32x4.mul(i32x4.shl(bits, 13), f32x4.splat(5192296858534827628530496329220096.0));
  const isNaN = i32x4.gt_s(bits, i32x4.splat(0x7c00));
  const special = v128.bitselect(v128.or(i32x4.shl(bits, 13), i32x4.splat(0x7f800000)), i32x4.splat(largest), isNaN);
  const plain = v128.bitselect(special, value, i32x4.gt_s(bits, i32x4.splat(0x7bff)));
  return v128.or(plain, i32x4.shl(v128.andnot(halves, i32x4.splat(0x7fff)), 16));
}

/** Singles as halves, in the low 16 bits of each: to nearest even, denormals too, the largest finite number beyond. */
export function halvesOf(singles: v128): v128 {
  const bits = magnitudeOf(singles);
  const odd = v128.and(i32x4.shr_u(bits, 13), i32x4.splat(1));
  const normal = i32x4.sub(i32x4.shr_u(i32x4.add(i32x4.add(bits, i32x4.splat(0xfff)), odd), 13), i32x4.splat(112 << 10));
  // Beside a half, the last bit of a single is worth as much as that of a denormal half.
  const tiny = i32x4.sub(f32x4.add(bits, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  const magnitude = i32x4.min_s(v128.bitselect(tiny, normal, i32x4.lt_s(bits, i32x4.splat(0x38800000))), i32x4.splat(0x7bff));
  const nan = v128.or(v128.and(bits, i32x4.splat(0x3ff)), i32x4.splat(0x7c00));
  return v128.or(v128.bitselect(nan, magnitude, isNaN4(singles)), i32x4.shr_u(signOf(singles), 16));
}

/** Puts an IEEE result right. Denormal singles may stay: as halves they are the zeros that they should be. */
@inline
function settled(result: v128, a: v128, b: v128): v128 {
  const number = v128.or(i32x4.min_s(magnitudeOf(result), i32x4.splat(largest)), signOf(result));
  return v128.bitselect(a, v128.bitselect(b, number, isNaN4(b)), isNaN4(a));
}

export function sumOf(a: v128, b: v128): v128 {
  const sum = f32x4.add(a, b);
  return settled(v128.bitselect(signOf(a), sum, f32x4.eq(sum, f32x4.splat(0))), a, b);
}

export function productOf(a: v128, b: v128): v128 {
  return settled(f32x4.mul(a, b), a, b);
}

/** Bits in the order of the numbers that they stand for, −0 before +0; its own inverse. */
@inline
function ordered(bits: v128): v128 {
  return v128.xor(bits, i32x4.shr_u(i32x4.shr_s(bits, 31), 1));
}

export function extremeOf(a: v128, b: v128, isMax: bool): v128 {
  const x = ordered(a), y = ordered(b);
  const extreme = ordered(isMax ? i32x4.max_s(x, y) : i32x4.min_s(x, y));
  return v128.bitselect(a, v128.bitselect(b, extreme, isNaN4(b)), isNaN4(a));
}

/** Negative numbers become 0; NaN stays. */
@inline
export function reluOf(v: v128): v128 {
  return v128.andnot(v, v128.andnot(i32x4.shr_s(v, 31), isNaN4(v)));
}

/** An IEEE single as FP17: 11 bits, no denormals below 2^−30, no infinities. */
function fp17(v: v128): v128 {
  const odd = v128.and(i32x4.shr_u(v, 13), i32x4.splat(1));
  const bits = magnitudeOf(v);
  const rounded = v128.and(i32x4.add(i32x4.add(bits, i32x4.splat(0xfff)), odd), i32x4.splat(~0x1fff));
  const magnitude = i32x4.min_s(rounded, i32x4.splat(0x4f7fe000));
  return v128.or(v128.and(magnitude, i32x4.gt_s(magnitude, i32x4.splat(0x307fffff))), signOf(v));
}

/** Sum of FP17 numbers, none of them NaN. */
@inline
export function fp17Sum(a: v128, b: v128): v128 {
  const sum = f32x4.add(a, b);
  return fp17(v128.bitselect(signOf(a), sum, f32x4.eq(sum, f32x4.splat(0))));
}

@inline
export function fp17Product(a: v128, b: v128): v128 {
  return fp17(f32x4.mul(a, b));
}

/** Four halves, none of them NaN, zero-extended to 32 bits, as FP17. */
export function fp17Of(halves: v128): v128 {
  const bits = v128.and(halves, i32x4.splat(0x7fff));
  const value = f32x4.mul(i32x4.shl(bits, 13), f32x4.splat(5192296858534827628530496329220096.0));
  const plain = v128.bitselect(i32x4.splat(0x4f7fe000), value, i32x4.eq(bits, i32x4.splat(0x7c00)));
  return v128.or(plain, i32x4.shl(v128.andnot(halves, i32x4.splat(0x7fff)), 16));
}
