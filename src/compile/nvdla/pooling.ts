/**
 * The pass that decides how PDP works through a pooling window. Its windows are at most 8 × 8 (nvdla/hw spec/manual, PDP:
 * three bits for each side). Larger ones become chains:
 *
 *     of its own size as stride   windows that multiply to it, each with its own size as stride; the smallest first, so that
 *                                 what an average rounds is averaged by the largest
 *     maxima                      windows of stride 1 whose sizes, less one, add up to it; the stride comes last
 */

import { fail } from '../../base/errors.ts';
import { float32Tensor } from '../../graph/tensor.ts';
import type { Extent, IntegerAverage, Pdp, Pipeline } from '../../program/layer.ts';
import type { ConvolutionPrecision } from '../../program/nvdla/convolution-buffer.ts';
import { pooledColumns, poolingReciprocals } from '../../program/nvdla/pooling.ts';
import type { Shape4 } from '../../program/surface.ts';
import { nvdlaLimits } from '../../targets/nvdla-limits.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import { type ConvOperation, type ConvShape, type Pooling, type PoolOperation, plainPoint } from '../operation.ts';
import type { Launches, Lowering } from './lowering.ts';

const [, mostWindow] = nvdlaLimits.pooling.window;
const [, mostStride] = nvdlaLimits.pooling.stride;
const [, mostPadding] = nvdlaLimits.pooling.padding;

export type PoolingPlan = { readonly pools: readonly Pooling[] } | { readonly reason: string };

/** The launches for a window, or why there are none. */
export function planPooling(pool: Pooling, input: Shape4): PoolingPlan {
  const { padding } = pool;
  const steps = neededStride(pool, input);
  const rows = chain(pool, 'h', [padding.top, padding.bottom], steps.h);
  const columns = chain(pool, 'w', [padding.left, padding.right], steps.w);
  if (typeof rows === 'string') return { reason: rows };
  if (typeof columns === 'string') return { reason: columns };
  const count = Math.max(rows.length, columns.length);
  return {
    pools: Array.from({ length: count }, (_, index) => {
      const [row, column] = [rows[index] ?? still, columns[index] ?? still];
      const pads = { top: row.before, left: column.before, bottom: row.after, right: column.after };
      return {
        ...pool,
        kernel: { h: row.size, w: column.size },
        stride: { h: row.step, w: column.step },
        padding: pads,
      };
    }),
  };
}

interface Link {
  readonly size: number;
  readonly step: number;
  readonly before: number;
  readonly after: number;
}

const still: Link = { size: 1, step: 1, before: 0, after: 0 };

/** The stride; on an axis with a single result the smallest one that gives no second. */
function neededStride({ kernel, stride, padding }: Pooling, [, , height, width]: Shape4): Extent {
  const rest = {
    h: height + padding.top + padding.bottom - kernel.h,
    w: width + padding.left + padding.right - kernel.w,
  };
  return { h: Math.min(stride.h, rest.h + 1), w: Math.min(stride.w, rest.w + 1) };
}

/** Windows along one axis, one after the other. */
function chain(
  { mode, kernel, stride }: Pooling,
  axis: 'h' | 'w',
  [before, after]: readonly [number, number],
  step: number,
): readonly Link[] | string {
  const size = kernel[axis];
  if (size <= mostWindow) {
    if (Math.max(before, after) > mostPadding) return `its padding is above ${mostPadding}, and PDP pads no more`;
    return step <= mostStride
      ? [{ size, step, before, after }]
      : `its stride is ${step}, and PDP steps at most ${mostStride}`;
  }
  const own = before === 0 && after === 0 && size === stride[axis] ? windows(size) : undefined;
  if (own) return own.map((factor) => ({ size: factor, step: factor, before: 0, after: 0 }));
  if (mode === 'average') return `its window of ${size} is above ${mostWindow}, and no product of windows up to it`;
  if (step > mostStride) return `its stride is ${step}, and PDP steps at most ${mostStride}`;
  const links: Link[] = [];
  let rest = { size: size - 1, before, after };
  while (rest.size > 0) {
    const reach = Math.min(rest.size, mostWindow - 1);
    const pads = { before: Math.min(rest.before, reach), after: Math.min(rest.after, reach) };
    rest = { size: rest.size - reach, before: rest.before - pads.before, after: rest.after - pads.after };
    links.push({ size: reach + 1, step: rest.size === 0 ? step : 1, ...pads });
  }
  return links;
}

/** Factors of at most 8, the smallest first. */
function windows(length: number): readonly number[] | undefined {
  const factors: number[] = [];
  for (let rest = length; rest > 1; ) {
    const factor = [8, 7, 6, 5, 4, 3, 2].find((candidate) => rest % candidate === 0);
    if (factor === undefined) return undefined;
    factors.push(factor);
    rest /= factor;
  }
  return factors.reverse();
}

/**
 * An average that PDP does not take as a depthwise convolution of ones, which adds exactly; undefined for what it takes.
 */
export function averageAsConvolution(operation: PoolOperation, input: Shape4): ConvOperation | undefined {
  const { pool, nodes, output } = operation;
  if (pool.mode !== 'average' || 'pools' in planPooling(pool, input)) return undefined;
  const [, channels, height, width] = pooledShape(input, pool);
  const { kernel, padding } = pool;
  const stride = neededStride(pool, input);
  const size = kernel.h * kernel.w;
  return {
    kind: 'conv',
    nodes,
    input: operation.input,
    output,
    shape: {
      kernel,
      stride,
      dilation: { h: 1, w: 1 },
      padding,
      groups: channels,
      transposed: false,
      output: { channels, height, width },
    },
    weights: float32Tensor([channels, 1, kernel.h, kernel.w], new Float32Array(channels * size).fill(1 / size)),
    point: plainPoint,
  };
}

/** Whether PDP can take a cube as it comes from SDP: what windows share of a row fits its line buffer. */
export function poolingFlies(
  { kernel, stride }: Pooling,
  outputWidth: number,
  precision: ConvolutionPrecision,
  target: NvdlaTarget,
): boolean {
  if (kernel.h > mostWindow || kernel.w > mostWindow) return false;
  return outputWidth <= pooledColumns(kernel, stride, precision, target);
}

/** An average, whose padding counts as zeros. */
function averageOf({ kernel }: Pooling, float: boolean): IntegerAverage {
  const table = poolingReciprocals(float ? 'float16' : 'int8');
  return {
    recipWidth: table[kernel.w - 1]!,
    recipHeight: table[kernel.h - 1]!,
    padValues: [0, 0, 0, 0, 0, 0, 0],
  };
}

/** The pixels that a window leaves of a convolution. */
export function pooledPixels(
  { output }: ConvShape,
  pool: Pooling,
): { readonly height: number; readonly width: number } {
  const [, , height, width] = pooledShape([1, output.channels, output.height, output.width], pool);
  return { height, width };
}

/** The cube after a window. */
export const pooledShape = ([n, c, h, w]: Shape4, { kernel, stride, padding }: Pooling): Shape4 => [
  n,
  c,
  Math.floor((h + padding.top + padding.bottom - kernel.h) / stride.h) + 1,
  Math.floor((w + padding.left + padding.right - kernel.w) / stride.w) + 1,
];

/** @param input surface, of the scale of the result: PDP keeps its numbers */
export function lowerPools(input: number, shape: Shape4, output: string, pool: Pooling, at: Lowering): Launches {
  const { surfaces } = at;
  const plan = planPooling(pool, shape);
  if ('reason' in plan) return fail('compile/unsupported', plan.reason, { node: at.name });
  const launches: Pipeline<number>[] = [];
  let [from, size] = [input, shape];
  for (const [index, step] of plan.pools.entries()) {
    size = pooledShape(size, step);
    const last = index === plan.pools.length - 1;
    const to = last ? surfaces.of(output) : surfaces.inner(`${output}:pooled`, size, at.scaleOf(output));
    launches.push({ kind: 'pdp', pdp: { ...lowerPdp(step, to, at), input: from } });
    from = to;
  }
  return launches;
}

/** @param output surface */
export function lowerPdp(pool: Pooling, output: number, { precision }: Lowering): Pdp<number> {
  const { mode, kernel, stride, padding } = pool;
  const common = { mode, kernel, stride, padding, countPadding: true, output };
  return mode === 'average' ? { ...common, average: averageOf(pool, precision === 'float16') } : common;
}
