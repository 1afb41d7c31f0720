/**
 * The image of an output that NVDLA's `nvdla_runtime` writes: a header, then the elements in the order of channels, rows and
 * columns, without what lies between them in memory (docs/hardware/nvdla.md#image-files). Files of one network
 * are meant to be compared by their hash, and a pass before writing makes that "stable". In float16 that
 * pass turns every 32768 into 0 and every NaN into 31744: a slip of NVDLA's, repeated here because its goldens show it.
 */

import { fail } from '../../base/errors.ts';
import type { TensorDesc } from '../../loadable/nvdla/format/stock-loadable.ts';
import { stridesOf, tensorLayout } from './bound-surface.ts';

const headerBytes = 36;

/** `NvDlaImage::PixelFormat`. */
const surfaceFormats: Readonly<Record<string, number>> = {
  'int8 chw32': 40,
  'int8 chw8': 41,
  'int16 chw16': 42,
  'float16 chw16': 43,
};

/** @param bytes of the output's buffer @throws device/unsupported for a tensor that is no features; run/input */
export function dimg(bytes: Uint8Array, tensor: TensorDesc, atomBytes: number): Uint8Array {
  const layout = tensorLayout(tensor, atomBytes);
  const { dtype, elementBytes, format, atom } = layout;
  const surfaceFormat = surfaceFormats[`${dtype} ${format}`];
  const place = { value: tensor.name };
  if (surfaceFormat === undefined) {
    return fail('device/unsupported', 'there is no image format for the tensor', place, {
      actual: `${dtype} ${format}`,
    });
  }
  const { dims, size, offset } = tensor;
  const strides = stridesOf(tensor);
  // A descriptor may say larger atoms than memory has: then a line is longer than the line stride.
  const row = dims.w * atom * elementBytes;
  const end = offset + (layout.runs - 1) * strides.surface + (dims.h - 1) * strides.line + row;
  if (end > bytes.length) {
    fail('run/input', 'the tensor is larger than its buffer', place, { expected: bytes.length, actual: end });
  }
  const out = new Uint8Array(headerBytes + dims.c * dims.h * dims.w * elementBytes);
  out.set(new TextEncoder().encode('DIMG'));
  const view = new DataView(out.buffer);
  const header = [0, surfaceFormat, dims.w, dims.h, dims.c, strides.line, strides.surface, size];
  for (const [index, word] of header.entries()) view.setUint32(4 + 4 * index, word, true);
  let to = headerBytes;
  for (let c = 0; c < dims.c; c++) {
    for (let y = 0; y < dims.h; y++) {
      const row = offset + Math.floor(c / atom) * strides.surface + y * strides.line + (c % atom) * elementBytes;
      for (let x = 0; x < dims.w; x++, to += elementBytes) {
        const from = row + x * atom * elementBytes;
        out.set(bytes.subarray(from, from + elementBytes), to);
      }
    }
  }
  if (dtype === 'float16') makeStable(view);
  return out;
}

const bits32768 = 0x7800;
const bits31744 = 0x77c0;

function makeStable(view: DataView): void {
  for (let at = headerBytes; at < view.byteLength; at += 2) {
    const bits = view.getUint16(at, true);
    if (bits === bits32768) view.setUint16(at, 0, true);
    else if ((bits & 0x7fff) > 0x7c00) view.setUint16(at, bits31744, true);
  }
}
