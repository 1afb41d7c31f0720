/**
 * Cycles of the open NVDLA's convolution core, from the rules of its sequence generator (RTL: nvdla/hw
 * `vmod/nvdla/csc/NV_NVDLA_CSC_sg.v`, branches master for the scalable configurations and nvdlav1 for nv_full;
 * docs/hardware/nvdla-timing.md#stripes). A *stripe* holds weights for a run of output points, one point a cycle; a
 * channel operation has a stripe for each row and column of the kernel; kernel groups follow one another, and the weights
 * of the next stripe are loaded while one runs.
 */

import { type Cycles, cycles } from '../../base/units.ts';
import { type ConvolutionPrecision, kernelGroupOf } from '../../program/nvdla/convolution-buffer.ts';
import type { NvdlaTarget } from '../../targets/target.ts';

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

const isFirstGeneration = ({ nvdla }: NvdlaTarget): boolean => nvdla.registers === 'v1';

function limitsOf(target: NvdlaTarget, image: boolean): Limits {
  const { c, k } = target.atomic;
  if (isFirstGeneration(target)) return image ? { lower: 64, upper: 64 } : { lower: 16, upper: 32 };
  if (!image) return { lower: k, upper: 2 * k };
  const length = c / k === 4 ? 4 * k : 2 * k;
  return { lower: length, upper: length };
}

/** The lengths of the stripes that a run of output points is cut into. */
export function stripes(points: number, target: NvdlaTarget, image = false): readonly number[] {
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
export function stripeCycles(geometry: ConvolutionGeometry, target: NvdlaTarget): Cycles {
  const { kernels, precision } = geometry;
  const group = kernelGroupOf(target, precision);
  const groups = Math.ceil(kernels / group);
  const last = kernels - (groups - 1) * group;
  const slots = (groups - 1) * slotCycles(geometry, target, group) + slotCycles(geometry, target, last);
  return cycles(stepsOf(geometry, target) * slots);
}

/** Of the multipliers that the core has, the shares that a convolution's channels, kernels and output points keep busy. */
export function stripeShares(
  geometry: ConvolutionGeometry,
  target: NvdlaTarget,
): { readonly channels: number; readonly kernels: number; readonly points: number } {
  const { width, height, kernel, channels, kernels, precision } = geometry;
  const group = kernelGroupOf(target, precision);
  const products = channels * kernel.h * kernel.w;
  return {
    channels: products / (stepsOf(geometry, target) * target.atomic.c),
    kernels: kernels / (Math.ceil(kernels / group) * group),
    points: (width * height) / slotCycles(geometry, target, Math.min(group, kernels)),
  };
}

/** Stripes of a kernel group at one output point: positions of the kernel times blocks of channels. */
function stepsOf({ kernel, channels, rowsPerBlock }: ConvolutionGeometry, { atomic }: NvdlaTarget): number {
  const blocks = Math.ceil((rowsPerBlock === undefined ? channels : channels * kernel.w) / atomic.c);
  return blocks * (rowsPerBlock === undefined ? kernel.h * kernel.w : Math.ceil(kernel.h / rowsPerBlock));
}

/** Cycles for one position of the kernel over all output points, while the weights of so many kernels are loaded. */
function slotCycles(
  { width, height, precision, rowsPerBlock }: ConvolutionGeometry,
  target: NvdlaTarget,
  kernels: number,
): number {
  const image = rowsPerBlock !== undefined;
  const first = isFirstGeneration(target);
  const least = first ? 10 : target.atomic.k;
  const loaded = Math.max(2, first && precision === 'int8' ? Math.ceil(kernels / 2) : kernels);
  const length = (points: number): number => (image ? Math.ceil(points / rowsPerBlock) * rowsPerBlock : points);
  // An image's stripe never crosses a line.
  const cut = stripes(image ? width : width * height, target, image);
  return (image ? height : 1) * cut.reduce((sum, points) => sum + Math.max(length(points), least, loaded), 0);
}
