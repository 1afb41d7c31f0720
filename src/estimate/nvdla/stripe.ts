/**
 * Cycles of the open NVDLA's convolution core, from the rules of its sequence generator (RTL: nvdla/hw
 * `vmod/nvdla/csc/NV_NVDLA_CSC_sg.v`, branches master for the scalable configurations and nvdlav1 for nv_full; nvdla-timing
 * sections 2.2 to 2.4). A *stripe* holds weights for a run of output points, one point a cycle; a channel operation has a
 * stripe for each row and column of the kernel; kernel groups follow one another, and the weights of the next stripe are
 * loaded while one runs.
 */

import { type Cycles, cycles } from '../../graph/units.ts';
import { type ConvolutionPrecision, kernelGroupOf } from '../../program/convolution-buffer.ts';
import type { Target } from '../../targets/target.ts';

export interface ConvolutionGeometry {
  readonly width: number;
  readonly height: number;
  readonly kernel: { readonly h: number; readonly w: number };
  /** Input channels; components of a pixel for an image. */
  readonly channels: number;
  readonly kernels: number;
  readonly precision: ConvolutionPrecision;
  /** Rows of the kernel in one block of weights: present for an image. */
  readonly rowsPerBlock?: 1 | 2 | 4;
}

interface Limits {
  /** Points of a stripe, and most points of the last one. */
  readonly lower: number;
  readonly upper: number;
}

const isFirstGeneration = ({ nvdla }: Target): boolean => nvdla?.registers === 'v1';

function limitsOf(target: Target, image: boolean): Limits {
  const { c, k } = target.atomic;
  if (isFirstGeneration(target)) return image ? { lower: 64, upper: 64 } : { lower: 16, upper: 32 };
  if (!image) return { lower: k, upper: 2 * k };
  const length = c / k === 4 ? 4 * k : 2 * k;
  return { lower: length, upper: length };
}

/** The lengths of the stripes that a run of output points is cut into. */
export function stripes(points: number, target: Target, image = false): readonly number[] {
  const { lower, upper } = limitsOf(target, image);
  const lengths: number[] = [];
  let rest = points;
  while (rest > upper) {
    const length = !isFirstGeneration(target) && rest >= 2 * upper ? upper : lower;
    lengths.push(length);
    rest -= length;
  }
  lengths.push(rest);
  return lengths;
}

/** Multiply-accumulate cycles of one launch; what feeds and drains the core may take longer. */
export function stripeCycles(geometry: ConvolutionGeometry, target: Target): Cycles {
  const { width, height, kernel, channels, kernels, precision, rowsPerBlock } = geometry;
  const image = rowsPerBlock !== undefined;
  const group = kernelGroupOf(target, precision);
  const first = isFirstGeneration(target);
  const least = first ? 10 : target.atomic.k;
  const length = (points: number): number => (image ? Math.ceil(points / rowsPerBlock) * rowsPerBlock : points);
  // An image's stripe never crosses a line.
  const lines = image ? height : 1;
  const cut = stripes(image ? width : width * height, target, image);
  const slots = (waiting: number): number => {
    const loaded = Math.max(2, first && precision === 'int8' ? Math.ceil(waiting / 2) : waiting);
    return lines * cut.reduce((sum, points) => sum + Math.max(length(points), least, loaded), 0);
  };
  const rows = image ? Math.ceil(kernel.h / rowsPerBlock) : kernel.h * kernel.w;
  const blocks = Math.ceil((image ? channels * kernel.w : channels) / target.atomic.c);
  const groups = Math.ceil(kernels / group);
  const last = kernels - (groups - 1) * group;
  return cycles(rows * blocks * ((groups - 1) * slots(group) + slots(last)));
}
