/**
 * PDP of nv_full on float16. Maximum and minimum see only the image. An average adds the pixels of each row from left to
 * right and then the rows, in FP17, and multiplies by two reciprocals; padding adds nothing (docs/hardware/nvdla.md#pdp).
 */

import { fail } from '../../../../../base/errors.ts';
import type { Pdp } from '../../../../../program/layer.ts';
import type { Cube } from '../../../../launch.ts';
import type { DeviceState } from '../../../../state.ts';
import type { StageValues } from '../../stages.ts';
import { countNaN, countSpecials } from '../hardware-counts.ts';
import { poolingWindows } from '../pooling-windows.ts';
import { addFp17, fp17ToHalf, halfToFp17, largerHalf, multiplyFp17, smallerHalf } from './float.ts';

/** @throws device/fault, device/unsupported */
export function poolFloats(pdp: Pdp<Cube>, input: StageValues, state: DeviceState): StageValues {
  const { mode, average, output } = pdp;
  const [, channels, height, width] = input.shape;
  const { rows, columns } = poolingWindows(pdp, input.shape);
  if (mode === 'average' && !average) return fail('device/fault', 'an average without its reciprocals');
  if (average?.padValues.some((value) => value !== 0)) {
    fail('device/unsupported', 'pad values of float16 other than zero are not modelled');
  }
  const combine = mode === 'average' ? addFp17 : mode === 'max' ? largerHalf : smallerHalf;
  const values = mode === 'average' ? input.data.map(halfToFp17) : input.data;
  const data = new Int32Array(channels * rows.length * columns.length);
  let to = 0;
  for (let c = 0; c < channels; c++) {
    const plane = c * height * width;
    for (const row of rows) {
      for (const column of columns) {
        if (row.from >= row.to || column.from >= column.to) {
          return fail('device/fault', 'a pooling window lies outside the image');
        }
        let result = 0;
        for (let y = row.from; y < row.to; y++) {
          const line = plane + y * width;
          let partial = values[line + column.from]!;
          for (let x = column.from + 1; x < column.to; x++) partial = combine(partial, values[line + x]!);
          result = y === row.from ? partial : combine(result, partial);
        }
        data[to++] = average
          ? fp17ToHalf(multiplyFp17(multiplyFp17(result, average.recipWidth), average.recipHeight))
          : result;
      }
    }
  }
  const counts = state.nvdla?.counts?.pdp;
  if (counts) {
    countSpecials(counts.input, input.data);
    counts.nanOutput = countNaN(data);
  }
  return { shape: output.shape, data };
}
