/**
 * The sums of a convolution on float16. A step finds the largest exponent of its products, shifts every product to it in
 * multiples of four bits, and adds what is left exactly; the accumulator takes the steps one after the other. Products
 * with a zero on either side take no part. An infinity counts as the number that its exponent would be; the first NaN of
 * a step, weights before data, is the sum from there on (docs/hardware/nvdla.md#float16-convolution).
 */

import type { Sums } from '../convolution.ts';
import { FloatAccumulator } from './accumulate.ts';
import { halfToSingle, isHalfNaN } from './float.ts';
import { shiftedProduct } from './multiply.ts';

/** Halves taken apart. The two low bits of the exponent have gone into the mantissa. */
interface Parts {
  readonly mantissas: Int16Array;
  /** A quarter of the exponent; −1 for zeros. */
  readonly exponents: Int8Array;
  readonly negative: Uint8Array;
  /** Whether any is NaN. */
  nan: boolean;
}

const partsFor = (count: number): Parts => ({
  mantissas: new Int16Array(count),
  exponents: new Int8Array(count),
  negative: new Uint8Array(count),
  nan: false,
});

function takeApart(halves: Int16Array | Int32Array, { mantissas, exponents, negative }: Parts): boolean {
  let nan = false;
  for (let i = 0; i < halves.length; i++) {
    const bits = halves[i]! & 0xffff;
    const exponent = (bits >> 10) & 31;
    const fraction = bits & 0x3ff;
    nan ||= isHalfNaN(bits);
    negative[i] = bits >> 15;
    exponents[i] = (bits & 0x7fff) === 0 ? -1 : exponent >> 2;
    mantissas[i] = exponent === 0 ? fraction << 1 : (0x400 | fraction) << (exponent & 3);
  }
  return nan;
}

export function floatSums(weights: Int16Array, ends: readonly number[]): Sums {
  const length = ends.at(-1) ?? 0;
  const w = partsFor(weights.length);
  w.nan = takeApart(weights, w);
  const d = partsFor(length);
  const accumulator = new FloatAccumulator();
  let window: Int32Array = new Int32Array(0);

  const largestExponent = (first: number, from: number, to: number): number => {
    let largest = -1;
    for (let i = from; i < to; i++) {
      const weight = w.exponents[first + i]!;
      const data = d.exponents[i]!;
      if (weight >= 0 && data >= 0 && weight + data > largest) largest = weight + data;
    }
    return largest;
  };

  const firstNaN = (first: number, from: number, to: number): number | undefined => {
    for (let i = from; i < to; i++) if (isHalfNaN(weights[first + i]!)) return weights[first + i]!;
    for (let i = from; i < to; i++) if (isHalfNaN(window[i]!)) return window[i]!;
    return undefined;
  };

  return {
    saturated: 0,
    load(next) {
      window = next;
      d.nan = takeApart(next, d);
    },
    of(kernel) {
      const first = kernel * length;
      accumulator.reset();
      let from = 0;
      for (const to of ends) {
        if (w.nan || d.nan) {
          const nan = firstNaN(first, from, to);
          if (nan !== undefined) return halfToSingle(nan);
        }
        const largest = largestExponent(first, from, to);
        let sum = 0;
        for (let i = from; i < to; i++) {
          const weight = w.exponents[first + i]!;
          const data = d.exponents[i]!;
          if (weight < 0 || data < 0) continue;
          const negative = w.negative[first + i] !== d.negative[i];
          const shift = 4 * (largest - weight - data);
          sum += shiftedProduct(d.mantissas[i]!, w.mantissas[first + i]!, negative, shift);
        }
        accumulator.add(sum, 4 * largest);
        from = to;
      }
      return accumulator.single;
    },
  };
}
