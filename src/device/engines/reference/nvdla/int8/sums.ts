/**
 * The sums of a convolution on int8 and int16: exact products, an accumulator of the configuration's width that saturates
 * after every step, then CACC's rounding shift to int32 (docs/hardware/nvdla.md#integer-convolution).
 */

import type { Sums } from '../convolution.ts';
import { roundShift, saturate } from './integer.ts';

export function integerSums(
  weights: Int16Array,
  ends: readonly number[],
  accumulatorBits: number,
  truncate: number,
): Sums {
  const length = ends.at(-1) ?? 0;
  const limit = 2 ** (accumulatorBits - 1);
  let data: Int32Array = new Int32Array(0);
  let saturated = 0;
  return {
    get saturated() {
      return saturated;
    },
    load(window) {
      data = window;
    },
    of(kernel) {
      const first = kernel * length;
      let sum = 0;
      let i = 0;
      for (const end of ends) {
        let step = 0;
        for (; i < end; i++) step += weights[first + i]! * data[i]!;
        sum += step;
        if (sum >= limit) sum = limit - 1;
        else if (sum < -limit) sum = -limit;
      }
      const rounded = roundShift(sum, truncate);
      const clamped = saturate(rounded, 32);
      if (clamped !== rounded) saturated++;
      return clamped;
    },
  };
}
