/**
 * CDP of nv_full on float16: squares are singles, added from the middle outwards in pairs; the table's value and the
 * product are FP17. The converters are not used (nvdla/hw cmod/hls_wrapper/cdp_hls_wrapper.cpp).
 */

import { fail } from '../../../../../base/errors.ts';
import type { Cdp } from '../../../../../program/layer.ts';
import type { Cube } from '../../../../launch.ts';
import type { DeviceState } from '../../../../state.ts';
import type { Counted, StageValues } from '../../stages.ts';
import { cdpLookups, countNaN, countSpecials } from '../hardware-counts.ts';
import { addSingle, fp17ToHalf, halfToFp17, halfToSingle, isHalfNaN, multiplyFp17, multiplySingle } from './float.ts';
import { lookUpFloat } from './lookup.ts';

/** @throws device/fault */
export function normalizeFloats(cdp: Cdp<Cube>, input: StageValues, state: DeviceState): Counted<StageValues> {
  const table = state.nvdla?.cdpTable;
  if (!table) return fail('device/fault', 'the lookup table of CDP was never loaded');
  const [, channels, height, width] = input.shape;
  const plane = height * width;
  const reach = (cdp.localSize - 1) / 2;
  const singles = input.data.map(halfToSingle);
  const squares = singles.map((value) => multiplySingle(value, value));
  const square = (c: number, p: number): number => (c >= 0 && c < channels ? squares[c * plane + p]! : 0);
  const squareSum = (c: number, p: number): number => {
    let sum = addSingle(addSingle(square(c - 1, p), square(c + 1, p)), square(c, p));
    for (let n = 2; n <= reach; n++) sum = addSingle(sum, addSingle(square(c - n, p), square(c + n, p)));
    return sum;
  };
  const counts = state.nvdla?.counts?.cdp;
  const note = counts && cdpLookups(counts.lookup);
  const data = new Int32Array(input.data.length);
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < plane; p++) {
      const at = c * plane + p;
      const own = input.data[at]!;
      const found = lookUpFloat(table, cdp.bypassSquareSum ? singles[at]! : squareSum(c, p), 'cdp', note);
      const result = cdp.bypassMultiply
        ? isHalfNaN(own)
          ? halfToFp17(own)
          : found
        : multiplyFp17(halfToFp17(own), found);
      data[at] = fp17ToHalf(result);
    }
  }
  if (counts) {
    countSpecials(counts.input, input.data);
    counts.nanOutput = countNaN(data);
  }
  return { values: { shape: input.shape, data }, saturated: 0 };
}
