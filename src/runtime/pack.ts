/**
 * The border between tensors and surfaces: real numbers to int8 and back, dense NCHW to the hardware's layouts and back.
 *
 *     q = clamp(round(float32(x / scale)), −128, 127)      x = float32(q · scale)
 *
 * with scale a float32 number and the rounding of the target: ONNX's QuantizeLinear and DequantizeLinear with zero point 0 where it is
 * half to even. Packing zeroes what fills up the last atom and the ends of rows.
 */

import { elementSize } from '../base/data-type.ts';
import { type Rounding, rounders } from '../base/rounding.ts';
import { elementsPerAtom } from '../program/geometry.ts';
import type { Surface } from '../program/surface.ts';

/** Real numbers to int8. Infinities saturate. @returns the index of the first NaN instead, when there is one */
export function quantize(values: Float32Array, scale: number, rounding: Rounding): Int8Array | number {
  const out = new Int8Array(values.length);
  const divisor = Math.fround(scale);
  const round = rounders[rounding];
  for (let i = 0; i < values.length; i++) {
    const t = Math.fround(values[i]! / divisor);
    if (t > 127) out[i] = 127;
    else if (t >= -128) out[i] = round(t);
    else if (t < -128) out[i] = -128;
    else return i;
  }
  return out;
}

/** int8 to real numbers. */
export function dequantize(values: Int8Array, scale: number): Float32Array {
  const out = new Float32Array(values.length);
  const factor = Math.fround(scale);
  for (let i = 0; i < values.length; i++) out[i] = values[i]! * factor;
  return out;
}

/** Elements of a feature surface: int8, or the bits of float16. */
export type SurfaceValues = Int8Array | Uint16Array;

/** How a feature surface lies in memory: `runs` blocks of `atom` channels. */
interface Packing {
  readonly atom: number;
  readonly runs: number;
}

function packingOf({ format, shape }: Surface): Packing {
  if (format === 'dla_hwc4') return { atom: shape[1] === 1 ? 1 : 4, runs: 1 };
  const atom = elementsPerAtom(format);
  return { atom, runs: Math.ceil(shape[1] / atom) };
}

function checkFeature({ name, dtype, format }: Surface): void {
  if ((dtype !== 'int8' && dtype !== 'float16') || format === 'kcrs' || format === 'vector') {
    throw new TypeError(`${name} is no feature surface of int8 or float16: ${dtype} ${format}`);
  }
}

/** The surface's strides in elements, and its memory as a typed array of them. */
function elementsOf({ dtype, lineStride, surfaceStride, batchStride, size }: Surface, memory: Uint8Array) {
  const bytes = elementSize[dtype];
  const view: SurfaceValues =
    dtype === 'int8'
      ? new Int8Array(memory.buffer, memory.byteOffset, memory.byteLength)
      : new Uint16Array(memory.buffer, memory.byteOffset, memory.byteLength / bytes);
  return {
    view,
    lineStride: lineStride / bytes,
    surfaceStride: surfaceStride / bytes,
    batchStride: batchStride / bytes,
    size: size / bytes,
  };
}

/** Lays dense NCHW values into memory. @param memory the surface's `size` bytes; gaps are overwritten with zeros */
export function packSurface(values: SurfaceValues, surface: Surface, memory: Uint8Array): void {
  checkFeature(surface);
  const [batch, channels, height, width] = surface.shape;
  const { atom, runs } = packingOf(surface);
  const { view: to, lineStride, surfaceStride, batchStride, size } = elementsOf(surface, memory);
  const plane = height * width;
  const gapless = channels === atom * runs && lineStride === width * atom && surfaceStride === lineStride * height;
  if (!gapless || batchStride !== surfaceStride * runs) to.fill(0, 0, size);
  for (let n = 0; n < batch; n++) {
    for (let run = 0; run < runs; run++) {
      const block = n * batchStride + run * surfaceStride;
      const used = Math.min(atom, channels - run * atom);
      for (let c = 0; c < used; c++) {
        const source = (n * channels + run * atom + c) * plane;
        for (let y = 0; y < height; y++) {
          const from = source + y * width;
          const start = block + y * lineStride + c;
          if (atom === 1) to.set(values.subarray(from, from + width), start);
          else for (let x = 0, at = start; x < width; x++, at += atom) to[at] = values[from + x]!;
        }
      }
    }
  }
}

/** Takes dense NCHW values out of memory. */
export function unpackSurface(surface: Surface, memory: Uint8Array): SurfaceValues {
  checkFeature(surface);
  const [batch, channels, height, width] = surface.shape;
  const { atom } = packingOf(surface);
  const { view: from, lineStride, surfaceStride, batchStride } = elementsOf(surface, memory);
  const count = batch * channels * height * width;
  const out = surface.dtype === 'int8' ? new Int8Array(count) : new Uint16Array(count);
  let to = 0;
  for (let n = 0; n < batch; n++) {
    for (let c = 0; c < channels; c++) {
      const plane = n * batchStride + Math.floor(c / atom) * surfaceStride + (c % atom);
      for (let y = 0; y < height; y++) {
        const start = plane + y * lineStride;
        if (atom === 1) {
          out.set(from.subarray(start, start + width), to);
          to += width;
        } else for (let x = 0, at = start; x < width; x++, at += atom) out[to++] = from[at]!;
      }
    }
  }
  return out;
}
