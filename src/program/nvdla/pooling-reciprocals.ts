/** What PDP multiplies a sum by to divide it by a side of its window, of 1 to 8 cells. */

import type { ConvolutionPrecision } from './convolution-buffer.ts';

/** 1/1 … 1/8 as 16-bit fractions, and as floats of 6 exponent and 10 mantissa bits (docs/hardware/nvdla.md#pdp). */
const fractions = [0x10000, 0x8000, 0x5555, 0x4000, 0x3333, 0x2aaa, 0x2492, 0x2000];
const floats = [0x7c00, 0x7800, 0x7555, 0x7400, 0x7266, 0x7155, 0x7092, 0x7000];

/** By the length of the side, less one. */
export const poolingReciprocals = (precision: ConvolutionPrecision): readonly number[] =>
  precision === 'float16' ? floats : fractions;
