// Convolution of halves: float32 sums, each of which takes its products one after the other, tap by tap and in a tap channel by channel,
// as the scalar reference does. Sums side by side in a vector are those of 8 kernels.
//
// A job has a table of taps, at so many rows and columns from the first pixel of a window, so that the phases of a deconvolution are
// convolutions too. What lies outside the image is zero.

import { finishBlock, placePixels } from '../finish';
import * as base from '../../job';
import * as job from '../../float16/job';
import { singlesOf } from './halves';

/** Products whose weights (8 KiB) stay in the first-level cache with the sums of a chunk. */
@inline
const depthBlock: i32 = 256;

/** One group: the pixels of a chunk become singles in a panel once, which each block of 8 kernels multiplies. */
export function halfConvUnit(at: usize, scratch: usize, unit: i32): void {
  const chunks = load<i32>(at, base.chunks), chunkTiles = load<i32>(at, base.chunkTiles);
  const pixels = load<i32>(at, base.batch) * load<i32>(at, base.outHeight) * load<i32>(at, base.outWidth);
  const first = (unit % chunks) * chunkTiles * 4;
  const count = min(chunkTiles * 4, pixels - first);
  const splitBlocks = load<i32>(at, base.splitBlocks);
  const firstBlock = (unit / chunks) * splitBlocks;
  const endBlock = min(firstBlock + splitBlocks, load<i32>(at, base.blocks));
  const depth = load<i32>(at, base.pairs);
  const panel = scratch + base.scratchPanel;
  placePixels(at, scratch, first, count);
  packPanel(at, panel, first, count);
  for (let block = firstBlock; block < endBlock; block++) {
    let weights = load<u32>(at, base.weights) + <usize>block * (<usize>depth << 5);
    let done = 0;
    do {
      const some = min(depthBlock, depth - done);
      multiplyTiles(scratch + base.scratchAccumulators, panel + (<usize>done << 4), <usize>depth << 4, (count + 3) >> 2, weights, some, done == 0);
      weights += <usize>some << 5;
      done += some;
    } while (done < depth);
    finishBlock(at, scratch, block, first, count);
  }
}

/** For each tile of 4 pixels, tap and channel: the 4 pixels' singles. */
function packPanel(at: usize, panel: usize, first: i32, count: i32): void {
  const outWidth = load<i32>(at, base.outWidth), outHeight = load<i32>(at, base.outHeight);
  const height = load<i32>(at, base.inHeight), width = load<i32>(at, base.inWidth);
  const channels = load<i32>(at, job.tapChannels);
  const from = load<u32>(at, base.inAddress), line = load<u32>(at, base.inRow), surface = load<u32>(at, base.inSurface);
  const taps = load<u32>(at, job.tapTable), end = taps + (<usize>load<i32>(at, job.tapCount) << 3);
  const zeros = load<u32>(at, base.padAtom);
  let x = first % outWidth;
  let y = first / outWidth;
  let n = y / outHeight;
  y -= n * outHeight;
  for (let i = 0; i < count; i += 4) {
    // Where each pixel's window begins: image, row, column. Pixels beyond the last repeat it.
    let b0: usize = 0, b1: usize = 0, b2: usize = 0, b3: usize = 0;
    let y0 = 0, y1 = 0, y2 = 0, y3 = 0, x0 = 0, x1 = 0, x2 = 0, x3 = 0;
    for (let j = 0; j < 4; j++) {
      b0 = b1; b1 = b2; b2 = b3;
      y0 = y1; y1 = y2; y2 = y3;
      x0 = x1; x1 = x2; x2 = x3;
      b3 = from + n * load<u32>(at, base.inBatch);
      y3 = y * load<i32>(at, base.strideH);
      x3 = x * load<i32>(at, base.strideW);
      if (i + j + 1 < count && ++x == outWidth) {
        x = 0;
        if (++y == outHeight) {
          y = 0;
          n++;
        }
      }
    }
    for (let tap = taps; tap < end; tap += 8) {
      const dy = load<i32>(tap), dx = load<i32>(tap, 4);
      const in0 = <u32>(y0 + dy) < <u32>height && <u32>(x0 + dx) < <u32>width;
      const in1 = <u32>(y1 + dy) < <u32>height && <u32>(x1 + dx) < <u32>width;
      const in2 = <u32>(y2 + dy) < <u32>height && <u32>(x2 + dx) < <u32>width;
      const in3 = <u32>(y3 + dy) < <u32>height && <u32>(x3 + dx) < <u32>width;
      let p0 = in0 ? b0 + (y0 + dy) * line + ((x0 + dx) << 5) : zeros;
      let p1 = in1 ? b1 + (y1 + dy) * line + ((x1 + dx) << 5) : zeros;
      let p2 = in2 ? b2 + (y2 + dy) * line + ((x2 + dx) << 5) : zeros;
      let p3 = in3 ? b3 + (y3 + dy) * line + ((x3 + dx) << 5) : zeros;
      const d0 = in0 ? surface : 0, d1 = in1 ? surface : 0, d2 = in2 ? surface : 0, d3 = in3 ? surface : 0;
      for (let c = channels; c > 0; c -= 16) {
        packEight(panel, p0, p1, p2, p3);
        if (c > 8) packEight(panel + 128, p0 + 16, p1 + 16, p2 + 16, p3 + 16);
        panel += <usize>min(c, 16) << 4;
        p0 += d0;
        p1 += d1;
        p2 += d2;
        p3 += d3;
      }
    }
  }
}

/** Eight channels of 4 pixels; always writes 8 vectors: what follows overwrites those of channels that there are not. */
@inline
function packEight(panel: usize, p0: usize, p1: usize, p2: usize, p3: usize): void {
  const x0 = v128.load(p0), x1 = v128.load(p1), x2 = v128.load(p2), x3 = v128.load(p3);
  const low01 = v128.shuffle<i16>(x0, x1, 0, 8, 1, 9, 2, 10, 3, 11);
  const low23 = v128.shuffle<i16>(x2, x3, 0, 8, 1, 9, 2, 10, 3, 11);
  const high01 = v128.shuffle<i16>(x0, x1, 4, 12, 5, 13, 6, 14, 7, 15);
  const high23 = v128.shuffle<i16>(x2, x3, 4, 12, 5, 13, 6, 14, 7, 15);
  storeTwo(panel, v128.shuffle<i32>(low01, low23, 0, 4, 1, 5));
  storeTwo(panel + 32, v128.shuffle<i32>(low01, low23, 2, 6, 3, 7));
  storeTwo(panel + 64, v128.shuffle<i32>(high01, high23, 0, 4, 1, 5));
  storeTwo(panel + 96, v128.shuffle<i32>(high01, high23, 2, 6, 3, 7));
}

@inline
function storeTwo(panel: usize, halves: v128): void {
  v128.store(panel, singlesOf(i32x4.extend_low_i16x8_u(halves)));
  v128.store(panel, singlesOf(i32x4.extend_high_i16x8_u(halves)), 16);
}

@inline
function added(sum: v128, a: v128, b: v128): v128 {
  return f32x4.add(sum, f32x4.mul(a, b));
}

/**
 * 4 pixels × 8 kernels, one product of each a step (tile.ts says why the loop is not unrolled).
 *
 * @param acc 128 bytes a tile
 * @param start from zero, rather than from `acc`
 */
function multiplyTiles(acc: usize, panel: usize, panelStride: usize, tiles: i32, weights: usize, depth: i32, start: bool): void {
  const end = weights + (<usize>depth << 5);
  for (let t = 0; t < tiles; t++) {
    let a00: v128, a01: v128, a10: v128, a11: v128, a20: v128, a21: v128, a30: v128, a31: v128;
    if (start) {
      a00 = a01 = a10 = a11 = a20 = a21 = a30 = a31 = f32x4.splat(0);
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
      const low = v128.load(w), high = v128.load(w, 16);
      let pixel = v128.load_splat<f32>(p);
      a00 = added(a00, pixel, low);
      a01 = added(a01, pixel, high);
      pixel = v128.load_splat<f32>(p, 4);
      a10 = added(a10, pixel, low);
      a11 = added(a11, pixel, high);
      pixel = v128.load_splat<f32>(p, 8);
      a20 = added(a20, pixel, low);
      a21 = added(a21, pixel, high);
      pixel = v128.load_splat<f32>(p, 12);
      a30 = added(a30, pixel, low);
      a31 = added(a31, pixel, high);
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

/** Groups: each of 8 kernels side by side has channels of its own. A unit is a chunk of pixels of one block. */
export function halfLanesUnit(at: usize, scratch: usize, unit: i32): void {
  const chunks = load<i32>(at, base.chunks);
  const width = load<i32>(at, base.outWidth), outHeight = load<i32>(at, base.outHeight);
  const pixels = load<i32>(at, base.batch) * outHeight * width;
  const block = unit / chunks;
  const first = (unit % chunks) * base.mostTiles * 4;
  const count = min(base.mostTiles * 4, pixels - first);
  const channels = load<i32>(at, job.tapChannels);
  const line = load<u32>(at, base.inRow), surface = load<u32>(at, base.inSurface);
  const lanes = load<u32>(at, job.laneChannels), own = lanes + (<usize>block << 5);
  const weights = load<u32>(at, base.weights) + <usize>block * (<usize>load<i32>(at, base.pairs) << 5);
  const taps = load<u32>(at, job.tapTable), end = taps + (<usize>load<i32>(at, job.tapCount) << 3);
  const source = load<u32>(at, base.inAddress) + (lanes ? 0 : (<usize>block >> 1) * surface + ((block & 1) << 4));
  placePixels(at, scratch, first, count);
  let acc = scratch + base.scratchAccumulators;
  let x = first % width;
  let y = first / width;
  let n = y / outHeight;
  y -= n * outHeight;
  for (let i = 0; i < count; i++) {
    let a0 = f32x4.splat(0), a1 = f32x4.splat(0);
    let w = weights;
    for (let tap = taps; tap < end; tap += 8) {
      const iy = y * load<i32>(at, base.strideH) + load<i32>(tap), ix = x * load<i32>(at, base.strideW) + load<i32>(tap, 4);
      if (<u32>iy >= load<u32>(at, base.inHeight) || <u32>ix >= load<u32>(at, base.inWidth)) {
        w += <usize>channels << 5;
        continue;
      }
      const from = source + n * load<u32>(at, base.inBatch) + iy * line + (<usize>ix << 5);
      for (let c = 0; c < channels; c++) {
        const halves = lanes ? gathered(scratch, from, surface, own, c) : v128.load(from);
        a0 = added(a0, singlesOf(i32x4.extend_low_i16x8_u(halves)), v128.load(w));
        a1 = added(a1, singlesOf(i32x4.extend_high_i16x8_u(halves)), v128.load(w, 16));
        w += 32;
      }
    }
    v128.store(acc, a0);
    v128.store(acc, a1, 16);
    acc += 32;
    if (++x == width) {
      x = 0;
      if (++y == outHeight) {
        y = 0;
        n++;
      }
    }
  }
  finishBlock(at, scratch, block, first, count);
}

/** Of each lane, the half of its own channel. */
@inline
function gathered(scratch: usize, from: usize, surface: usize, lanes: usize, c: i32): v128 {
  const spill = scratch + base.scratchSpill;
  for (let lane: usize = 0; lane < 8; lane++) {
    const channel = load<i32>(lanes + (lane << 2)) + c;
    store<u16>(spill + (lane << 1), load<u16>(from + (<usize>channel >> 4) * surface + ((channel & 15) << 1)));
  }
  return v128.load(spill);
}
