/** Tables of float16, looked up as the device does, against the functions that they stand for. */

import { describe, expect, it } from 'vitest';
import { sigmoid, tanh } from '../../../base/elementary.ts';
import { float16Bits } from '../../../base/float16.ts';
import { fp17ToSingle, halfToSingle, singleToNumber } from '../../../device/engines/reference/nvdla/float16/float.ts';
import { lookUpFloat } from '../../../device/engines/reference/nvdla/float16/lookup.ts';
import type { ConstantData } from '../../emit.ts';
import { formLookup } from '../testing/form-lookup.ts';
import { floatTable } from './table.ts';

function table(evaluate: (x: number) => number): (x: number) => number {
  const data: ConstantData[] = [];
  const surfaces = { vector: (_: string, __: string, values: ConstantData) => data.push(values) - 1 };
  const lookup = floatTable(evaluate, { name: 'node', surfaces });
  const formed = formLookup(lookup, (surface) => {
    const { buffer } = data[surface] as Uint16Array;
    return new Int16Array(buffer);
  });
  return (x) => singleToNumber(fp17ToSingle(lookUpFloat(formed, halfToSingle(float16Bits(x)), 'sdp')));
}

const hardSwish = (x: number) => (x * Math.min(Math.max(x + 3, 0), 6)) / 6;

describe('a table of float16', () => {
  it.each([
    ['sigmoid', sigmoid, 1e-3],
    ['tanh', tanh, 1e-3],
    ['x · sigmoid', (x: number) => x * sigmoid(x), 2e-3],
    ['x · clip(x / 6 + 1/2)', hardSwish, 2e-3],
    ['|x|', Math.abs, 1e-3],
    ['a third of it', (x: number) => tanh(x) / 3, 1e-3],
  ])('has %s as far as numbers go', (_, evaluate, share) => {
    const found = table(evaluate);
    for (let x = -100; x <= 100; x += 0.061) {
      const exact = singleToNumber(halfToSingle(float16Bits(x)));
      const wanted = evaluate(exact);
      expect(Math.abs(found(x) - wanted), `at ${x}`).toBeLessThan(share * Math.max(Math.abs(wanted), 0.5));
    }
  });
});
