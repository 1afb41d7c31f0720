/**
 * Convolution of the open NVDLA on int8, in the kernels of conv-job.ts: the same panels and tiles, fed from atoms of 8,
 * 16 or 32 channels or from rows of pixels, and finished by SDP's integer units (assembly/nvdla/finish.ts).
 */

import type { Conv, ConvCore } from '../../../../program/layer.ts';
import type { Cube } from '../../../launch.ts';
import { compactFields, cutWork, directChannels, layTables, padAtom, panelBytes, windowFields } from '../conv-job.ts';
import { runCopy, wholeRange } from '../copy-job.ts';
import * as layout from '../job.ts';
import type { JobFields, KernelHost } from '../kernel-host.ts';
import { pairCount } from '../packed-weights.ts';
import { type Placement, placeRows } from '../placement.ts';
import { convertInput } from './convert-job.ts';
import * as integers from './job.ts';
import { atomOf, blockShift } from './placement.ts';
import type { IntegerStage } from './stage.ts';
import type { InputOrder, PackedStream } from './weights.ts';

/** Undefined for cubes that the kernels do not read. */
export function inputOrder(conv: Conv<Cube>, core: ConvCore): InputOrder | undefined {
  const { input } = conv;
  const atom = atomOf(input);
  if (core.image) return input.format === 'dla_hwc4' ? 'compact' : undefined;
  if (atom === undefined) return undefined;
  return input.shape[1] >= Math.min(atom, directChannels) ? 'direct' : 'compact';
}

export interface IntegerConv {
  readonly host: KernelHost;
  readonly conv: Conv<Cube>;
  readonly core: ConvCore;
  readonly weights: PackedStream;
  readonly input: Placement;
  /** Whole atoms. */
  readonly output: Placement;
  readonly stage: IntegerStage;
}

/** @returns saturated results; undefined where the input's values leave int8 */
export function runIntegerConv(run: IntegerConv): number | undefined {
  const input = convertInput(run.host, run.core, run.input);
  if (!input) return undefined;
  const converted = { ...run, input };
  switch (run.weights.order) {
    case 'depthwise':
      return runDepthwise(converted);
    case 'direct':
      return runDirect(converted);
    case 'compact':
      return runCompact(converted);
  }
}

function runDirect(run: IntegerConv): number {
  const { host, conv, input } = run;
  const pad = padAtom(host, conv.padValue);
  return multiply(run, (job) => {
    job.input(input);
    windowFields(job, conv);
    job.set(layout.padAtom, pad);
    job.set(layout.padded, leavesImage(conv) ? 1 : 0);
    job.set(layout.compact, 0);
  });
}

/** Whether any window reaches beyond the image: what the output's size asks for is what counts. */
function leavesImage({ input, output, kernel, stride, dilation, padding }: Conv<Cube>): boolean {
  const [, , height, width] = input.shape;
  const bottom = (output.height - 1) * stride.h + (kernel.h - 1) * dilation.h - padding.top;
  const right = (output.width - 1) * stride.w + (kernel.w - 1) * dilation.w - padding.left;
  return padding.top > 0 || padding.left > 0 || bottom >= height || right >= width;
}

function runCompact(run: IntegerConv): number {
  const { host, conv, input, weights } = run;
  const { kernel, stride, dilation, padding, output } = conv;
  const channels = input.shape[1];
  const height = (output.height - 1) * stride.h + (kernel.h - 1) * dilation.h + 1;
  const width = (output.width - 1) * stride.w + (kernel.w - 1) * dilation.w + 1;
  const rows = placeRows(host.scratch.take('rows', channels * height * width + 64), [1, channels, height, width]);
  runCopy(host, input, rows, wholeRange(input), { top: padding.top, left: padding.left, fill: conv.padValue });
  const { plan } = weights;
  const offsets = plan.runs.map(([tap]) => {
    const [r, s] = [Math.floor(tap! / kernel.w), tap! % kernel.w];
    return r * dilation.h * rows.rowStep + s * dilation.w * rows.pixelStep;
  });
  const tables = layTables(host, offsets, plan.starts);
  return multiply(run, (job) => {
    compactFields(job, rows, plan, tables);
    job.set(layout.inRow, rows.rowStep * stride.h);
    job.set(layout.inPixel, rows.pixelStep * stride.w);
  });
}

function multiply(run: IntegerConv, inputFields: (job: JobFields) => void): number {
  const { host, weights, output } = run;
  const pairs = pairCount(weights.plan);
  const [, channels, height, width] = output.shape;
  const blocks = channels / 8;
  const weightBlocks = Math.ceil(weights.plan.kernels / 8);
  const zeros = host.scratch.take('zeros', blocks * 32);
  const cut = cutWork(Math.ceil((height * width) / 4), blocks, pairs, host.threads);
  const effort = height * width * (weightBlocks * pairs + channels);
  return host.run(layout.kindConv, cut.chunks * cut.splits, cut.tiles * pairs * 16, effort, (job) => {
    inputFields(job);
    outputFields(job, run, zeros);
    job.set(layout.pairs, pairs);
    job.set(layout.blocks, blocks);
    job.set(layout.weightBlocks, weightBlocks);
    job.set(layout.chunkTiles, cut.tiles);
    job.set(layout.chunks, cut.chunks);
    job.set(layout.splitBlocks, cut.splitBlocks);
  });
}

/** @param zeros what sums start from */
function outputFields(job: JobFields, { weights, output, stage }: IntegerConv, zeros: number): void {
  job.output(output);
  job.set(integers.outBlocks, blockShift(output.atom));
  job.set(layout.bias, zeros);
  job.set(layout.weights, weights.address);
  stage.set(job);
}

function runDepthwise(run: IntegerConv): number {
  const { host, conv, input, output, weights } = run;
  const { kernel, stride, dilation } = conv;
  const [, channels, height, width] = output.shape;
  const tapPairs = Math.ceil((kernel.h * kernel.w) / 2);
  const pad = padAtom(host, conv.padValue);
  const zeros = host.scratch.take('zeros', channels * 4);
  const { atom } = input;
  const atoms = Math.ceil(channels / atom);
  const paddedWidth = (width - 1) * stride.w + (kernel.w - 1) * dilation.w + 1;
  const reachH = (kernel.h - 1) * dilation.h + 1;
  const fit = Math.floor((panelBytes / 4 / (paddedWidth * atom) - reachH) / stride.h) + 1;
  const wanted = host.threads === 1 ? height : Math.ceil(height / (host.threads * 4));
  const rows = Math.max(1, Math.min(height, fit, wanted));
  const rowUnits = Math.ceil(height / rows);
  const padded = ((rows - 1) * stride.h + reachH) * paddedWidth * atom;
  const effort = height * width * channels * (tapPairs * 2 + 8);
  return host.run(layout.kindDepthwise, rowUnits * atoms, padded + tapPairs * 8, effort, (job) => {
    job.input(input);
    outputFields(job, run, zeros);
    windowFields(job, conv);
    job.set(layout.padAtom, pad);
    job.set(layout.tapPairs, tapPairs);
    job.set(layout.weightBlocks, Math.ceil(weights.plan.kernels / 8));
    job.set(layout.unitRows, rows);
    job.set(layout.rowUnits, rowUnits);
  });
}
