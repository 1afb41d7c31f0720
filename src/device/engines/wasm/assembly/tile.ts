// The heart of convolution: 4 pixels × 8 kernels, two channels a step.
//
// A panel holds, for each tile of 4 pixels, its channel pairs one after the other: 4 pixels × 2 channels of int16, one
// vector. Packed weights hold 8 kernels × 2 channels for each pair, two vectors. A step broadcasts each pixel's pair and
// multiplies it with both. Products of int8 sums of two never leave int32, and int32 addition wraps like the reference's.
//
// The loop body is one step on purpose: V8 orders the operations of a block by depth, so unrolling here makes it keep
// all operands of all steps alive and spill. It unrolls the loop itself, with the exits kept.

/**
 * @param acc 128 bytes a tile: 4 pixels × 8 kernels of int32
 * @param panel the first pair of the first tile; `panelStride` bytes lie between tiles
 * @param start 8 int32 to start from, or 0 to go on from `acc`
 */
export function multiplyTiles(acc: usize, panel: usize, panelStride: usize, tiles: i32, weights: usize, pairs: i32, start: usize): void {
  const end = weights + (<usize>pairs << 5);
  for (let t = 0; t < tiles; t++) {
    let a00: v128, a01: v128, a10: v128, a11: v128, a20: v128, a21: v128, a30: v128, a31: v128;
    if (start) {
      a00 = a10 = a20 = a30 = v128.load(start);
      a01 = a11 = a21 = a31 = v128.load(start, 16);
    } else {
      a00 = v128.load(acc);
      a01 = v128.load(acc, 16);
      a10 = v128.load(acc, 32);
      a11 = v128.load(acc, 48);
      a20 = v128.load(acc, 64);
      a21 = v128.load(acc, 80);
      a30 = v128.load(acc, 96);
      a31 = v128.load(acc, 112);
    }
    let p = panel;
    for (let w = weights; w != end; w += 32) {
      const four = v128.load(p);
      const low = v128.load(w);
      const high = v128.load(w, 16);
      let pixel = v128.shuffle<i32>(four, four, 0, 0, 0, 0);
      a00 = i32x4.add(a00, i32x4.dot_i16x8_s(pixel, low));
      a01 = i32x4.add(a01, i32x4.dot_i16x8_s(pixel, high));
      pixel = v128.shuffle<i32>(four, four, 1, 1, 1, 1);
      a10 = i32x4.add(a10, i32x4.dot_i16x8_s(pixel, low));
      a11 = i32x4.add(a11, i32x4.dot_i16x8_s(pixel, high));
      pixel = v128.shuffle<i32>(four, four, 2, 2, 2, 2);
      a20 = i32x4.add(a20, i32x4.dot_i16x8_s(pixel, low));
      a21 = i32x4.add(a21, i32x4.dot_i16x8_s(pixel, high));
      pixel = v128.shuffle<i32>(four, four, 3, 3, 3, 3);
      a30 = i32x4.add(a30, i32x4.dot_i16x8_s(pixel, low));
      a31 = i32x4.add(a31, i32x4.dot_i16x8_s(pixel, high));
      p += 16;
    }
    v128.store(acc, a00);
    v128.store(acc, a01, 16);
    v128.store(acc, a10, 32);
    v128.store(acc, a11, 48);
    v128.store(acc, a20, 64);
    v128.store(acc, a21, 80);
    v128.store(acc, a30, 96);
    v128.store(acc, a31, 112);
    acc += 128;
    panel += panelStride;
  }
}

/**
 * Turns `length` consecutive channels of 4 pixels into panel pairs: ⌈length / 2⌉ vectors at `panel`. Works in steps of
 * 16 channels and so reads and writes up to 15 channels beyond; what follows overwrites that.
 */
@inline
export function packRun(panel: usize, p0: usize, p1: usize, p2: usize, p3: usize, length: i32): void {
  for (let c = 0; c < length; c += 16) {
    const x0 = v128.load(p0 + c), x1 = v128.load(p1 + c), x2 = v128.load(p2 + c), x3 = v128.load(p3 + c);
    const low01 = v128.shuffle<i16>(x0, x1, 0, 8, 1, 9, 2, 10, 3, 11);
    const low23 = v128.shuffle<i16>(x2, x3, 0, 8, 1, 9, 2, 10, 3, 11);
    const first = v128.shuffle<i32>(low01, low23, 0, 4, 1, 5);
    v128.store(panel, i16x8.extend_low_i8x16_s(first));
    v128.store(panel, i16x8.extend_high_i8x16_s(first), 16);
    const second = v128.shuffle<i32>(low01, low23, 2, 6, 3, 7);
    v128.store(panel, i16x8.extend_low_i8x16_s(second), 32);
    v128.store(panel, i16x8.extend_high_i8x16_s(second), 48);
    const high01 = v128.shuffle<i16>(x0, x1, 4, 12, 5, 13, 6, 14, 7, 15);
    const high23 = v128.shuffle<i16>(x2, x3, 4, 12, 5, 13, 6, 14, 7, 15);
    const third = v128.shuffle<i32>(high01, high23, 0, 4, 1, 5);
    v128.store(panel, i16x8.extend_low_i8x16_s(third), 64);
    v128.store(panel, i16x8.extend_high_i8x16_s(third), 80);
    const fourth = v128.shuffle<i32>(high01, high23, 2, 6, 3, 7);
    v128.store(panel, i16x8.extend_low_i8x16_s(fourth), 96);
    v128.store(panel, i16x8.extend_high_i8x16_s(fourth), 112);
    panel += 128;
  }
}

/** Turns up to 8 consecutive channels of 4 pixels into panel pairs; reads 8 and writes 4 vectors. */
@inline
export function packEight(panel: usize, p0: usize, p1: usize, p2: usize, p3: usize): void {
  const x01 = v128.shuffle<i16>(v128.load64_zero(p0), v128.load64_zero(p1), 0, 8, 1, 9, 2, 10, 3, 11);
  const x23 = v128.shuffle<i16>(v128.load64_zero(p2), v128.load64_zero(p3), 0, 8, 1, 9, 2, 10, 3, 11);
  const first = v128.shuffle<i32>(x01, x23, 0, 4, 1, 5);
  v128.store(panel, i16x8.extend_low_i8x16_s(first));
  v128.store(panel, i16x8.extend_high_i8x16_s(first), 16);
  const second = v128.shuffle<i32>(x01, x23, 2, 6, 3, 7);
  v128.store(panel, i16x8.extend_low_i8x16_s(second), 32);
  v128.store(panel, i16x8.extend_high_i8x16_s(second), 48);
}
