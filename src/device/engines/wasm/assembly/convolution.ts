// Convolution as a product of panels: a unit packs the pixels of a chunk into a panel once (im2col, straight from the
// int8 surface), then multiplies it with the weights of each of its blocks of 8 kernels and finishes them.
//
// Blocking: a panel stays in the second-level cache; 256 pairs of a block's weights (8 KiB) and the accumulators of the
// chunk stay in the first.

import { finishBlock, placePixels } from './finish';
import * as job from '../job';
import { multiplyTiles, packEight, packRun } from './tile';

@inline
const pairBlock: i32 = 256;

export function convUnit(at: usize, scratch: usize, unit: i32): void {
  const chunks = load<i32>(at, job.chunks);
  const chunkTiles = load<i32>(at, job.chunkTiles);
  const pixels = load<i32>(at, job.batch) * load<i32>(at, job.outHeight) * load<i32>(at, job.outWidth);
  const first = (unit % chunks) * chunkTiles * 4;
  const count = min(chunkTiles * 4, pixels - first);
  const tiles = (count + 3) >> 2;
  const splitBlocks = load<i32>(at, job.splitBlocks);
  const firstBlock = (unit / chunks) * splitBlocks;
  const endBlock = min(firstBlock + splitBlocks, load<i32>(at, job.blocks));
  const isCompact = load<i32>(at, job.compact) != 0;
  const pairs = load<i32>(at, job.pairs);
  const panel = scratch + job.scratchPanel;
  const panelStride = <usize>pairs << 4;
  const acc = scratch + job.scratchAccumulators;
  const starts = load<u32>(at, job.starts);
  const weightBlocks = load<i32>(at, job.weightBlocks);

  placePixels(at, scratch, first, count);
  let packed = -1;
  if (!isCompact) packSurface(at, panel, first, count);
  for (let block = firstBlock; block < endBlock; block++) {
    if (isCompact) {
      const channel = load<i32>(starts + (<usize>block << 2));
      if (channel != packed) packCompact(at, panel, first, count, channel);
      packed = channel;
    }
    let weights = load<u32>(at, job.weights) + <usize>block * (<usize>pairs << 5);
    let start = load<u32>(at, job.bias) + (<usize>block << 5);
    const own = block < weightBlocks ? pairs : 0;
    for (let done = 0; done < own || start; done += pairBlock) {
      const some = min(pairBlock, own - done);
      multiplyTiles(acc, panel + (<usize>done << 4), panelStride, tiles, weights, some, start);
      weights += <usize>some << 5;
      start = 0;
    }
    finishBlock(at, scratch, block, first, count);
  }
}

// Packs pixels of a surface of atoms: taps in row-major order, then channels. Padding reads the pad atom.
function packSurface(at: usize, panel: usize, first: i32, count: i32): void {
  const outWidth = load<i32>(at, job.outWidth), outHeight = load<i32>(at, job.outHeight);
  const height = load<i32>(at, job.inHeight), width = load<i32>(at, job.inWidth);
  const channels = load<i32>(at, job.inChannels);
  const base = load<u32>(at, job.inAddress), line = load<u32>(at, job.inRow), surface = load<u32>(at, job.inSurface);
  const kernelH = load<i32>(at, job.kernelH), kernelW = load<i32>(at, job.kernelW);
  const dilationH = load<i32>(at, job.dilationH), dilationW = load<i32>(at, job.dilationW);
  const pad = load<u32>(at, job.padAtom);
  const atom = load<i32>(at, job.inPixel);
  // One tap that never leaves the image.
  const pointwise = kernelH * kernelW == 1 && load<i32>(at, job.padded) == 0;
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
      b3 = base + n * load<u32>(at, job.inBatch);
      y3 = y * load<i32>(at, job.strideH) - load<i32>(at, job.padTop);
      x3 = x * load<i32>(at, job.strideW) - load<i32>(at, job.padLeft);
      if (i + j + 1 < count && ++x == outWidth) {
        x = 0;
        if (++y == outHeight) {
          y = 0;
          n++;
        }
      }
    }
    if (pointwise) {
      let p0 = b0 + y0 * line + x0 * atom, p1 = b1 + y1 * line + x1 * atom;
      let p2 = b2 + y2 * line + x2 * atom, p3 = b3 + y3 * line + x3 * atom;
      for (let c = channels; c > 0; c -= atom) {
        const length = min(atom, c);
        if (length <= 8) packEight(panel, p0, p1, p2, p3);
        else packRun(panel, p0, p1, p2, p3, length);
        panel += <usize>((length + 1) >> 1) << 4;
        p0 += surface;
        p1 += surface;
        p2 += surface;
        p3 += surface;
      }
      continue;
    }
    for (let r = 0; r < kernelH; r++) {
      const dy = r * dilationH;
      for (let s = 0; s < kernelW; s++) {
        const dx = s * dilationW;
        const in0 = <u32>(y0 + dy) < <u32>height && <u32>(x0 + dx) < <u32>width;
        const in1 = <u32>(y1 + dy) < <u32>height && <u32>(x1 + dx) < <u32>width;
        const in2 = <u32>(y2 + dy) < <u32>height && <u32>(x2 + dx) < <u32>width;
        const in3 = <u32>(y3 + dy) < <u32>height && <u32>(x3 + dx) < <u32>width;
        let p0 = in0 ? b0 + (y0 + dy) * line + (x0 + dx) * atom : pad;
        let p1 = in1 ? b1 + (y1 + dy) * line + (x1 + dx) * atom : pad;
        let p2 = in2 ? b2 + (y2 + dy) * line + (x2 + dx) * atom : pad;
        let p3 = in3 ? b3 + (y3 + dy) * line + (x3 + dx) * atom : pad;
        const d0 = in0 ? surface : 0, d1 = in1 ? surface : 0, d2 = in2 ? surface : 0, d3 = in3 ? surface : 0;
        for (let c = channels; c > 0; c -= atom) {
          const length = min(atom, c);
          if (length <= 8) packEight(panel, p0, p1, p2, p3);
          else packRun(panel, p0, p1, p2, p3, length);
          panel += <usize>((length + 1) >> 1) << 4;
          p0 += d0;
          p1 += d1;
          p2 += d2;
          p3 += d3;
        }
      }
    }
  }
}

// Packs pixels of a padded NHWC copy: runs of consecutive bytes at fixed offsets from the pixel.
function packCompact(at: usize, panel: usize, first: i32, count: i32, channel: i32): void {
  const outWidth = load<i32>(at, job.outWidth), outHeight = load<i32>(at, job.outHeight);
  const base = load<u32>(at, job.inAddress) + channel;
  const runs = load<i32>(at, job.runs), length = load<i32>(at, job.runLength);
  const offsets = load<u32>(at, job.runOffsets);
  const bytes = <usize>((length + 1) >> 1) << 4;
  let x = first % outWidth;
  let y = first / outWidth;
  let n = y / outHeight;
  y -= n * outHeight;
  for (let i = 0; i < count; i += 4) {
    let p0: usize = 0, p1: usize = 0, p2: usize = 0, p3: usize = 0;
    for (let j = 0; j < 4; j++) {
      p0 = p1; p1 = p2; p2 = p3;
      p3 = base + n * load<u32>(at, job.inBatch) + y * load<u32>(at, job.inRow) + x * load<u32>(at, job.inPixel);
      if (i + j + 1 < count && ++x == outWidth) {
        x = 0;
        if (++y == outHeight) {
          y = 0;
          n++;
        }
      }
    }
    for (let r = 0; r < runs; r++) {
      const offset = load<u32>(offsets + (<usize>r << 2));
      packRun(panel, p0 + offset, p1 + offset, p2 + offset, p3 + offset, length);
      panel += bytes;
    }
  }
}
