/** PDP of the open NVDLA for kernels: whole int8 atoms in and out, windows as tables. */

import type { Pdp } from '../../../../program/layer.ts';
import type { Cube } from '../../../launch.ts';
import { poolingWindows, type Span } from '../../reference/nvdla/pooling-windows.ts';
import { rowsPerUnit } from '../copy-job.ts';
import * as layout from '../job.ts';
import type { KernelHost } from '../kernel-host.ts';
import type { Placement } from '../placement.ts';
import * as integers from './job.ts';

const modes = { max: layout.poolMax, min: layout.poolMin, average: layout.poolAverage } as const;

export interface IntegerPool {
  readonly pdp: Pdp<Cube>;
  readonly rows: readonly Span[];
  readonly columns: readonly Span[];
}

/** A sum of this size times two reciprocals stays in int32. */
const mostSum = 2 ** 28;

/** Undefined for what only the reference does. @throws device/fault */
export function planPool(pdp: Pdp<Cube>, shape: Placement['shape']): IntegerPool | undefined {
  const { average, mode, kernel } = pdp;
  if (pdp.output.dtype !== 'int8') return undefined;
  const { rows, columns } = poolingWindows(pdp, shape);
  if (mode === 'average') {
    if (!average) return undefined;
    const { recipWidth, recipHeight, padValues } = average;
    const most = padValues.reduce((sum, value) => Math.max(sum, Math.abs(value)), 128);
    const isReciprocal = (value: number): boolean => Number.isInteger(value) && value >= 0 && value < 2 ** 17;
    if (!isReciprocal(recipWidth) || !isReciprocal(recipHeight)) return undefined;
    if (!(2 * most * (kernel.h + 1) * (kernel.w + 1) <= mostSum)) return undefined;
  } else {
    const isEmpty = ({ from, to }: Span): boolean => to <= from;
    if (average || rows.some(isEmpty) || columns.some(isEmpty)) return undefined;
  }
  return { pdp, rows, columns };
}

export function runIntegerPool(
  host: KernelHost,
  { pdp, rows, columns }: IntegerPool,
  from: Placement,
  to: Placement,
): void {
  const { average, kernel } = pdp;
  const pad = (count: number): number => (average && count > 0 ? (average.padValues[count - 1] ?? 0) : 0);
  const size = (rows.length + columns.length) * 16;
  const address = host.lay('windows', size, (memory, start) => {
    const words = new Int32Array(memory, start, size / 4);
    for (const [at, row] of rows.entries()) words.set([row.from, row.to, pad(row.padded) * kernel.w], at * 4);
    for (const [at, column] of columns.entries()) {
      words.set([column.from, column.to, pad(column.padded)], (rows.length + at) * 4);
    }
  });
  const [, channels, height] = to.shape;
  const planes = channels / to.atom;
  const unitRows = rowsPerUnit(height, planes, host.threads);
  const rowUnits = Math.ceil(height / unitRows);
  host.run(layout.kindIntegerPool, rowUnits * planes, 0, (to.extent * kernel.h * kernel.w) / 4, (job) => {
    job.input(from);
    job.output(to);
    job.set(layout.unitRows, unitRows);
    job.set(layout.rowUnits, rowUnits);
    job.set(layout.poolMode, modes[pdp.mode]);
    job.set(integers.poolRows, address);
    job.set(integers.poolColumns, address + rows.length * 16);
    job.setDouble(integers.recipWidthF, (average?.recipWidth ?? 0) / 65536);
    job.setDouble(integers.recipHeightF, (average?.recipHeight ?? 0) / 65536);
  });
}
