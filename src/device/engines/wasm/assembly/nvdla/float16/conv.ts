// Convolution of float16: a unit is 16 kernels and a chunk of pixels. For each step its weights are laid out once
// (rows.ts), then every pixel of the chunk takes them with the elements under its window, which lie as lists
// (lists.ts).

import * as base from '../../../job';
import * as job from '../../../nvdla/float16/job';
import { finishSingles } from './finish';
import { expandRows } from './rows';
import { addStep, singlesOfSums } from './sums';

export function floatConvUnit(at: usize, scratch: usize, unit: i32): void {
  const chunks = load<i32>(at, job.chunks), chunkPixels = load<i32>(at, job.chunkPixels);
  const group = unit / chunks;
  const first = (unit % chunks) * chunkPixels;
  const count = min(chunkPixels, load<i32>(at, base.outHeight) * load<i32>(at, base.outWidth) - first);
  const kernels = min(16, load<i32>(at, job.kernels) - (group << 4));
  const sums = scratch + job.scratchSums, nans = sums + <usize>chunkPixels * job.sumBytes;
  const stream = load<u32>(at, job.weightStream) + <usize>(group << 5) * load<u32>(at, job.kernelLength);
  const isImage = load<u32>(at, job.imagePixel) != 0;
  memory.fill(sums, 0, <usize>count * job.sumBytes);
  let hasNaN = false;
  let step: usize = load<u32>(at, job.steps);
  for (let i = load<i32>(at, job.stepCount); i > 0 && kernels > 0; i--, step += job.stepBytes) {
    const from = stream + <usize>(load<i32>(step, job.stepStart) * kernels << 1);
    const runs = expandRows(scratch, from, kernels, load<i32>(step, job.stepLength));
    const range = isImage ? 4 << 8 : runs & 0xffff;
    const weightsHaveNaN = runs >> 16 != 0;
    let x = first % load<i32>(at, base.outWidth), y = first / load<i32>(at, base.outWidth);
    for (let pixel = 0; pixel < count; pixel++) {
      const found = gather(at, scratch, step, y, x, range);
      if (weightsHaveNaN || found >> 16) {
        if (!hasNaN) memory.fill(nans, 0, <usize>count * job.nanBytes);
        hasNaN = true;
        noteNaN(at, scratch, step, y, x, weightsHaveNaN, nans + <usize>pixel * job.nanBytes, kernels);
      }
      if (found & 0xffff) addStep(scratch, found & 0xffff, load<u32>(at, job.cutTables), sums + <usize>pixel * job.sumBytes);
      if (++x == load<i32>(at, base.outWidth)) {
        x = 0;
        y++;
      }
    }
  }
  for (let pixel: usize = 0; pixel < <usize>count; pixel++) {
    const singles = sums + pixel * 64;
    singlesOfSums(sums + pixel * job.sumBytes, singles);
    if (hasNaN) overwrite(singles, nans + pixel * job.nanBytes);
  }
  finishSingles(at, sums, group, first, count);
}

/** The list of the pixel that a part of a step finds under a window. */
@inline
function listOf(at: usize, part: usize, y: i32, x: i32): usize {
  const row = y * load<i32>(at, base.strideH) - load<i32>(at, base.padTop) + load<i32>(part, job.partRow);
  const column = x * load<i32>(at, base.strideW) - load<i32>(at, base.padLeft) + load<i32>(part, job.partColumn);
  const width = load<i32>(at, base.inWidth);
  const isInside = <u32>row < load<u32>(at, base.inHeight) && <u32>column < <u32>width;
  const index = isInside ? row * width + column : load<i32>(at, job.listCount) - 1;
  return load<u32>(at, job.lists) + load<u32>(part, job.partLists) + <usize>index * load<u32>(at, job.listBytes);
}

/**
 * Lays out the parts of a step at a pixel that hold anything.
 * @param range runs of 16 elements that count: the first, and the one behind the last << 8
 * @returns how many parts; whether any list has a NaN << 16
 */
function gather(at: usize, scratch: usize, step: usize, y: i32, x: i32, range: i32): i32 {
  let part = load<u32>(at, job.parts) + <usize>load<u32>(step, job.stepPart) * job.partBytes;
  const endPart = load<u32>(at, job.parts) + <usize>load<u32>(step, job.stepEndPart) * job.partBytes;
  let to = scratch + job.scratchParts;
  let count = 0, nan: u32 = 0;
  for (; part < endPart; part += job.partBytes) {
    const list = listOf(at, part, y, x);
    const records = list + job.listHeader;
    const first = <usize>load<u8>(list + (range & 255), job.listStarts), end = <usize>load<u8>(list + (range >> 8), job.listStarts);
    nan |= load<u32>(list, job.listNaN);
    if (first == end) continue;
    store<u32>(to, records + (first << 4));
    store<u32>(to, records + (end << 4), 4);
    store<u32>(to, scratch + job.scratchRows + load<u32>(part, job.partWeights), 8);
    to += job.foundBytes;
    count++;
  }
  return count | (i32(nan != 0) << 16);
}

/** The first NaN of a sum is its result: of a step those of the weights come first. */
function noteNaN(at: usize, scratch: usize, step: usize, y: i32, x: i32, weightsHaveNaN: bool, nans: usize, kernels: i32): void {
  let data: u32 = 0;
  for (let i = load<i32>(step, job.stepEndPart) - 1; i >= load<i32>(step, job.stepPart); i--) {
    const found = load<u32>(listOf(at, load<u32>(at, job.parts) + <usize>i * job.partBytes, y, x), job.listNaN);
    if (found) data = found;
  }
  for (let k: usize = 0; k < <usize>kernels << 2; k += 4) {
    const own = weightsHaveNaN ? load<u32>(scratch + k, job.scratchNaN) : 0;
    if (load<u32>(nans + k) == 0) store<u32>(nans + k, own ? own : data);
  }
}

function overwrite(singles: usize, nans: usize): void {
  for (let k: usize = 0; k < 64; k += 4) {
    const nan = load<u32>(nans + k);
    if (nan) store<u32>(singles + k, nan);
  }
}
