// Softmax and LRN of halves, over whole atoms. A pencil is what lies along one axis; a unit is some of them. Each is read as singles into
// the thread's scratch before anything of it is written, so that a surface may be its own result.

import * as base from '../../job';
import * as job from '../../float16/job';
import { exp, log } from './elementary';
import { halvesOf, singlesOf } from './halves';

@inline
function singleOf(half: u32): f32 {
  return f32x4.extract_lane(singlesOf(i32x4.splat(half)), 0);
}

@inline
function halfOf(single: f32): u32 {
  return i32x4.extract_lane(halvesOf(f32x4.splat(single)), 0);
}

/** How far element i of a pencil lies from its first one. */
@inline
function along(axis: i32, i: i32, row: usize, surface: usize): usize {
  if (axis == job.axisChannels) return <usize>(i >> 4) * surface + (<usize>(i & 15) << 1);
  return axis == job.axisRows ? <usize>i * row : <usize>i << 5;
}

export function halfPencilsUnit(at: usize, scratch: usize, unit: i32, isSoftmax: bool): void {
  const axis = load<i32>(at, job.pencilAxis);
  const channels = load<i32>(at, base.outChannels), height = load<i32>(at, base.outHeight), width = load<i32>(at, base.outWidth);
  const room = (channels + 15) & ~15;
  const count = axis == job.axisChannels ? channels : axis == job.axisRows ? height : width;
  // Pencils begin where the axis does: the two other axes, the one with the nearest neighbours first.
  const inner = axis == job.axisChannels ? width : room;
  const outer = axis == job.axisRows ? width : height;
  const inRow = load<u32>(at, base.inRow), inSurface = load<u32>(at, base.inSurface);
  const outRow = load<u32>(at, base.outRow), outSurface = load<u32>(at, base.outSurface);
  const values = scratch + base.scratchPanel;
  const first = unit * load<i32>(at, job.unitPencils);
  const end = min(first + load<i32>(at, job.unitPencils), load<i32>(at, base.batch) * inner * outer);
  for (let pencil = first; pencil < end; pencil++) {
    const a = pencil % inner, b = (pencil / inner) % outer, n = pencil / inner / outer;
    const c = axis == job.axisChannels ? 0 : a;
    const x = axis == job.axisChannels ? a : axis == job.axisRows ? b : 0;
    const y = axis == job.axisRows ? 0 : b;
    const pixel = (<usize>x << 5) + (<usize>(c & 15) << 1);
    const from = load<u32>(at, base.inAddress) + <usize>n * load<u32>(at, base.inBatch) + <usize>(c >> 4) * inSurface + <usize>y * inRow + pixel;
    const to = load<u32>(at, base.outAddress) + <usize>n * load<u32>(at, base.outBatch) + <usize>(c >> 4) * outSurface + <usize>y * outRow + pixel;
    // Behind the last channel stands zero.
    let done = 0;
    if (c < channels) {
      for (let i = 0; i < count; i++) {
        store<f32>(values + (<usize>i << 2), singleOf(load<u16>(from + along(axis, i, inRow, inSurface))));
      }
      if (isSoftmax) softmax(values, count);
      for (let i = 0; i < count; i++) {
        const value = isSoftmax ? load<f32>(values + (<usize>i << 2)) : localResponse(at, values, i, count);
        store<u16>(to + along(axis, i, outRow, outSurface), <u16>halfOf(value));
      }
      done = count;
    }
    const all = axis == job.axisChannels ? room : count;
    for (let i = done; i < all; i++) store<u16>(to + along(axis, i, outRow, outSurface), 0);
  }
}

function softmax(values: usize, count: i32): void {
  const end = values + (<usize>count << 2);
  let most: f32 = -Infinity, sum: f32 = 0;
  for (let p = values; p < end; p += 4) most = max(most, load<f32>(p));
  for (let p = values; p < end; p += 4) {
    const power = <f32>exp(<f64>(load<f32>(p) - most));
    store<f32>(p, power);
    sum += power;
  }
  for (let p = values; p < end; p += 4) store<f32>(p, load<f32>(p) / sum);
}

function localResponse(at: usize, values: usize, c: i32, channels: i32): f32 {
  const reach = load<i32>(at, job.lrnReach);
  let sum: f32 = 0;
  for (let i = max(0, c - reach), last = min(channels - 1, c + reach); i <= last; i++) {
    const value = load<f32>(values + (<usize>i << 2));
    sum += value * value;
  }
  const below: f32 = load<f32>(at, job.lrnBiasF) + load<f32>(at, job.lrnShareF) * sum;
  const power: f32 = below < Infinity ? <f32>exp(-<f64>load<f32>(at, job.lrnBetaF) * log(<f64>below)) : 1 / below;
  return load<f32>(values + (<usize>c << 2)) * power;
}
