/** Local response normalization of orin and xavier, as written in program/layers/lrn.ts. */

import { exp, log } from '../../../../base/elementary.ts';
import { fail } from '../../../../base/errors.ts';
import { saturatedFloat16 } from '../../../../base/float16.ts';
import type { Lrn } from '../../../../program/layer.ts';
import type { Cube } from '../../../launch.ts';
import { type Activations, expectHalves } from '../feature.ts';

/** @throws device/fault */
export function checkLrn({ input, size, alpha, beta, bias, output }: Lrn<Cube>): void {
  expectHalves(input, output, 'LRN');
  const legal =
    Number.isInteger(size) && size % 2 === 1 && [alpha, beta, bias].every((value) => Math.fround(value) === value);
  if (legal && size > 0 && alpha >= 0 && beta > 0 && bias > 0) return;
  fail('device/fault', 'LRN has impossible parameters', {}, { actual: [size, alpha, beta, bias].join(' ') });
}

/** @throws device/fault */
export function localResponse(stage: Lrn<Cube>, { shape, data: from }: Activations): Activations {
  checkLrn(stage);
  const { size, alpha, beta, bias } = stage;
  const [batch, channels, height, width] = shape;
  const plane = height * width;
  const share = Math.fround(alpha / size);
  const reach = (size - 1) / 2;
  const data = new Float32Array(from.length);
  for (let n = 0; n < batch; n++) {
    for (let pixel = 0; pixel < plane; pixel++) {
      const at = (c: number) => (n * channels + c) * plane + pixel;
      for (let c = 0; c < channels; c++) {
        let sum = 0;
        for (let i = Math.max(0, c - reach); i <= Math.min(channels - 1, c + reach); i++) {
          // The square of a binary16 number is one of float32.
          sum = Math.fround(sum + from[at(i)]! * from[at(i)]!);
        }
        const base = Math.fround(bias + Math.fround(share * sum));
        data[at(c)] = saturatedFloat16(Math.fround(from[at(c)]! * powerBelow(base, beta)));
      }
    }
  }
  return { shape, data };
}

/** base^−beta for base > 0 and beta > 0, infinities and NaN as well. */
const powerBelow = (base: number, beta: number): number =>
  base < Number.POSITIVE_INFINITY ? Math.fround(exp(-beta * log(base))) : 1 / base;
