// Depthwise convolution, vectorised over channels: one kernel for each channel leaves nothing to share between kernels,
// so 8 channels are computed at once and taps are taken in pairs, which the dot product sums.
//
// A unit is some rows of one atom of channels (8, 16 or 32) of one image. It copies the input rows it needs, padded, into its
// scratch; then every tap lies at a fixed offset from the pixel.

import { finishBlock, placePixels } from './finish';
import * as job from '../job';

export function depthwiseUnit(at: usize, scratch: usize, unit: i32): void {
  const outHeight = load<i32>(at, job.outHeight), outWidth = load<i32>(at, job.outWidth);
  const rowUnits = load<i32>(at, job.rowUnits), unitRows = load<i32>(at, job.unitRows);
  const shift = ctz(load<i32>(at, job.inPixel));
  const atoms = (load<i32>(at, job.outChannels) + (1 << shift) - 1) >> shift;
  const firstRow = (unit % rowUnits) * unitRows;
  const rows = min(unitRows, outHeight - firstRow);
  const atom = (unit / rowUnits) % atoms;
  const n = unit / rowUnits / atoms;
  const strideH = load<i32>(at, job.strideH), strideW = load<i32>(at, job.strideW);
  const kernelW = load<i32>(at, job.kernelW);
  const paddedRows = (rows - 1) * strideH + (load<i32>(at, job.kernelH) - 1) * load<i32>(at, job.dilationH) + 1;
  const paddedWidth = (outWidth - 1) * strideW + (kernelW - 1) * load<i32>(at, job.dilationW) + 1;
  const pitch = <usize>(paddedWidth << shift);
  const padded = scratch + job.scratchPanel;
  copyRows(at, padded, n, atom, firstRow * strideH - load<i32>(at, job.padTop), paddedRows, paddedWidth, shift);

  // Offsets of the taps, two by two; an odd last tap pairs with itself and a weight of zero.
  const taps = load<i32>(at, job.kernelH) * kernelW;
  const tapPairs = load<i32>(at, job.tapPairs);
  const offsets = padded + paddedRows * pitch;
  for (let t = 0; t < tapPairs * 2; t++) {
    const tap = min(t, taps - 1);
    const offset = (tap / kernelW) * load<i32>(at, job.dilationH) * pitch + (((tap % kernelW) * load<i32>(at, job.dilationW)) << shift);
    store<u32>(offsets + (<usize>t << 2), offset);
  }
  const blocks = (load<i32>(at, job.outChannels) + 7) >> 3;
  const pixels = rows * outWidth;
  for (let first = 0; first < pixels; first += job.mostTiles * 4) {
    const count = min(job.mostTiles * 4, pixels - first);
    const place = (n * outHeight + firstRow) * outWidth + first;
    placePixels(at, scratch, place, count);
    const firstBlock = (atom << shift) >> 3;
    for (let block = firstBlock; block < min(blocks, ((atom + 1) << shift) >> 3); block++) {
      multiplyTaps(at, scratch, padded + ((block - firstBlock) << 3), pitch, offsets, block, first, count, shift);
      finishBlock(at, scratch, block, place, count);
    }
  }
}

function multiplyTaps(at: usize, scratch: usize, base: usize, pitch: usize, offsets: usize, block: i32, first: i32, count: i32, shift: i32): void {
  const outWidth = load<i32>(at, job.outWidth);
  const step = load<usize>(at, job.strideW) << shift;
  const lineStep = load<usize>(at, job.strideH) * pitch;
  const tapPairs = load<i32>(at, job.tapPairs);
  const weights = load<u32>(at, job.weights) + <usize>block * (<usize>tapPairs << 5);
  const bias = load<u32>(at, job.bias) + (<usize>block << 5);
  const biasLow = v128.load(bias), biasHigh = v128.load(bias, 16);
  // Nothing to multiply in what fills up the last atom.
  const end = block < load<i32>(at, job.weightBlocks) ? offsets + (<usize>tapPairs << 3) : offsets;
  let acc = scratch + job.scratchAccumulators;
  let x = first % outWidth;
  let line = base + (first / outWidth) * lineStep;
  for (let left = count; left > 0; ) {
    const p = line + x * step;
    let w = weights;
    if (left > 1 && x + 1 < outWidth) {
      let a0 = biasLow, a1 = biasHigh, b0 = biasLow, b1 = biasHigh;
      for (let o = offsets; o != end; o += 8) {
        const one = p + load<u32>(o), two = p + load<u32>(o, 4);
        const low = v128.load(w), high = v128.load(w, 16);
        let t0 = v128.load_ext<i8>(one), t1 = v128.load_ext<i8>(two);
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.shuffle<i16>(t0, t1, 0, 8, 1, 9, 2, 10, 3, 11), low));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.shuffle<i16>(t0, t1, 4, 12, 5, 13, 6, 14, 7, 15), high));
        t0 = v128.load_ext<i8>(one + step);
        t1 = v128.load_ext<i8>(two + step);
        b0 = i32x4.add(b0, i32x4.dot_i16x8_s(v128.shuffle<i16>(t0, t1, 0, 8, 1, 9, 2, 10, 3, 11), low));
        b1 = i32x4.add(b1, i32x4.dot_i16x8_s(v128.shuffle<i16>(t0, t1, 4, 12, 5, 13, 6, 14, 7, 15), high));
        w += 32;
      }
      v128.store(acc, a0);
      v128.store(acc, a1, 16);
      v128.store(acc, b0, 32);
      v128.store(acc, b1, 48);
      acc += 64;
      left -= 2;
      x += 2;
    } else {
      let a0 = biasLow, a1 = biasHigh;
      for (let o = offsets; o != end; o += 8) {
        const t0 = v128.load_ext<i8>(p + load<u32>(o)), t1 = v128.load_ext<i8>(p + load<u32>(o, 4));
        a0 = i32x4.add(a0, i32x4.dot_i16x8_s(v128.shuffle<i16>(t0, t1, 0, 8, 1, 9, 2, 10, 3, 11), v128.load(w)));
        a1 = i32x4.add(a1, i32x4.dot_i16x8_s(v128.shuffle<i16>(t0, t1, 4, 12, 5, 13, 6, 14, 7, 15), v128.load(w, 16)));
        w += 32;
      }
      v128.store(acc, a0);
      v128.store(acc, a1, 16);
      acc += 32;
      left--;
      x++;
    }
    if (x == outWidth) {
      x = 0;
      line += lineStep;
    }
  }
}

// Rows [top, top + rows) of one atom, columns from −padLeft on, with padding filled in.
function copyRows(at: usize, to: usize, n: i32, atom: i32, top: i32, rows: i32, width: i32, shift: i32): void {
  const inHeight = load<i32>(at, job.inHeight), inWidth = load<i32>(at, job.inWidth);
  const left = load<i32>(at, job.padLeft);
  const pad = v128.load(load<u32>(at, job.padAtom));
  const source = load<u32>(at, job.inAddress) + n * load<u32>(at, job.inBatch) + atom * load<u32>(at, job.inSurface);
  const firstInside = min(left, width);
  const endInside = max(firstInside, min(width, left + inWidth));
  for (let y = top; y < top + rows; y++) {
    const inside = <u32>y < <u32>inHeight;
    const start = inside ? firstInside : width;
    const end = inside ? endInside : width;
    for (let x = 0; x < start; x++) fillAtom(to + (x << shift), pad);
    if (inside) memory.copy(to + (start << shift), source + y * load<u32>(at, job.inRow) + ((start - left) << shift), (end - start) << shift);
    for (let x = end; x < width; x++) fillAtom(to + (x << shift), pad);
    to += <usize>(width << shift);
  }
}

// Always 32 bytes: what follows a smaller atom is written afterwards.
@inline
function fillAtom(to: usize, value: v128): void {
  v128.store(to, value);
  v128.store(to, value, 16);
}
