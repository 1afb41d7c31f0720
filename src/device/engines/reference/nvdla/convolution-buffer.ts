/**
 * What a convolution takes from memory or finds in the convolution buffer, and what it leaves there: data, converted on
 * its way in, and the packed weights.
 */

import { fail } from '../../../../base/errors.ts';
import type { Conv, ConvCore, ImageInput } from '../../../../program/layer.ts';
import type { Bus } from '../../../bus.ts';
import type { Cube } from '../../../launch.ts';
import type { DeviceState } from '../../../state.ts';
import type { StageValues } from '../stages.ts';
import { readValues } from './feature.ts';
import { roundShift, saturate } from './int8/integer.ts';

/** @throws device/fault, device/unsupported */
export function takeData(conv: Conv<Cube>, core: ConvCore, bus: Bus, state: DeviceState): StageValues {
  const buffer = state.nvdla;
  const data = core.reuse.data
    ? keptData(conv, state)
    : convertInput(core, readValues(conv.input, bus, 'the convolution input'));
  if (buffer) {
    if (core.keep.data) buffer.keptData = data;
    else delete buffer.keptData;
  }
  return data;
}

function keptData(conv: Conv<Cube>, state: DeviceState): StageValues {
  const kept = state.nvdla?.keptData;
  if (!kept) return fail('device/fault', 'the convolution reuses data that no layer left in the convolution buffer');
  if (kept.shape.join() !== conv.input.shape.join()) {
    return fail(
      'device/fault',
      'the convolution reuses data of another shape',
      {},
      { expected: conv.input.shape.join('x'), actual: kept.shape.join('x') },
    );
  }
  return kept;
}

/** sat(sat17((x − offset) × scale >> shift)); float16 passes as it is. Pixels are put in the order of kernels first. */
function convertInput({ convert, precision, image }: ConvCore, values: StageValues): StageValues {
  if (!convert && !image) return values;
  const pixels = image ? orderPixels(image, values) : values;
  if (!convert || precision === 'float16') return pixels;
  const bits = precision === 'int8' ? 8 : 16;
  const [, channels, height, width] = values.shape;
  const plane = height * width;
  const data = new Int32Array(pixels.data.length);
  for (let c = 0; c < channels; c++) {
    const offset = image?.mean?.[c] ?? convert.offset;
    for (let at = c * plane; at < (c + 1) * plane; at++) {
      const scaled = roundShift((pixels.data[at]! - offset) * convert.scale, convert.shift);
      data[at] = saturate(saturate(scaled, 17), bits);
    }
  }
  return { shape: values.shape, data };
}

function orderPixels({ order, unsigned }: ImageInput, { shape, data }: StageValues): StageValues {
  const [, channels, height, width] = shape;
  const plane = height * width;
  const ordered = new Int32Array(data.length);
  const mask = unsigned === undefined ? -1 : 2 ** unsigned - 1;
  for (let c = 0; c < channels; c++) {
    const from = order[c]! * plane;
    for (let p = 0; p < plane; p++) ordered[c * plane + p] = data[from + p]! & mask;
  }
  return { shape, data: ordered };
}

/** @throws device/fault */
export function takeWeights(conv: Conv<Cube>, { reuse, keep }: ConvCore, bus: Bus, state: DeviceState): Uint8Array {
  const buffer = state.nvdla;
  const weights = reuse.weights
    ? (buffer?.keptWeights ??
      fail('device/fault', 'the convolution reuses weights that no layer left in the convolution buffer'))
    : bus.read(conv.weights.address, conv.weights.size);
  if (buffer) {
    if (keep.weights) buffer.keptWeights = weights;
    else delete buffer.keptWeights;
  }
  return weights;
}
