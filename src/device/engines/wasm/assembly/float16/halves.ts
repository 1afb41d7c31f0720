// Halves and singles, four at a time. What the scalar reference says: halves are IEEE's on the way in; on the way out to nearest even,
// ±65,504 beyond, and 0x7e00 for every NaN.

/** Four halves, zero-extended to 32 bits, as singles. */
@inline
export function singlesOf(halves: v128): v128 {
  const bits = i32x4.shl(v128.and(halves, i32x4.splat(0x7fff)), 13);
  // 2¹¹² is what the exponents of the two differ by; the product makes denormal halves normal singles.
  const value = f32x4.mul(bits, f32x4.splat(5192296858534827628530496329220096.0));
  const special = v128.or(bits, i32x4.splat(0x7f800000));
  const magnitude = v128.bitselect(special, value, i32x4.gt_s(bits, i32x4.splat((0x7c00 << 13) - 1)));
  return v128.or(magnitude, i32x4.shl(v128.andnot(halves, i32x4.splat(0x7fff)), 16));
}

/** Four singles as halves, in the low 16 bits of each lane. */
@inline
export function halvesOf(singles: v128): v128 {
  const bits = v128.and(singles, i32x4.splat(i32.MAX_VALUE));
  const odd = v128.and(i32x4.shr_u(bits, 13), i32x4.splat(1));
  const normal = i32x4.sub(i32x4.shr_u(i32x4.add(i32x4.add(bits, i32x4.splat(0xfff)), odd), 13), i32x4.splat(112 << 10));
  // Beside a half, the last bit of a single is worth as much as that of a denormal half.
  const tiny = i32x4.sub(f32x4.add(bits, f32x4.splat(0.5)), i32x4.splat(0x3f000000));
  const magnitude = i32x4.min_s(v128.bitselect(tiny, normal, i32x4.lt_s(bits, i32x4.splat(0x38800000))), i32x4.splat(0x7bff));
  const signed = v128.or(magnitude, i32x4.shl(i32x4.shr_u(singles, 31), 15));
  return v128.bitselect(i32x4.splat(0x7e00), signed, f32x4.ne(singles, singles));
}

/** Eight halves of two vectors of singles. */
@inline
export function eightHalves(low: v128, high: v128): v128 {
  return i16x8.narrow_i32x4_u(halvesOf(low), halvesOf(high));
}

/** All ones in the first `count` 16-bit lanes. */
@inline
export function firstLanes(count: i32): v128 {
  return i16x8.lt_s(i16x8(0, 1, 2, 3, 4, 5, 6, 7), i16x8.splat(<i16>max(0, min(count, 8))));
}
