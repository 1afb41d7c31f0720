/** PDP of nv_full on float16 for kernels: whole atoms in and out, windows as tables. */

import type { Pdp } from '../../../../../program/layer.ts';
import type { Cube } from '../../../../launch.ts';
import { fp17ToSingle } from '../../../reference/nvdla/float16/float.ts';
import { poolingWindows, type Span } from '../../../reference/nvdla/pooling-windows.ts';
import { rowsPerUnit } from '../../copy-job.ts';
import * as layout from '../../job.ts';
import type { KernelHost } from '../../kernel-host.ts';
import type { Placement } from '../../placement.ts';
import * as floats from './job.ts';

const modes = { max: layout.poolMax, min: layout.poolMin, average: layout.poolAverage } as const;

export interface FloatPool {
  readonly pdp: Pdp<Cube>;
  readonly rows: readonly Span[];
  readonly columns: readonly Span[];
  /** Singles, as bits. */
  readonly recipWidth: number;
  readonly recipHeight: number;
}

/** Undefined for what only the reference does, or refuses. @throws device/fault */
export function planFloatPool(pdp: Pdp<Cube>, shape: Placement['shape']): FloatPool | undefined {
  const { average, mode } = pdp;
  if ((mode === 'average') !== (average !== undefined)) return undefined;
  if (average?.padValues.some((value) => value !== 0)) return undefined;
  const { rows, columns } = poolingWindows(pdp, shape);
  const isEmpty = ({ from, to }: Span): boolean => to <= from;
  if (rows.some(isEmpty) || columns.some(isEmpty)) return undefined;
  const recipWidth = fp17ToSingle(average?.recipWidth ?? 0);
  const recipHeight = fp17ToSingle(average?.recipHeight ?? 0);
  if ([recipWidth, recipHeight].some((bits) => (bits & 0x7f800000) === 0x7f800000)) return undefined;
  return { pdp, rows, columns, recipWidth, recipHeight };
}

/** @returns rows of the input in which anything is NaN or infinite */
export function runFloatPool(host: KernelHost, pool: FloatPool, from: Placement, to: Placement): number {
  const { pdp, rows, columns } = pool;
  const size = (rows.length + columns.length) * 8;
  const address = host.lay('tables', size, (memory, at) => {
    new Int32Array(memory, at, size / 4).set([...rows, ...columns].flatMap((span) => [span.from, span.to]));
  });
  const [, channels, height] = to.shape;
  const planes = channels / 16;
  const unitRows = rowsPerUnit(height, planes, host.threads);
  const rowUnits = Math.ceil(height / unitRows);
  const effort = to.extent * pdp.kernel.h * pdp.kernel.w;
  return host.run(layout.kindFloatPool, rowUnits * planes, 0, effort, (job) => {
    job.input(from);
    job.output(to);
    job.set(layout.unitRows, unitRows);
    job.set(layout.rowUnits, rowUnits);
    job.set(layout.poolMode, modes[pdp.mode]);
    job.set(floats.poolRows, address);
    job.set(floats.poolColumns, address + rows.length * 8);
    job.set(floats.recipWidthF, pool.recipWidth);
    job.set(floats.recipHeightF, pool.recipHeight);
  });
}
