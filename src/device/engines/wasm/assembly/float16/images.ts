// Pooling and linear up-scaling of halves, over whole atoms. A unit is some rows of one run of 16 channels of one image.

import * as base from '../../job';
import { eightHalves, firstLanes, singlesOf } from './halves';

@inline
function atomsOf(at: usize): i32 {
  return (load<i32>(at, base.outChannels) + 15) >> 4;
}

export function halfPoolUnit(at: usize, unit: i32): void {
  const rowUnits = load<i32>(at, base.rowUnits), unitRows = load<i32>(at, base.unitRows);
  const atoms = atomsOf(at);
  const firstRow = (unit % rowUnits) * unitRows;
  const endRow = min(firstRow + unitRows, load<i32>(at, base.outHeight));
  const atom = (unit / rowUnits) % atoms;
  const n = unit / rowUnits / atoms;
  const inHeight = load<i32>(at, base.inHeight), inWidth = load<i32>(at, base.inWidth), outWidth = load<i32>(at, base.outWidth);
  const line = load<u32>(at, base.inRow);
  const source = load<u32>(at, base.inAddress) + n * load<u32>(at, base.inBatch) + atom * load<u32>(at, base.inSurface);
  const target = load<u32>(at, base.outAddress) + n * load<u32>(at, base.outBatch) + atom * load<u32>(at, base.outSurface);
  const channels = load<i32>(at, base.outChannels) - (atom << 4);
  const mode = load<i32>(at, base.poolMode), all = load<i32>(at, base.poolCount);

  for (let y = firstRow; y < endRow; y++) {
    const windowTop = y * load<i32>(at, base.strideH) - load<i32>(at, base.padTop);
    const top = max(0, windowTop), bottom = min(inHeight, windowTop + load<i32>(at, base.kernelH));
    let to = target + y * load<u32>(at, base.outRow);
    for (let x = 0; x < outWidth; x++) {
      const windowLeft = x * load<i32>(at, base.strideW) - load<i32>(at, base.padLeft);
      const left = max(0, windowLeft), right = min(inWidth, windowLeft + load<i32>(at, base.kernelW));
      const count = all ? all : (bottom - top) * (right - left);
      const cells = source + top * line + (<usize>left << 5);
      for (let half = 0; half < 2; half++) {
        const pooled = poolEight(cells + (half << 4), line, bottom - top, right - left, mode, <f32>1 / <f32>count);
        v128.store(to + (half << 4), v128.and(pooled, firstLanes(channels - (half << 3))));
      }
      to += 32;
    }
  }
}

/** 8 channels of a window, cell by cell and row by row. */
function poolEight(from: usize, line: usize, rows: i32, columns: i32, mode: i32, share: f32): v128 {
  const start: f32 = mode == base.poolAverage ? 0 : mode == base.poolMax ? -Infinity : Infinity;
  let low = f32x4.splat(start), high = low;
  for (let r = 0; r < rows; r++) {
    const end = from + (<usize>columns << 5);
    for (let p = from; p < end; p += 32) {
      const halves = v128.load(p);
      const a = singlesOf(i32x4.extend_low_i16x8_u(halves)), b = singlesOf(i32x4.extend_high_i16x8_u(halves));
      if (mode == base.poolAverage) {
        low = f32x4.add(low, a);
        high = f32x4.add(high, b);
      } else if (mode == base.poolMax) {
        low = f32x4.max(low, a);
        high = f32x4.max(high, b);
      } else {
        low = f32x4.min(low, a);
        high = f32x4.min(high, b);
      }
    }
    from += line;
  }
  if (mode == base.poolAverage) {
    low = f32x4.mul(low, f32x4.splat(share));
    high = f32x4.mul(high, f32x4.splat(share));
  }
  return eightHalves(low, high);
}

export function halfLinearUnit(at: usize, unit: i32): void {
  const rowUnits = load<i32>(at, base.rowUnits), unitRows = load<i32>(at, base.unitRows);
  const atoms = atomsOf(at);
  const firstRow = (unit % rowUnits) * unitRows;
  const endRow = min(firstRow + unitRows, load<i32>(at, base.outHeight));
  const atom = (unit / rowUnits) % atoms;
  const n = unit / rowUnits / atoms;
  const outWidth = load<i32>(at, base.outWidth);
  const line = load<u32>(at, base.inRow);
  const source = load<u32>(at, base.inAddress) + n * load<u32>(at, base.inBatch) + atom * load<u32>(at, base.inSurface);
  const target = load<u32>(at, base.outAddress) + n * load<u32>(at, base.outBatch) + atom * load<u32>(at, base.outSurface);
  const channels = load<i32>(at, base.outChannels) - (atom << 4);
  const factor = f32x4.splat(load<f32>(at, base.factorF));

  for (let y = firstRow; y < endRow; y++) {
    const row = load<u32>(at, base.rowTaps) + (<usize>y << 4);
    const above = source + load<u32>(row) * line, below = source + load<u32>(row, 4) * line;
    const top = f32x4.splat(<f32>load<i32>(row, 8)), bottom = f32x4.splat(<f32>load<i32>(row, 12));
    let column = load<u32>(at, base.columnTaps);
    let to = target + y * load<u32>(at, base.outRow);
    for (let x = 0; x < outWidth; x++) {
      const first = <usize>load<u32>(column) << 5, second = <usize>load<u32>(column, 4) << 5;
      const left = f32x4.splat(<f32>load<i32>(column, 8)), right = f32x4.splat(<f32>load<i32>(column, 12));
      for (let quad: usize = 0; quad < 32; quad += 8) {
        const low = between(quadAt(above + first + quad), quadAt(above + second + quad), left, right);
        const high = between(quadAt(below + first + quad), quadAt(below + second + quad), left, right);
        const mixed = f32x4.mul(between(low, high, top, bottom), factor);
        const halves = v128.and(eightHalves(mixed, mixed), firstLanes(channels - <i32>(quad >> 1)));
        v128.store64_lane(to + quad, halves, 0);
      }
      column += 16;
      to += 32;
    }
  }
}

@inline
function between(a: v128, b: v128, first: v128, second: v128): v128 {
  return f32x4.add(f32x4.mul(a, first), f32x4.mul(b, second));
}

@inline
function quadAt(at: usize): v128 {
  return singlesOf(v128.load_ext<u16>(at));
}
