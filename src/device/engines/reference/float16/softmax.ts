/** Softmax of orin, as written in program/layers/softmax.ts. */

import { exp } from '../../../../base/elementary.ts';
import { fail } from '../../../../base/errors.ts';
import { saturatedFloat16 } from '../../../../base/float16.ts';
import type { Softmax } from '../../../../program/layer.ts';
import type { Cube } from '../../../launch.ts';
import { type Activations, expectHalves } from '../feature.ts';

/** The position of each axis in a shape. */
const positionOf = { c: 1, h: 2, w: 3 } as const;

/** @throws device/fault */
export function checkSoftmax({ input, axis, output }: Softmax<Cube>): void {
  if (!(axis in positionOf)) fail('device/fault', 'softmax goes along no such axis', {}, { actual: axis });
  expectHalves(input, output, 'softmax');
}

/** @throws device/fault */
export function softmax(stage: Softmax<Cube>, { shape, data: from }: Activations): Activations {
  checkSoftmax(stage);
  const axis = positionOf[stage.axis];
  const count = shape[axis];
  const step = shape.slice(axis + 1).reduce((product, dim) => product * dim, 1);
  const data = new Float32Array(from.length);
  for (let block = 0; block < from.length; block += count * step) {
    for (let start = block; start < block + step; start++) {
      let most = Number.NEGATIVE_INFINITY;
      for (let i = 0; i < count; i++) most = Math.max(most, from[start + i * step]!);
      let sum = 0;
      for (let i = 0; i < count; i++) {
        const power = Math.fround(exp(Math.fround(from[start + i * step]! - most)));
        data[start + i * step] = power;
        sum = Math.fround(sum + power);
      }
      for (let i = 0; i < count; i++) {
        data[start + i * step] = saturatedFloat16(Math.fround(data[start + i * step]! / sum));
      }
    }
  }
  return { shape, data };
}
