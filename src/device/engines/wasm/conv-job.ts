/**
 * Convolution of int8 for kernels. Three ways in, all to the same result:
 *
 * - *direct*: a chw32 input of one group is packed straight from the surface, padding decided pixel by pixel;
 * - *depthwise*: one kernel for each channel of a chw32 input has a kernel of its own, vectorised over channels;
 * - *compact*: everything else (image formats, few channels, groups, deconvolution) first copies the input to padded NHWC
 *   rows, where the taps of a row lie side by side. A deconvolution is one such convolution for each phase of its stride:
 *   output rows y ≡ p (mod stride) see the same kernel rows at the same distances.
 */

import type { Conv } from '../../../program/layer.ts';
import type { Cube } from '../../launch.ts';
import type { ConvGeometry } from '../reference/convolution.ts';
import { runCopy, wholeRange } from './copy-job.ts';
import * as layout from './job.ts';
import type { JobFields, KernelHost } from './kernel-host.ts';
import { packDepthwise, packRuns, pairCount, type RunPlan, runLength } from './packed-weights.ts';
import { isAtoms, type Placement, placeRows } from './placement.ts';
import { layOutPoint, type PointStage } from './point-job.ts';

/** A panel should leave room in the second-level cache for weights. */
export const panelBytes = 128 * 1024;

/** Fewer channels than this are better taken together with those of the next pixel. */
export const directChannels = 16;

export interface ConvRun {
  readonly host: KernelHost;
  readonly conv: Conv<Cube>;
  readonly geometry: ConvGeometry;
  readonly input: Placement;
  readonly output: Placement;
  readonly stage: PointStage;
}

/** @returns saturated results */
export function runConv(run: ConvRun): number {
  const { conv, geometry, input } = run;
  const { groups, channels, kernels } = geometry;
  if (conv.transposed) return runTransposed(run);
  if (!isAtoms(input)) return runCompact(run);
  if (groups > 1 && groups === channels && groups === kernels) return runDepthwise(run);
  return groups === 1 && channels >= directChannels ? runDirect(run) : runCompact(run);
}

const weightBytes = ({ geometry, conv }: ConvRun): number => {
  const { transposed, kernel } = conv;
  const { channels, groupKernels, kernels, groupChannels } = geometry;
  return (transposed ? channels * groupKernels : kernels * groupChannels) * kernel.h * kernel.w;
};

const blocksOf = (kernels: number): number => Math.ceil(kernels / 8);

function runDirect(run: ConvRun): number {
  const { host, conv, geometry, input, output } = run;
  const { kernels, channels } = geometry;
  const taps = conv.kernel.h * conv.kernel.w;
  const plan: RunPlan = {
    kernels,
    groupKernels: kernels,
    groupChannels: channels,
    transposed: false,
    runs: Array.from({ length: taps }, (_, tap) => [tap]),
    taps,
    channels,
    starts: new Array<number>(blocksOf(kernels)).fill(0),
  };
  const pad = padAtom(host, conv.padValue);
  return multiply(run, plan, `direct ${kernels} ${channels} ${taps}`, output, (job) => {
    job.input(input);
    windowFields(job, conv);
    job.set(layout.padAtom, pad);
    job.set(layout.padded, Object.values(conv.padding).some((side) => side > 0) ? 1 : 0);
    job.set(layout.compact, 0);
  });
}

function runCompact(run: ConvRun): number {
  const { host, conv, geometry, input, output } = run;
  const { kernel, stride, dilation, padding } = conv;
  const { kernels, groupKernels, groupChannels, channels, batch } = geometry;
  const [, , outHeight, outWidth] = output.shape;
  const height = (outHeight - 1) * stride.h + (kernel.h - 1) * dilation.h + 1;
  const width = (outWidth - 1) * stride.w + (kernel.w - 1) * dilation.w + 1;
  const rows = placeRows(host.scratch.take('rows', batch * channels * height * width + 64), [
    batch,
    channels,
    height,
    width,
  ]);
  runCopy(host, input, rows, wholeRange(input), { top: padding.top, left: padding.left, fill: conv.padValue });

  const { starts, span } = blockChannels(geometry);
  const wholeRows = span === channels && dilation.w === 1;
  const positions = Array.from({ length: kernel.h }, (_, r) =>
    Array.from({ length: kernel.w }, (_, s) => r * kernel.w + s),
  );
  const plan: RunPlan = {
    kernels,
    groupKernels,
    groupChannels,
    transposed: false,
    runs: wholeRows ? positions : positions.flat().map((tap) => [tap]),
    taps: kernel.h * kernel.w,
    channels: span,
    starts,
  };
  const offsets = plan.runs.map(([tap]) => {
    const [r, s] = [Math.floor(tap! / kernel.w), tap! % kernel.w];
    return r * dilation.h * rows.rowStep + s * dilation.w * rows.pixelStep;
  });
  const tables = layTables(host, offsets, starts);
  const key = `compact ${kernels} ${channels} ${geometry.groups} ${kernel.h} ${kernel.w} ${wholeRows}`;
  return multiply(run, plan, key, output, (job) => {
    compactFields(job, rows, plan, tables);
    job.set(layout.inRow, rows.rowStep * stride.h);
    job.set(layout.inPixel, rows.pixelStep * stride.w);
  });
}

function runTransposed(run: ConvRun): number {
  const { host, conv, geometry, input, output } = run;
  const { kernel, stride, dilation, padding } = conv;
  const { kernels, groupKernels, groupChannels, channels, batch } = geometry;
  const [, , outHeight, outWidth] = output.shape;
  const vertical = phases(outHeight, kernel.h, stride.h, dilation.h, padding.top);
  const horizontal = phases(outWidth, kernel.w, stride.w, dilation.w, padding.left);
  const [top, height] = reach(vertical);
  const [left, width] = reach(horizontal);
  const rows = placeRows(host.scratch.take('rows', batch * channels * height * width + 64), [
    batch,
    channels,
    height,
    width,
  ]);
  runCopy(host, input, rows, wholeRange(input), { top: -top, left: -left, fill: 0 });

  const { starts, span } = blockChannels(geometry);
  let saturated = 0;
  for (const [py, row] of vertical.entries()) {
    for (const [px, column] of horizontal.entries()) {
      if (row.count === 0 || column.count === 0) continue;
      const taps = row.taps.flatMap((y) =>
        column.taps.map((x) => ({
          position: y.tap * kernel.w + x.tap,
          offset: (y.distance - top) * rows.rowStep + (x.distance - left) * rows.pixelStep,
        })),
      );
      const plan: RunPlan = {
        kernels,
        groupKernels,
        groupChannels,
        transposed: true,
        runs: taps.map(({ position }) => [position]),
        taps: kernel.h * kernel.w,
        channels: span,
        starts,
      };
      const tables = layTables(
        host,
        taps.map(({ offset }) => offset),
        starts,
      );
      const key = `transposed ${kernels} ${channels} ${geometry.groups} ${kernel.h} ${kernel.w} ${plan.runs.join()}`;
      const target: Placement = {
        ...output,
        address: output.address + py * output.rowStep + px * output.pixelStep,
        shape: [batch, kernels, row.count, column.count],
        rowStep: output.rowStep * stride.h,
        pixelStep: output.pixelStep * stride.w,
      };
      const phase = { py, px, stepY: stride.h, stepX: stride.w };
      saturated += multiply(run, plan, key, target, (job) => compactFields(job, rows, plan, tables), phase);
    }
  }
  return saturated;
}

export interface Phase {
  /** Output rows (or columns) of the phase. */
  readonly count: number;
  /** Kernel rows that reach it, each with its distance in input rows from the phase's index. */
  readonly taps: readonly { readonly tap: number; readonly distance: number }[];
}

/** Output i = q · stride + p takes input q + (p + padding − tap · dilation) / stride of every tap for which that is whole. */
export function phases(size: number, taps: number, stride: number, dilation: number, padding: number): Phase[] {
  return Array.from({ length: stride }, (_, p) => ({
    count: Math.max(0, Math.ceil((size - p) / stride)),
    taps: Array.from({ length: taps }, (_, tap) => ({ tap, distance: (p + padding - tap * dilation) / stride })).filter(
      ({ distance }) => Number.isInteger(distance),
    ),
  }));
}

/** First input index that any phase takes, and how many from there on. */
function reach(all: readonly Phase[]): readonly [first: number, count: number] {
  let first = 0;
  let end = 1;
  for (const { count, taps } of all) {
    for (const { distance } of taps) {
      first = Math.min(first, distance);
      end = Math.max(end, distance + count);
    }
  }
  return [first, end - first];
}

/** For each block of 8 kernels the first of the input channels that its groups read; and how many that is at most. */
function blockChannels({ kernels, groupKernels, groupChannels, channels }: ConvGeometry): {
  readonly starts: number[];
  readonly span: number;
} {
  const ranges = Array.from({ length: blocksOf(kernels) }, (_, block) => {
    const first = Math.floor((block * 8) / groupKernels);
    const last = Math.floor((Math.min(kernels, block * 8 + 8) - 1) / groupKernels);
    return { start: first * groupChannels, count: (last - first + 1) * groupChannels };
  });
  const span = Math.max(...ranges.map(({ count }) => count));
  return { starts: ranges.map(({ start }) => Math.min(start, channels - span)), span };
}

/** Every point of the output, one beside the other. */
export const wholePhase = { py: 0, px: 0, stepY: 1, stepX: 1 };

/** Packs pixels, multiplies, finishes: the job of direct and compact convolutions. */
function multiply(
  run: ConvRun,
  plan: RunPlan,
  key: string,
  target: Placement,
  inputFields: (job: JobFields) => void,
  phase = wholePhase,
): number {
  const { host, conv, stage } = run;
  const pairs = pairCount(plan);
  const blocks = blocksOf(plan.kernels);
  const bytes = weightBytes(run);
  const weights =
    pairs === 0
      ? 0
      : host.packed.locate(key, conv.weights, bytes, blocks * pairs * 32, (from, to) => packRuns(plan, from, to));
  const point = layOutPoint(host, stage, run.input);
  const [batch, , height, width] = target.shape;
  const cut = cutWork(Math.ceil((batch * height * width) / 4), blocks, pairs, host.threads);
  const effort = (batch * height * width * plan.kernels * (pairs + 8)) / 8;
  return host.run(layout.kindConv, cut.chunks * cut.splits, cut.tiles * pairs * 16, effort, (job) => {
    inputFields(job);
    job.output(target);
    point(job);
    offsetOperand(job, stage, phase);
    job.set(layout.weights, weights);
    job.set(layout.pairs, pairs);
    job.set(layout.blocks, blocks);
    job.set(layout.weightBlocks, blocks);
    job.set(layout.chunkTiles, cut.tiles);
    job.set(layout.chunks, cut.chunks);
    job.set(layout.splitBlocks, cut.splitBlocks);
  });
}

/** A phase of a deconvolution takes every `step`th point of the operand. */
export function offsetOperand(job: JobFields, { operand }: PointStage, phase: typeof wholePhase): void {
  if (!operand || operand.broadcast) return;
  const row = job.get(layout.operandRow);
  const pixel = job.get(layout.operandPixel);
  job.set(layout.operandAddress, job.get(layout.operandAddress) + phase.py * row + phase.px * pixel);
  job.set(layout.operandRow, row * phase.stepY);
  job.set(layout.operandPixel, pixel * phase.stepX);
}

/** Chunks of tiles, and runs of blocks where there are too few chunks for the threads. */
export function cutWork(total: number, blocks: number, pairs: number, threads: number) {
  const fit = Math.max(2, Math.min(layout.mostTiles, Math.floor(panelBytes / Math.max(1, pairs * 16))));
  const wanted = threads === 1 ? 1 : threads * 4;
  const most = Math.min(fit, Math.max(Math.min(fit, 8), Math.ceil(total / wanted)));
  const chunks = Math.ceil(total / most);
  const splits = Math.min(Math.ceil(wanted / chunks), Math.max(1, Math.floor(blocks / 4)));
  const splitBlocks = Math.ceil(blocks / splits);
  const tiles = Math.ceil(total / chunks);
  return { tiles, chunks: Math.ceil(total / tiles), splitBlocks, splits: Math.ceil(blocks / splitBlocks) };
}

function runDepthwise(run: ConvRun): number {
  const { host, conv, geometry, input, output, stage } = run;
  const { kernel, stride, dilation } = conv;
  const { kernels, batch } = geometry;
  const taps = kernel.h * kernel.w;
  const tapPairs = Math.ceil(taps / 2);
  const size = blocksOf(kernels) * tapPairs * 32;
  const weights = host.packed.locate(`depthwise ${kernels} ${taps}`, conv.weights, weightBytes(run), size, (from, to) =>
    packDepthwise(kernels, taps, from, to),
  );
  const pad = padAtom(host, conv.padValue);
  const point = layOutPoint(host, stage, run.input);
  const [, , height, width] = output.shape;
  const atoms = Math.ceil(kernels / 32);
  const paddedWidth = (width - 1) * stride.w + (kernel.w - 1) * dilation.w + 1;
  const reachH = (kernel.h - 1) * dilation.h + 1;
  const fit = Math.floor((panelBytes / 4 / (paddedWidth * 32) - reachH) / stride.h) + 1;
  const wanted =
    host.threads === 1 ? height : Math.ceil((height * batch * atoms) / (host.threads * 4) / (batch * atoms));
  const rows = Math.max(1, Math.min(height, fit, wanted));
  const rowUnits = Math.ceil(height / rows);
  const padded = ((rows - 1) * stride.h + reachH) * paddedWidth * 32;
  return host.run(layout.kindDepthwise, rowUnits * atoms * batch, padded + tapPairs * 8, geometry.macs, (job) => {
    job.input(input);
    job.output(output);
    windowFields(job, conv);
    point(job);
    job.set(layout.padAtom, pad);
    job.set(layout.weights, weights);
    job.set(layout.tapPairs, tapPairs);
    job.set(layout.weightBlocks, blocksOf(kernels));
    job.set(layout.unitRows, rows);
    job.set(layout.rowUnits, rowUnits);
  });
}

export const padAtom = (host: KernelHost, value: number): number =>
  host.lay('padding', 32, (memory, address) => new Int8Array(memory, address, 32).fill(value));

export function layTables(host: KernelHost, offsets: readonly number[], starts: readonly number[]) {
  const length = offsets.length + starts.length;
  const address = host.lay('tables', length * 4, (memory, at) => {
    const words = new Int32Array(memory, at, length);
    words.set(offsets);
    words.set(starts, offsets.length);
  });
  return { offsets: address, starts: address + offsets.length * 4 };
}

export function compactFields(
  job: JobFields,
  rows: Placement,
  plan: RunPlan,
  tables: { readonly offsets: number; readonly starts: number },
): void {
  job.input(rows);
  job.set(layout.compact, 1);
  job.set(layout.runs, plan.runs.length);
  job.set(layout.runLength, runLength(plan));
  job.set(layout.runOffsets, tables.offsets);
  job.set(layout.starts, tables.starts);
}

export function windowFields(job: JobFields, conv: Conv<Cube>): void {
  job.set(layout.kernelH, conv.kernel.h);
  job.set(layout.kernelW, conv.kernel.w);
  job.set(layout.strideH, conv.stride.h);
  job.set(layout.strideW, conv.stride.w);
  job.set(layout.dilationH, conv.dilation.h);
  job.set(layout.dilationW, conv.dilation.w);
  job.set(layout.padTop, conv.padding.top);
  job.set(layout.padLeft, conv.padding.left);
}
