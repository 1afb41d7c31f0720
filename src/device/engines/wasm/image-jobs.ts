/** Pooling and resizing for kernels: whole atoms in and out, of int8 or of halves. */

import type { Pdp, Resize } from '../../../program/layer.ts';
import type { Cube } from '../../launch.ts';
import { resizeTaps, type Tap } from '../reference/resize.ts';
import { rowsPerUnit } from './copy-job.ts';
import * as layout from './job.ts';
import type { KernelHost } from './kernel-host.ts';
import { asBytes, atomCount, type Placement } from './placement.ts';

const modes = { max: layout.poolMax, min: layout.poolMin, average: layout.poolAverage } as const;

const isHalf = ({ elementBytes }: Placement): boolean => elementBytes === 2;

function rowUnitsOf(
  host: KernelHost,
  place: Placement,
): { readonly rows: number; readonly rowUnits: number; readonly units: number } {
  const [batch, , height] = place.shape;
  const planes = batch * atomCount(place);
  const rows = rowsPerUnit(height, planes, host.threads);
  const rowUnits = Math.ceil(height / rows);
  return { rows, rowUnits, units: rowUnits * planes };
}

export function runPool(host: KernelHost, pdp: Pdp<Cube>, from: Placement, to: Placement): void {
  const { kernel, stride, padding } = pdp;
  const { rows, rowUnits, units } = rowUnitsOf(host, to);
  const effort = (to.extent * kernel.h * kernel.w) / 4;
  host.run(isHalf(from) ? layout.kindHalfPool : layout.kindPool, units, 0, effort, (job) => {
    job.input(from);
    job.output(to);
    job.set(layout.unitRows, rows);
    job.set(layout.rowUnits, rowUnits);
    job.set(layout.kernelH, kernel.h);
    job.set(layout.kernelW, kernel.w);
    job.set(layout.strideH, stride.h);
    job.set(layout.strideW, stride.w);
    job.set(layout.padTop, padding.top);
    job.set(layout.padLeft, padding.left);
    job.set(layout.poolMode, modes[pdp.mode]);
    job.set(layout.poolCount, pdp.countPadding ? kernel.h * kernel.w : 0);
  });
}

export function runResize(host: KernelHost, resize: Resize<Cube>, from: Placement, to: Placement): void {
  const { scale, mode } = resize;
  const { rows, rowUnits, units } = rowUnitsOf(host, to);
  const rowTaps = resizeTaps(resize, scale.h, from.shape[2]);
  const columnTaps = resizeTaps(resize, scale.w, from.shape[3]);
  const address = host.scratch.take('tables', (rowTaps.length + columnTaps.length) * 16);
  const words = new Int32Array(host.bus.memory.buffer, address, (rowTaps.length + columnTaps.length) * 4);
  const lay = (taps: readonly Tap[], at: number): void =>
    taps.forEach(({ first, second, weights }, i) => {
      words.set([first, second, ...weights], at + i * 4);
    });
  lay(rowTaps, 0);
  lay(columnTaps, rowTaps.length * 4);
  const kind = isHalf(from) ? layout.kindHalfLinear : layout.kindLinear;
  host.run(mode === 'linear' ? kind : layout.kindNearest, units, 0, to.extent, (job) => {
    job.input(from);
    job.output(mode === 'linear' ? to : asBytes(to));
    job.set(layout.unitRows, rows);
    job.set(layout.rowUnits, rowUnits);
    job.set(layout.rowTaps, address);
    job.set(layout.columnTaps, address + rowTaps.length * 16);
    if (resize.mode === 'linear') job.setFloat(layout.factorF, resize.factor);
  });
}
