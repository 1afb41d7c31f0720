/** Convolution of nv_full on float16 in the kernels (assembly/nvdla/float16/conv.ts), from features or pixels. */

import type { Conv, ConvCore } from '../../../../../program/layer.ts';
import type { Cube } from '../../../../launch.ts';
import { type ConvolutionSteps, convolutionSteps } from '../../../reference/nvdla/convolution-steps.ts';
import { windowFields } from '../../conv-job.ts';
import * as layout from '../../job.ts';
import type { KernelHost } from '../../kernel-host.ts';
import type { Placement } from '../../placement.ts';
import * as floats from './job.ts';
import type { FloatStage } from './stage.ts';
import { cutTables, cutTablesBytes } from './tables.ts';

/** Channels of a block, for which there is one list a pixel. */
const blockChannels = 64;
/** Enough pixels that laying out weights counts for nothing, and few enough that their sums stay near. */
const mostChunkPixels = 256;

/** How the core steps through a kernel, as kernels read it: steps, then parts (float16/job.ts). */
export interface FloatSteps {
  readonly words: Int32Array;
  readonly steps: number;
  /** Weights of a kernel. */
  readonly length: number;
  readonly blocks: number;
}

/** Undefined for what only the reference does. @throws device/fault */
export function floatSteps(conv: Conv<Cube>, core: ConvCore): FloatSteps | undefined {
  const { input } = conv;
  const { image } = core;
  const [batch, channels, height, width] = input.shape;
  const isPlain =
    input.dtype === 'float16' &&
    input.format === (image ? 'dla_hwc4' : 'chw16') &&
    batch === 1 &&
    core.kernelGroup === 16 &&
    core.channelBlock === blockChannels &&
    core.accumulatorChannels % 16 === 0 &&
    core.accumulatorChannels >= conv.output.channels &&
    image?.unsigned === undefined &&
    (!image || image.order.every((place) => place < channels));
  if (!isPlain) return undefined;
  const steps = convolutionSteps(conv, core);
  const parts = partsOf(conv, steps, floats.recordBytes * 2 + listElements(channels) * 16, height * width + 1);
  return parts && { ...parts, length: steps.elements.length, blocks: Math.ceil(channels / blockChannels) };
}

const listElements = (channels: number): number => Math.min(channels, blockChannels);

/** Cuts steps into parts: one pixel under the window each. */
function partsOf(
  { dilation }: Conv<Cube>,
  { elements, ends }: ConvolutionSteps,
  listBytes: number,
  lists: number,
): { readonly words: Int32Array; readonly steps: number } | undefined {
  const steps: number[] = [];
  const parts: number[] = [];
  let start = 0;
  for (const end of ends) {
    if (end - start > floats.mostElements) return undefined;
    const firstPart = parts.length / 4;
    for (let i = start; i < end; ) {
      const { row, column, channel } = elements[i]!;
      const block = channel / blockChannels;
      const weights = (i - start) * floats.rowBytes;
      parts.push(row * dilation.h, column * dilation.w, block * lists * listBytes, weights);
      const from = i;
      for (; i < end && elements[i]!.row === row && elements[i]!.column === column; i++) {
        if (elements[i]!.channel !== channel + i - from) return undefined;
      }
      if (!Number.isInteger(block)) return undefined;
    }
    steps.push(firstPart, parts.length / 4, start, end - start);
    start = end;
  }
  return { words: Int32Array.of(...steps, ...parts), steps: ends.length };
}

export interface FloatConv {
  readonly host: KernelHost;
  readonly conv: Conv<Cube>;
  readonly core: ConvCore;
  readonly steps: FloatSteps;
  readonly input: Placement;
  /** Address of the weight stream. */
  readonly weights: number;
  /** Whole atoms. */
  readonly output: Placement;
  readonly stage: FloatStage;
}

/** The input, taken apart. */
interface FloatLists {
  readonly address: number;
  readonly bytes: number;
  /** Elements that are NaN or infinite. */
  readonly specials: number;
}

function layLists({ host, conv, core, steps, input }: FloatConv): FloatLists {
  const [, channels, height, width] = input.shape;
  const bytes = floats.recordBytes * 2 + listElements(channels) * 16;
  const lists = height * width + 1;
  const address = host.scratch.take('float lists', steps.blocks * lists * bytes);
  const padding = host.lay('float padding', 32, (memory, at) => new Int16Array(memory, at, 16).fill(conv.padValue));
  const order = core.image?.order ?? [];
  const specials = host.run(layout.kindFloatLists, height + 1, 0, channels * height * width * 16, (job) => {
    job.input(input);
    job.set(floats.lists, address);
    job.set(floats.listBytes, bytes);
    job.set(floats.listCount, lists);
    job.set(floats.blockCount, steps.blocks);
    job.set(floats.padSource, padding);
    job.set(floats.imagePixel, core.image ? input.atom : 0);
    job.set(
      floats.imageOrder,
      order.reduce((word, place, component) => word | (place << (8 * component)), 0),
    );
  });
  return { address, bytes, specials };
}

/** @returns elements of the input that are NaN or infinite */
export function runFloatConv(run: FloatConv): number {
  const { host, conv, core, steps, input, output, stage } = run;
  const lists = layLists(run);
  const tables = layTables(host);
  const stepsAt = host.lay('tables', steps.words.byteLength, (memory, at) => {
    new Int32Array(memory, at, steps.words.length).set(steps.words);
  });
  const { chunks, chunkPixels } = cutPixels(output, host.threads);
  const groups = output.shape[1] / 16;
  const [, , height, width] = output.shape;
  const scratch = floats.scratchSums + chunkPixels * (floats.sumBytes + floats.nanBytes);
  const effort = height * width * output.shape[1] * steps.length;
  host.run(layout.kindFloatConv, chunks * groups, scratch, effort, (job) => {
    job.input(input);
    job.output(output);
    windowFields(job, conv);
    job.set(floats.lists, lists.address);
    job.set(floats.listBytes, lists.bytes);
    job.set(floats.listCount, input.shape[2] * input.shape[3] + 1);
    job.set(floats.imagePixel, core.image ? input.atom : 0);
    job.set(floats.weightStream, run.weights);
    job.set(floats.kernels, conv.output.channels);
    job.set(floats.kernelLength, steps.length);
    job.set(floats.steps, stepsAt);
    job.set(floats.stepCount, steps.steps);
    job.set(floats.parts, stepsAt + steps.steps * floats.stepBytes);
    job.set(floats.cutTables, tables);
    job.set(floats.chunks, chunks);
    job.set(floats.chunkPixels, chunkPixels);
    stage.set(job);
  });
  return lists.specials;
}

/** A host's tables, once they are in its memory: nothing else is laid there. */
const laidTables = new WeakMap<KernelHost, number>();

function layTables(host: KernelHost): number {
  const known = laidTables.get(host);
  if (known !== undefined) return known;
  const address = host.scratch.take('cut tables', cutTablesBytes);
  host.bus.bytes.set(cutTables(), address);
  laidTables.set(host, address);
  return address;
}

/** Chunks of pixels: units are chunks of one group of 16 channels, several for each thread. */
export function cutPixels(
  { shape: [, channels, height, width] }: Placement,
  threads: number,
): { readonly chunks: number; readonly chunkPixels: number } {
  const pixels = height * width;
  const wanted = threads === 1 ? 1 : Math.ceil((threads * 4 * 16) / channels);
  const chunkPixels = Math.min(mostChunkPixels, Math.max(16, Math.ceil(pixels / wanted)));
  return { chunks: Math.ceil(pixels / chunkPixels), chunkPixels };
}
