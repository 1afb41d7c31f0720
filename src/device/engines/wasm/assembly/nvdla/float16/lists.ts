// The input of a float16 convolution, taken apart once: for each pixel and block of channels the list of the elements
// that are not zero, which are all that take part. A unit is one row of pixels; the last unit is what stands in the
// padding.

import * as base from '../../../job';
import * as job from '../../../nvdla/float16/job';

/** Counts elements that are NaN or infinite. */
export function listUnit(at: usize, scratch: usize, unit: i32): void {
  const height = load<i32>(at, base.inHeight), width = load<i32>(at, base.inWidth);
  const bytes = load<u32>(at, job.listBytes), blocks = load<i32>(at, job.blockCount);
  const blockBytes = bytes * load<u32>(at, job.listCount);
  const channels = load<i32>(at, base.inChannels);
  const order = load<u32>(at, job.imageOrder), step = load<u32>(at, job.imagePixel) << 1;
  const isPad = unit == height;
  const line = isPad ? load<u32>(at, job.padSource) : load<u32>(at, base.inAddress) + <usize>unit * load<u32>(at, base.inRow);
  const surface = isPad ? 0 : load<u32>(at, base.inSurface);
  const count = isPad ? 1 : width;
  for (let block = 0; block < blocks; block++) {
    let list = load<u32>(at, job.lists) + <usize>block * blockBytes + <usize>(unit * width) * bytes;
    let from = line + <usize>(block << 2) * surface;
    const some = min(64, channels - (block << 6));
    for (let x = 0; x < count; x++) {
      const specials = step ? imageList(list, from, some, order) : featureList(list, from, surface, some);
      if (specials && !isPad) store<i32>(scratch, load<i32>(scratch) + specials);
      list += bytes;
      from += step ? step : 32;
    }
  }
}

function featureList(list: usize, from: usize, surface: usize, channels: i32): i32 {
  let to = list + job.listHeader;
  store<u32>(list, 0, job.listNaN);
  let specials = 0;
  for (let atom = 0; atom < 4; atom++) {
    store<u8>(list + atom, <u8>((to - list - job.listHeader) >> 4), job.listStarts);
    const some = min(16, channels - (atom << 4));
    for (let c = 0; c < some; c++) {
      const half = <u32>load<u16>(from + (<usize>c << 1));
      specials += i32((half & 0x7c00) == 0x7c00);
      to = append(list, to, half, (atom << 4) + c);
    }
    from += surface;
  }
  store<u8>(list, <u8>((to - list - job.listHeader) >> 4), job.listStarts + 4);
  return specials;
}

// Components of a pixel in the order of the kernels.
function imageList(list: usize, from: usize, components: i32, order: u32): i32 {
  let to = list + job.listHeader;
  store<u32>(list, 0, job.listNaN);
  let specials = 0;
  for (let c = 0; c < components; c++) {
    const half = <u32>load<u16>(from + (<usize>((order >> (c << 3)) & 255) << 1));
    specials += i32((half & 0x7c00) == 0x7c00);
    to = append(list, to, half, c);
  }
  const count = <u32>((to - list - job.listHeader) >> 4);
  store<u8>(list, 0, job.listStarts);
  store<u32>(list, count * 0x01010101, job.listStarts + 1);
  return specials;
}

/** Writes an element's record; the next one goes over it if it is a zero. */
@inline
function append(list: usize, to: usize, half: u32, row: i32): usize {
  const bits = half & 0x7fff, exponent = bits >> 10, negative = half >> 15;
  const mantissa = exponent ? ((bits & 0x3ff) | 0x400) << (exponent & 3) : (bits & 0x3ff) << 1;
  const magnitude = <f64>reinterpret<f32>(bits << 13) * 5192296858534827628530496329220096.0;
  store<f64>(to, negative ? -magnitude : magnitude, job.recordValue);
  store<u32>(to, (7 - (exponent >> 2)) * 0x01010101, job.recordExponent);
  store<u16>(to, <u16>((negative << 14) | ((mantissa & 255) << 6) | (mantissa >> 8)), job.recordParts);
  store<u16>(to, <u16>(row << 8), job.recordWeights);
  if (bits > 0x7c00 && load<u32>(list, job.listNaN) == 0) {
    store<u32>(list, (negative << 31) | 0x7f800000 | ((bits & 0x3ff) << 13), job.listNaN);
  }
  return bits ? to + job.recordBytes : to;
}
