/**
 * PDP of the open NVDLA on integers. Maximum and minimum see only the image. An average adds, for every row of the
 * image, one pad value for its padded columns, and for the padded rows one pad value times the kernel's width; the
 * sum is then multiplied by two 16-bit reciprocals, rounding after each, and is not saturated (docs/hardware/nvdla.md#pdp).
 */

import { fail } from '../../../../../base/errors.ts';
import type { Pdp } from '../../../../../program/layer.ts';
import type { Cube } from '../../../../launch.ts';
import type { StageValues } from '../../stages.ts';
import { poolingWindows, type Span } from '../pooling-windows.ts';
import { roundShift } from './integer.ts';

/** @throws device/fault */
export function poolIntegers(pdp: Pdp<Cube>, input: StageValues): StageValues {
  const { kernel, output, mode, average } = pdp;
  const [, channels, height, width] = input.shape;
  if (mode === 'average' && !average) return fail('device/fault', 'an average without its reciprocals');
  const { rows, columns } = poolingWindows(pdp, input.shape);
  const data = new Int32Array(channels * rows.length * columns.length);
  let to = 0;
  for (let c = 0; c < channels; c++) {
    const plane = c * height * width;
    for (const row of rows) {
      for (const column of columns) {
        let result = mode === 'max' ? Number.NEGATIVE_INFINITY : mode === 'min' ? Number.POSITIVE_INFINITY : 0;
        for (let y = row.from; y < row.to; y++) {
          for (let x = column.from; x < column.to; x++) {
            const value = input.data[plane + y * width + x]!;
            if (mode === 'max') result = Math.max(result, value);
            else if (mode === 'min') result = Math.min(result, value);
            else result += value;
          }
        }
        if (average) result = divide(result, average, row, column, kernel.w);
        else if (!Number.isFinite(result)) return fail('device/fault', 'a pooling window lies outside the image');
        data[to++] = result;
      }
    }
  }
  return { shape: output.shape, data };
}

function divide(
  sum: number,
  { padValues, recipWidth, recipHeight }: NonNullable<Pdp<Cube>['average']>,
  row: Span,
  column: Span,
  kernelWidth: number,
): number {
  const pad = (count: number): number => (count === 0 ? 0 : (padValues[count - 1] ?? 0));
  const padded = sum + pad(column.padded) * Math.max(0, row.to - row.from) + pad(row.padded) * kernelWidth;
  return roundShift(roundShift(padded * recipWidth, 16) * recipHeight, 16);
}
