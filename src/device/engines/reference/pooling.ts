/**
 * Pooling of orin and xavier. Cells outside the image never win a maximum or minimum and add nothing to a sum; the
 * average of int8 is the exact sum, converted to float32 and multiplied by float32(1 / count), rounded half away from zero. That of
 * float16 is summed in float32, cell by cell in the order of rows, and rounded to binary16.
 */

import { fail } from '../../../base/errors.ts';
import { saturatedFloat16 } from '../../../base/float16.ts';
import { clamp, roundHalfAway } from '../../../base/rounding.ts';
import type { Pdp } from '../../../program/layer.ts';
import type { ElementType } from '../../../program/surface.ts';
import type { Cube } from '../../launch.ts';
import { type Activations, checkShape, expectShape } from './feature.ts';

/** @throws device/fault when a window lies wholly outside the image, or parameters are impossible */
export function checkPooling(pdp: Pdp<Cube>, input: Activations['shape'], dtype: ElementType): void {
  const { kernel, stride, padding, output } = pdp;
  if (output.dtype !== dtype) {
    fail(
      'device/fault',
      'the pooling output has another type than its input',
      {},
      { expected: dtype, actual: output.dtype },
    );
  }
  checkShape(output.shape, 'the pooling output');
  expectShape([input[0], input[1], output.shape[2], output.shape[3]], output.shape, 'the pooling output');
  for (const [size, out, taps, step, before, after] of [
    [input[2], output.shape[2], kernel.h, stride.h, padding.top, padding.bottom],
    [input[3], output.shape[3], kernel.w, stride.w, padding.left, padding.right],
  ] as const) {
    const numbers = [taps, step, before, after];
    const legal = numbers.every((v) => Number.isInteger(v) && v >= 0 && v < 65536) && taps > 0 && step > 0;
    if (!legal || before >= taps || (out - 1) * step - before >= size) {
      fail(
        'device/fault',
        'a pooling window lies outside the image',
        {},
        { actual: `kernel ${taps}, stride ${step}, padding ${before}, ${size} → ${out}` },
      );
    }
  }
}

/** @throws device/fault */
export function pool(pdp: Pdp<Cube>, input: Activations): Activations {
  const real = input.data instanceof Float32Array;
  checkPooling(pdp, input.shape, real ? 'float16' : 'int8');
  const [, , height, width] = input.shape;
  const [batch, channels, outHeight, outWidth] = pdp.output.shape;
  const { kernel, stride, padding } = pdp;
  const length = batch * channels * outHeight * outWidth;
  const data = real ? new Float32Array(length) : new Int32Array(length);
  let to = 0;
  for (let plane = 0; plane < batch * channels; plane++) {
    for (let y = 0; y < outHeight; y++) {
      const top = y * stride.h - padding.top;
      for (let x = 0; x < outWidth; x++) {
        const left = x * stride.w - padding.left;
        let sum = 0;
        let cells = 0;
        let most = Number.NEGATIVE_INFINITY;
        let least = Number.POSITIVE_INFINITY;
        for (let iy = Math.max(top, 0); iy < Math.min(top + kernel.h, height); iy++) {
          for (let ix = Math.max(left, 0); ix < Math.min(left + kernel.w, width); ix++) {
            const value = input.data[(plane * height + iy) * width + ix]!;
            sum = real ? Math.fround(sum + value) : sum + value;
            cells++;
            most = Math.max(most, value);
            least = Math.min(least, value);
          }
        }
        if (pdp.mode === 'average') {
          const count = pdp.countPadding ? kernel.h * kernel.w : cells;
          const mean = Math.fround(Math.fround(sum) * Math.fround(1 / count));
          data[to++] = real ? saturatedFloat16(mean) : clamp(roundHalfAway(mean), -128, 127);
        } else {
          const extreme = pdp.mode === 'max' ? most : least;
          data[to++] = real ? saturatedFloat16(extreme) : extreme;
        }
      }
    }
  }
  return { shape: pdp.output.shape, data };
}
