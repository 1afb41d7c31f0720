// The single-point stage on its own, from an int8 or float16 surface. A unit is a chunk of pixels, all channels.

import { finishBlock, placePixels } from './finish';
import { blockPlace } from './float16/finish';
import { singlesOf } from './float16/halves';
import * as half from '../float16/job';
import * as job from '../job';

export function pointUnit(at: usize, scratch: usize, unit: i32): void {
  const width = load<i32>(at, job.outWidth), height = load<i32>(at, job.outHeight);
  const pixels = load<i32>(at, job.batch) * height * width;
  const first = unit * job.mostTiles * 4;
  const count = min(job.mostTiles * 4, pixels - first);
  const blocks = (load<i32>(at, job.outChannels) + 7) >> 3;
  const isHalf = load<i32>(at, half.floatStage) != 0 && load<i32>(at, half.halfInput) != 0;
  placePixels(at, scratch, first, count);
  for (let block = 0; block < blocks; block++) {
    const base = blockPlace(load<u32>(at, job.inAddress), load<u32>(at, job.inSurface), block, isHalf);
    let acc = scratch + job.scratchAccumulators;
    let x = first % width;
    let y = first / width;
    let n = y / height;
    y -= n * height;
    for (let i = 0; i < count; i++) {
      const from = base + n * load<u32>(at, job.inBatch) + y * load<u32>(at, job.inRow) + (x << 5);
      if (isHalf) {
        const eight = v128.load(from);
        v128.store(acc, singlesOf(i32x4.extend_low_i16x8_u(eight)));
        v128.store(acc, singlesOf(i32x4.extend_high_i16x8_u(eight)), 16);
      } else {
        const eight = v128.load_ext<i8>(from);
        v128.store(acc, i32x4.extend_low_i16x8_s(eight));
        v128.store(acc, i32x4.extend_high_i16x8_s(eight), 16);
      }
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
