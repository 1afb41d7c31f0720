// Copies channels between any two int8 layouts, with padding around the image. Channels go in runs as long as both
// layouts keep them together: whole atoms, runs of 8, or single bytes. A unit is some rows of one image.

import * as job from '../job';

export function copyUnit(at: usize, unit: i32): void {
  const rowUnits = load<i32>(at, job.rowUnits), unitRows = load<i32>(at, job.unitRows);
  const firstRow = (unit % rowUnits) * unitRows;
  const endRow = min(firstRow + unitRows, load<i32>(at, job.outHeight));
  const n = unit / rowUnits;
  const channels = load<i32>(at, job.copyChannels);
  const inFirst = load<i32>(at, job.inFirst), outFirst = load<i32>(at, job.outFirst);
  const inAtom = load<i32>(at, job.inAtom), outAtom = load<i32>(at, job.outAtom);
  const source = load<u32>(at, job.inAddress) + n * load<u32>(at, job.inBatch);
  const target = load<u32>(at, job.outAddress) + n * load<u32>(at, job.outBatch);
  const inSurface = load<u32>(at, job.inSurface), outSurface = load<u32>(at, job.outSurface);

  for (let y = firstRow; y < endRow; y++) {
    for (let c = 0; c < channels; ) {
      const i = inFirst + c, o = outFirst + c;
      // As many channels as lie side by side on both sides.
      const together = min(channels - c, min(inAtom - i % inAtom, outAtom - o % outAtom));
      const run = together >= 32 ? 32 : together >= 8 ? 8 : 1;
      copyRow(at, y, source + (i / inAtom) * inSurface + (i % inAtom), target + (o / outAtom) * outSurface + (o % outAtom), run);
      c += run;
    }
    for (let o = load<i32>(at, job.outChannels); o < load<i32>(at, job.outRoom); o++) {
      let to = target + (o / outAtom) * outSurface + (o % outAtom) + y * load<u32>(at, job.outRow);
      for (let x = load<i32>(at, job.outWidth); x > 0; x--) {
        store<u8>(to, 0);
        to += load<u32>(at, job.outPixel);
      }
    }
  }
}

function copyRow(at: usize, y: i32, from: usize, to: usize, run: i32): void {
  const step = load<u32>(at, job.outPixel), inStep = load<u32>(at, job.inPixel);
  const width = load<i32>(at, job.outWidth);
  const left = load<i32>(at, job.copyLeft);
  const iy = y - load<i32>(at, job.copyTop);
  const inside = <u32>iy < load<u32>(at, job.inHeight);
  const start = inside ? min(left, width) : width;
  const end = inside ? max(start, min(width, left + load<i32>(at, job.inWidth))) : width;
  const fill = load<u8>(at, job.copyFill);
  to += y * load<u32>(at, job.outRow);
  from += iy * load<u32>(at, job.inRow) + (start - left) * inStep;
  for (let x = 0; x < start; x++) {
    memory.fill(to, fill, run);
    to += step;
  }
  if (run == 32) {
    for (let x = start; x < end; x++) {
      v128.store(to, v128.load(from));
      v128.store(to, v128.load(from, 16), 16);
      to += step;
      from += inStep;
    }
  } else if (run == 8) {
    for (let x = start; x < end; x++) {
      store<u64>(to, load<u64>(from));
      to += step;
      from += inStep;
    }
  } else {
    for (let x = start; x < end; x++) {
      store<u8>(to, load<u8>(from));
      to += step;
      from += inStep;
    }
  }
  for (let x = end; x < width; x++) {
    memory.fill(to, fill, run);
    to += step;
  }
}
