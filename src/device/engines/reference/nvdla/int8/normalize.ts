/**
 * CDP of the open NVDLA on integers: local response normalization across channels. Channels outside the cube stand in
 * the sum as the value that the input converter makes zero. Widths: docs/hardware/nvdla.md#cdp.
 */

import { fail } from '../../../../../base/errors.ts';
import type { Cdp } from '../../../../../program/layer.ts';
import type { Cube } from '../../../../launch.ts';
import type { DeviceState } from '../../../../state.ts';
import type { Counted, StageValues } from '../../stages.ts';
import { cdpLookups, reportsSaturation } from '../hardware-counts.ts';
import { cdpWidths, lookUp } from '../lookup-table.ts';
import { multiplyShift, roundShift, saturate } from './integer.ts';

/** @throws device/fault */
export function normalizeIntegers(cdp: Cdp<Cube>, input: StageValues, state: DeviceState): Counted<StageValues> {
  const table = state.nvdla?.cdpTable;
  if (!table) return fail('device/fault', 'the lookup table of CDP was never loaded');
  const bits = cdp.output.dtype === 'int16' ? 16 : 8;
  const { inputConvert: inward, outputConvert: outward } = cdp;
  const converted = Float64Array.from(input.data, (value) =>
    saturate(roundShift((value - inward.offset) * inward.scale, inward.shift), bits + 1),
  );
  const [, channels, height, width] = input.shape;
  const plane = height * width;
  const reach = (cdp.localSize - 1) / 2;
  const data = new Int32Array(converted.length);
  const counts = state.nvdla?.counts;
  const note = counts && cdpLookups(counts.cdp.lookup);
  let saturated = 0;
  for (let c = 0; c < channels; c++) {
    for (let p = 0; p < plane; p++) {
      const own = converted[c * plane + p]!;
      let index = own;
      if (!cdp.bypassSquareSum) {
        index = 0;
        for (let n = Math.max(0, c - reach); n <= Math.min(channels - 1, c + reach); n++) {
          const value = converted[n * plane + p]!;
          index += value * value;
        }
      }
      const found = lookUp(table, index, cdpWidths, note);
      const product = cdp.bypassMultiply ? found : found * own;
      const exact = multiplyShift(product - outward.offset, outward.scale, outward.shift);
      const clamped = saturate(exact, bits);
      if (clamped !== exact) saturated++;
      const scaled = (product - outward.offset) * outward.scale;
      if (counts && reportsSaturation(counts.generation, scaled, outward.shift, exact, clamped)) counts.cdp.saturated++;
      data[c * plane + p] = clamped;
    }
  }
  return { values: { shape: input.shape, data }, saturated };
}
