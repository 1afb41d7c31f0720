// SDP of float16 on its own. A unit is a chunk of pixels of 16 channels.

import * as base from '../../../job';
import * as job from '../../../nvdla/float16/job';
import { finishSingles } from './finish';
import { singlesOf } from './floats';

export function floatPointUnit(at: usize, scratch: usize, unit: i32): void {
  const chunks = load<i32>(at, job.chunks), chunkPixels = load<i32>(at, job.chunkPixels);
  const width = load<i32>(at, base.outWidth), line = load<u32>(at, base.inRow);
  const group = unit / chunks;
  const first = (unit % chunks) * chunkPixels;
  const count = min(chunkPixels, load<i32>(at, base.outHeight) * width - first);
  let x = first % width;
  let from = load<u32>(at, base.inAddress) + <usize>group * load<u32>(at, base.inSurface) + <usize>(first / width) * line + <usize>(x << 5);
  const singles = scratch + job.scratchSums;
  for (let to = singles, end = singles + (<usize>count << 6); to < end; to += 64) {
    for (let quad: usize = 0; quad < 4; quad++) {
      v128.store(to + (quad << 4), singlesOf(v128.load_ext<u16>(from + (quad << 3))));
    }
    from += 32;
    if (++x == width) {
      x = 0;
      from += line - <u32>(width << 5);
    }
  }
  finishSingles(at, singles, group, first, count);
}
