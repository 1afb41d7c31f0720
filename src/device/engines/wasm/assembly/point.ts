// The single-point stage on its own: int8 surfaces in and out. A unit is a chunk of pixels, all channels.

import { finishBlock, placePixels } from './finish';
import * as job from '../job';

export function pointUnit(at: usize, scratch: usize, unit: i32): void {
  const width = load<i32>(at, job.outWidth), height = load<i32>(at, job.outHeight);
  const pixels = load<i32>(at, job.batch) * height * width;
  const first = unit * job.mostTiles * 4;
  const count = min(job.mostTiles * 4, pixels - first);
  const blocks = (load<i32>(at, job.outChannels) + 7) >> 3;
  placePixels(at, scratch, first, count);
  for (let block = 0; block < blocks; block++) {
    const base = load<u32>(at, job.inAddress) + (<usize>block >> 2) * load<u32>(at, job.inSurface) + ((block & 3) << 3);
    let acc = scratch + job.scratchAccumulators;
    let x = first % width;
    let y = first / width;
    let n = y / height;
    y -= n * height;
    for (let i = 0; i < count; i++) {
      const eight = v128.load_ext<i8>(base + n * load<u32>(at, job.inBatch) + y * load<u32>(at, job.inRow) + (x << 5));
      v128.store(acc, i32x4.extend_low_i16x8_s(eight));
      v128.store(acc, i32x4.extend_high_i16x8_s(eight), 16);
      acc += 32;
      if (++x == width) {
        x = 0;
        if (++y == height) {
          y = 0;
          n++;
        }
      }
    }
    finishBlock(at, scratch, block, first, count);
  }
}
