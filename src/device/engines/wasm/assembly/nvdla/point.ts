// SDP of the open NVDLA on its own. A unit is a chunk of pixels, all channels.

import * as base from '../../job';
import * as job from '../../nvdla/job';
import { finishIntegers } from './finish';

export function integerPointUnit(at: usize, scratch: usize, unit: i32): void {
  const width = load<i32>(at, base.outWidth);
  const first = unit * base.mostTiles * 4;
  const count = min(base.mostTiles * 4, load<i32>(at, base.outHeight) * width - first);
  const blocks = load<i32>(at, base.outChannels) >> 3;
  const shift = load<i32>(at, job.inBlocks);
  const step = load<u32>(at, base.inPixel), line = load<u32>(at, base.inRow);
  const start = load<u32>(at, base.inAddress) + <usize>(first / width) * line + <usize>(first % width) * step;
  for (let block = 0; block < blocks; block++) {
    let from = start + <usize>(block >> shift) * load<u32>(at, base.inSurface) + <usize>((block & ((1 << shift) - 1)) << 3);
    let acc = scratch + base.scratchAccumulators;
    let x = first % width;
    for (let i = 0; i < count; i++) {
      const eight = v128.load_ext<i8>(from);
      v128.store(acc, i32x4.extend_low_i16x8_s(eight));
      v128.store(acc, i32x4.extend_high_i16x8_s(eight), 16);
      acc += 32;
      from += step;
      if (++x == width) {
        x = 0;
        from += line - <u32>width * step;
      }
    }
    finishIntegers(at, scratch, block, first, count);
  }
}
