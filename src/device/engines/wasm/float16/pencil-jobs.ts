/** Softmax and LRN for kernels: whole atoms of halves in and out. */

import type { Lrn, Softmax } from '../../../../program/layer.ts';
import type { Cube } from '../../../launch.ts';
import * as layout from '../job.ts';
import type { JobFields, KernelHost } from '../kernel-host.ts';
import type { Placement } from '../placement.ts';
import * as halves from './job.ts';

const axes = { c: halves.axisChannels, h: halves.axisRows, w: halves.axisColumns } as const;

export function runSoftmax(host: KernelHost, { axis }: Softmax<Cube>, from: Placement, to: Placement): void {
  run(host, layout.kindHalfSoftmax, axis, from, to, () => {});
}

export function runLrn(host: KernelHost, lrn: Lrn<Cube>, from: Placement, to: Placement): void {
  const { size, alpha, beta, bias } = lrn;
  run(host, layout.kindHalfLrn, 'c', from, to, (job) => {
    job.set(halves.lrnReach, (size - 1) / 2);
    job.setFloat(halves.lrnShareF, alpha / size);
    job.setFloat(halves.lrnBiasF, bias);
    job.setFloat(halves.lrnBetaF, beta);
  });
}

/** Elementary steps that one element takes, of which an exponential is most. */
const elementEffort = 64;

function run(
  host: KernelHost,
  kind: number,
  axis: keyof typeof axes,
  from: Placement,
  to: Placement,
  fill: (job: JobFields) => void,
): void {
  const [batch, , height, width] = to.shape;
  const { room } = to;
  const length = { c: room, h: height, w: width }[axis];
  const elements = batch * room * height * width;
  const pencils = elements / length;
  const unitPencils = host.threads === 1 ? pencils : Math.ceil(pencils / (host.threads * 4));
  host.run(kind, Math.ceil(pencils / unitPencils), length * 4, elements * elementEffort, (job) => {
    job.input(from);
    job.output(to);
    job.set(halves.pencilAxis, axes[axis]);
    job.set(halves.unitPencils, unitPencils);
    fill(job);
  });
}
