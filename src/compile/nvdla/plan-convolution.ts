/**
 * The pass that decides how the open NVDLA's convolution core works through one convolution: which channels, kernels and
 * rows each launch takes, and how the banks of the convolution buffer are shared between data and weights. Everything that
 * the hardware could do is priced, and the cheapest plan is taken.
 *
 *     groups   a grouped convolution runs in blocks of groups that begin and end with whole atoms, never as one dense one
 *     kernels  all at once, or so many that their weights stay while the rows go by: then the input is fetched once for each
 *     banks    all of the input with all weights, with two kernel groups (one is fetched while the other works), or with one;
 *              else the rows that fit, launch by launch, with the halo fetched again
 *     weights  that fit as a whole stay in the buffer from one launch of rows to the next
 */

import type { Precision } from '../../base/data-type.ts';
import type { ConvCore, Extent, Padding } from '../../program/layer.ts';
import {
  atomElements,
  dataBanks,
  entriesPerSlice,
  kernelGroupOf,
  precisionBytes,
  streamBytes,
  weightBanks,
} from '../../program/nvdla/convolution-buffer.ts';
import type { Shape4 } from '../../program/surface.ts';
import { nvdlaLimits } from '../../targets/nvdla-limits.ts';
import type { NvdlaTarget } from '../../targets/target.ts';
import type { ConvShape } from '../operation.ts';
import { convStage } from './conv-stage.ts';
import { greatestCommonDivisor } from './deconvolution.ts';
import { LaunchCycles } from './launch-cycles.ts';

export interface ConvolutionWork {
  readonly target: NvdlaTarget;
  readonly precision: Precision;
  readonly input: Shape4;
  /** The input is an image of 1 or 4 components a pixel, not features. */
  readonly image: boolean;
  /** A plain convolution: a transposed one is planned by its phases. */
  readonly shape: ConvShape;
  /** The pixels that a pooling window in the same launch leaves; rows cannot be split then. */
  readonly pooled?: { readonly height: number; readonly width: number } | undefined;
}

/** [from, to) of channels and of rows. */
interface Part {
  readonly fromChannel: number;
  readonly toChannel: number;
  readonly fromRow: number;
  readonly toRow: number;
}

export interface ConvolutionLaunch {
  readonly input: Part;
  /** The result of the convolution, before any pooling. */
  readonly output: Part;
  readonly kernel: Extent;
  readonly stride: Extent;
  readonly dilation: Extent;
  readonly padding: Padding;
  readonly cbuf: ConvCore['cbuf'];
  readonly reuse: ConvCore['reuse'];
  readonly keep: ConvCore['keep'];
  /** Rows of the kernel in one block of weights; present for an image. */
  readonly rowsPerBlock?: 1 | 2 | 4;
}

export type ConvolutionPlan = PricedPlan | { readonly reason: string };

interface PricedPlan {
  readonly launches: readonly ConvolutionLaunch[];
  /** Cycles. */
  readonly cost: number;
}

const limits = nvdlaLimits.convolution;
const [, mostKernelBytes] = limits.bytesPerKernel;

/** One launch for each block and run of rows, or why the hardware cannot do it. */
export function planConvolution(work: ConvolutionWork): ConvolutionPlan {
  const reason = beyondRegisters(work);
  if (reason !== undefined) return { reason };
  let best: PricedPlan | undefined;
  let first: string | undefined;
  for (const blocks of blockings(work)) {
    const plan = planBlocks(work, blocks);
    if (typeof plan === 'string') first ??= plan;
    else if (best === undefined || plan.cost < best.cost) best = plan;
  }
  return best ?? { reason: first! };
}

function beyondRegisters({ input, shape, image }: ConvolutionWork): string | undefined {
  const { kernel, stride, dilation, padding, output } = shape;
  const [, channels, height, width] = input;
  const checks: readonly (readonly [what: string, value: number, most: number])[] = [
    ['kernel', Math.max(kernel.h, kernel.w), limits.kernel[1]],
    ['stride', Math.max(stride.h, stride.w), limits.stride[1]],
    ['dilation', Math.max(dilation.h, dilation.w), limits.dilation[1]],
    ['padding', Math.max(padding.top, padding.left, padding.bottom, padding.right), limits.padding[1]],
    ['number of kernels', output.channels, limits.kernels[1]],
    ['number of channels', channels, limits.kernels[1]],
    ['size of its map', Math.max(height, width, output.height, output.width), nvdlaLimits.extent[1]],
  ];
  const wrong = checks.find(([, value, most]) => value > most);
  if (wrong) return `its ${wrong[0]} is ${wrong[1]}, and the convolution core takes at most ${wrong[2]}`;
  if (image && dilation.w > 1) return 'it is dilated over an image';
  if (image && shape.groups > 1) return 'it has groups over an image';
  return undefined;
}

interface Block {
  readonly channels: readonly [from: number, to: number];
  readonly kernels: readonly [from: number, to: number];
}

/**
 * The ways to cut the groups into blocks: the smallest with whole atoms on both sides, and multiples of it. Without groups,
 * the ways to cut the kernels, into whole kernel groups and whole atoms.
 */
function* blockings({ target, precision, input, shape }: ConvolutionWork): Generator<readonly Block[]> {
  const { groups, output } = shape;
  const channels = input[1];
  const atom = atomElements(target, precision);
  if (groups === 1) {
    const unit = leastCommonMultiple(kernelGroupOf(target, precision), atom);
    const units = Math.ceil(output.channels / unit);
    let before = 0;
    for (let parts = 1; parts <= units; parts++) {
      const run = Math.ceil(units / parts) * unit;
      if (run === before) continue;
      before = run;
      const count = Math.ceil(output.channels / run);
      yield Array.from({ length: count }, (_, part) => ({
        channels: [0, channels],
        kernels: [part * run, Math.min((part + 1) * run, output.channels)],
      }));
    }
    return;
  }
  const [inputs, kernels] = [channels / groups, output.channels / groups];
  const whole = leastCommonMultiple(
    atom / greatestCommonDivisor(atom, inputs),
    atom / greatestCommonDivisor(atom, kernels),
  );
  for (let run = Math.min(whole, groups); ; run = Math.min(2 * run, groups)) {
    const blocks: Block[] = [];
    for (let from = 0; from < groups; from += run) {
      const to = Math.min(from + run, groups);
      blocks.push({ channels: [from * inputs, to * inputs], kernels: [from * kernels, to * kernels] });
    }
    yield blocks;
    if (run === groups) return;
  }
}

function planBlocks(work: ConvolutionWork, blocks: readonly Block[]): PricedPlan | string {
  const launches: ConvolutionLaunch[] = [];
  /** Plans by the size of a block: all blocks but the last are alike. */
  const plans = new Map<string, PricedPlan>();
  let cost = 0;
  for (const block of blocks) {
    const size = `${block.channels[1] - block.channels[0]} ${block.kernels[1] - block.kernels[0]}`;
    const known = plans.get(size);
    const plan = known ?? planRows(work, { channels: span(block.channels), kernels: span(block.kernels) });
    if (typeof plan === 'string') return plan;
    plans.set(size, plan);
    launches.push(...plan.launches.map((launch) => moved(launch, block)));
    cost += plan.cost;
  }
  return { launches, cost };
}

const span = ([from, to]: readonly [number, number]): readonly [number, number] => [0, to - from];

const moved = (launch: ConvolutionLaunch, { channels, kernels }: Block): ConvolutionLaunch => ({
  ...launch,
  input: { ...launch.input, fromChannel: channels[0], toChannel: channels[1] },
  output: { ...launch.output, fromChannel: kernels[0], toChannel: kernels[1] },
});

type Mode = 'all' | 'two groups' | 'one group';

/** The cheapest way to run a block that begins with the first channel: which weights are in the buffer, and how many rows at a time. */
function planRows(work: ConvolutionWork, block: Block): PricedPlan | string {
  const { target, precision, image, shape } = work;
  const { banks } = target.cbuf;
  const [kernels, kernelBytes] = [block.kernels[1] - block.kernels[0], kernelBytesOf(work, block)];
  if (kernelBytes > mostKernelBytes)
    return `one kernel has ${kernelBytes} bytes, and the core takes at most ${mostKernelBytes}`;
  const group = Math.min(kernels, kernelGroupOf(target, precision));
  const need: Readonly<Record<Mode, number>> = {
    all: weightBanks(kernels, kernelBytes, target),
    'two groups': weightBanks(Math.min(kernels, 2 * group), kernelBytes, target),
    'one group': weightBanks(group, kernelBytes, target),
  };
  const perSlice = entriesPerSlice(
    {
      channels: block.channels[1] - block.channels[0],
      width: work.input[3],
      padding: shape.padding.left + shape.padding.right,
      image,
    },
    precision,
    target,
  );
  const slices = Math.min(work.input[2], windowRows(shape));
  if (need['one group'] + dataBanks(slices, perSlice, target) > banks) {
    return (
      `one kernel group and the rows that it slides over need ${need['one group']} + ${dataBanks(slices, perSlice, target)} ` +
      `of the ${banks} banks of the convolution buffer`
    );
  }
  let best: PricedPlan | undefined;
  for (const mode of ['all', 'two groups', 'one group'] as const) {
    const rows = outputRows(work, Math.floor(((banks - need[mode]) * target.cbuf.entriesPerBank) / perSlice));
    // A launch needs a row that is no padding.
    const splits = Math.max(shape.padding.top, shape.padding.bottom) < windowRows(shape) && !work.pooled && !image;
    if (rows < 1 || (!splits && rows < shape.output.height)) continue;
    const plan = price(work, block, { mode, rows, weights: need[mode], perSlice, kernelBytes });
    if (best === undefined || plan.cost < best.cost) best = plan;
  }
  return best ?? 'it would have to be split by rows, which its padding, its pooling or its pixels do not allow';
}

const windowRows = ({ kernel, dilation }: ConvShape): number => (kernel.h - 1) * dilation.h + 1;

/** How many output rows a number of input slices gives, at most all of them. */
function outputRows({ input, shape }: ConvolutionWork, slices: number): number {
  if (slices >= input[2]) return shape.output.height;
  return Math.min(shape.output.height, Math.floor((slices - windowRows(shape)) / shape.stride.h) + 1);
}

function kernelBytesOf({ shape, image, input, precision }: ConvolutionWork, block: Block): number {
  const channels = image ? input[1] : block.channels[1] - block.channels[0];
  return channels * shape.kernel.h * shape.kernel.w * precisionBytes(precision);
}

interface Banks {
  readonly mode: Mode;
  /** Output rows of a launch, at most. */
  readonly rows: number;
  /** Banks. */
  readonly weights: number;
  readonly perSlice: number;
  readonly kernelBytes: number;
}

function price(work: ConvolutionWork, block: Block, banks: Banks): PricedPlan {
  const { target, input, shape, image } = work;
  const { output, kernel, stride, dilation, padding } = shape;
  const rowsPerBlock = image ? postExtension(work) : undefined;
  const count = Math.ceil(output.height / banks.rows);
  // Equal runs of rows, so that the last one is not a remnant.
  const run = Math.ceil(output.height / count);
  const launches: ConvolutionLaunch[] = [];
  for (let from = 0; from < output.height; from += run) {
    const to = Math.min(from + run, output.height);
    const top = from * stride.h - padding.top;
    const bottom = (to - 1) * stride.h - padding.top + windowRows(shape);
    const [fromRow, toRow] = [Math.max(0, top), Math.min(input[2], Math.max(bottom, Math.max(0, top) + 1))];
    const data = Math.max(1, dataBanks(toRow - fromRow, banks.perSlice, target));
    const resident = banks.mode === 'all' && count > 1;
    const again = resident && from > 0;
    launches.push({
      input: { fromChannel: block.channels[0], toChannel: block.channels[1], fromRow, toRow },
      output: { fromChannel: block.kernels[0], toChannel: block.kernels[1], fromRow: from, toRow: to },
      kernel,
      stride,
      dilation,
      padding: {
        top: Math.max(0, -top),
        left: padding.left,
        bottom: Math.max(0, bottom - toRow),
        right: padding.right,
      },
      // Banks that change hands between launches would have the weights fetched again (RTL, NV_NVDLA_CDMA_wt.v).
      cbuf: resident
        ? { dataBanks: target.cbuf.banks - banks.weights, weightBanks: banks.weights }
        : { dataBanks: data, weightBanks: weightBankShare(banks, data, target) },
      reuse: { data: false, weights: again },
      keep: { data: false, weights: resident && to < output.height },
      ...(rowsPerBlock && { rowsPerBlock }),
    });
  }
  return { launches, cost: costOf(launches, work, banks) };
}

/** Sums over launches, each distinct one priced once: most launches of a plan are equal. */
function costOf(launches: readonly ConvolutionLaunch[], work: ConvolutionWork, { kernelBytes }: Banks): number {
  const { target, precision, input, image, pooled } = work;
  const cycles = new LaunchCycles(target, precision);
  const known = new Map<string, number>();
  return launches.reduce((sum, launch) => {
    const { fromRow, toRow, fromChannel, toChannel } = launch.input;
    const kernels = launch.output.toChannel - launch.output.fromChannel;
    const conv = convStage(launch, work, 0, 1);
    const key = JSON.stringify([toRow - fromRow, conv.output, launch.reuse]);
    const cost =
      known.get(key) ??
      cycles.convolution(conv, {
        input: [1, image ? input[1] : toChannel - fromChannel, toRow - fromRow, input[3]],
        image,
        weights: streamBytes(kernels, kernelBytes, target),
        pooled: pooled && [1, kernels, pooled.height, pooled.width],
      });
    known.set(key, cost);
    return sum + cost;
  }, 0);
}

/**
 * Banks for weights: where not all weights stay, every bank that the data leaves, so that more groups are fetched ahead.
 */
const weightBankShare = ({ mode, weights }: Banks, data: number, { cbuf }: NvdlaTarget): number =>
  mode === 'all' ? weights : Math.max(weights, cbuf.banks - data);

/**
 * How many kernels at a time, fewer than a kernel group, the buffer has room for beside the rows that they slide over;
 * undefined where a plan needs no such cut, or where not even one kernel fits. Each cut is a convolution of its own, whose
 * channels are put in place behind it.
 */
export function narrowKernels(work: ConvolutionWork): number | undefined {
  const { shape, target, precision, image } = work;
  if (shape.groups > 1 || image || work.pooled || 'launches' in planConvolution(work)) return undefined;
  const fits = (channels: number) =>
    'launches' in planConvolution({ ...work, shape: { ...shape, output: { ...shape.output, channels } } });
  let kernels = kernelGroupOf(target, precision) / 2;
  while (kernels >= 1 && !fits(kernels)) kernels /= 2;
  return kernels >= 1 ? kernels : undefined;
}

/**
 * How many rows of the kernel share a block of weights over an image, so that few components fill the core
 * (docs/hardware/nvdla-timing.md#post-extension). Four rows are not taken: no network shows the hardware with them.
 */
function postExtension({ target, input, shape }: ConvolutionWork): 1 | 2 {
  const { c } = target.atomic;
  const { stride, kernel } = shape;
  if (stride.w > kernel.w) return 1;
  const components = input[1];
  const extended = components * kernel.w;
  const step = components * stride.w;
  return step + extended <= c && extended <= c / 2 ? 2 : 1;
}

const leastCommonMultiple = (a: number, b: number): number => (a / greatestCommonDivisor(a, b)) * b;
