/**
 * Convolution of halves for kernels: whole atoms in, float32 sums in the order of the scalar reference
 * (reference/float16/convolution.ts). Other formats are brought into atoms first. One group is a product of panels; kernels of
 * several groups have each its channels. A deconvolution is a convolution for each phase of its stride.
 */

import { fail } from '../../../../base/errors.ts';
import { float16Values } from '../../../../base/float16.ts';
import type { Conv } from '../../../../program/layer.ts';
import type { Cube } from '../../../launch.ts';
import { type ConvGeometry, weightCount } from '../../reference/convolution.ts';
import { type ConvRun, cutWork, offsetOperand, type Phase, phases, wholePhase } from '../conv-job.ts';
import { asAtoms } from '../copy-job.ts';
import * as layout from '../job.ts';
import type { KernelHost } from '../kernel-host.ts';
import type { Placement } from '../placement.ts';
import { layOutPoint } from '../point-job.ts';
import * as halves from './job.ts';

/** A position of the kernel, and how far its pixel lies from the first one of a window. */
interface Tap {
  readonly position: number;
  readonly dy: number;
  readonly dx: number;
}

/** What one job convolves: some taps, with so many input pixels between two of the output. */
interface Part {
  readonly taps: readonly Tap[];
  readonly step: Conv<Cube>['stride'];
  readonly target: Placement;
  readonly phase: typeof wholePhase;
}

/** @returns saturated results @throws device/fault when a weight is not finite */
export function runHalfConv(run: ConvRun): number {
  const input = asAtoms(run.host, run.input, 'input');
  return partsOf(run).reduce((saturated, part) => saturated + runPart({ ...run, input }, part), 0);
}

function partsOf({ conv, output }: ConvRun): readonly Part[] {
  const { kernel, stride, dilation, padding, transposed } = conv;
  if (!transposed) {
    const taps = positions(kernel, (r, s) => ({ dy: r * dilation.h - padding.top, dx: s * dilation.w - padding.left }));
    return [{ taps, step: stride, target: output, phase: wholePhase }];
  }
  const [batch, kernels, height, width] = output.shape;
  const horizontal = phases(width, kernel.w, stride.w, dilation.w, padding.left);
  const part = (row: Phase, py: number, column: Phase, px: number): Part => ({
    taps: row.taps.flatMap((y) =>
      column.taps.map((x) => ({ position: y.tap * kernel.w + x.tap, dy: y.distance, dx: x.distance })),
    ),
    step: { h: 1, w: 1 },
    target: {
      ...output,
      address: output.address + py * output.rowStep + px * output.pixelStep,
      shape: [batch, kernels, row.count, column.count],
      rowStep: output.rowStep * stride.h,
      pixelStep: output.pixelStep * stride.w,
    },
    phase: { py, px, stepY: stride.h, stepX: stride.w },
  });
  return phases(height, kernel.h, stride.h, dilation.h, padding.top)
    .flatMap((row, py) => horizontal.map((column, px) => part(row, py, column, px)))
    .filter(({ target: { shape } }) => shape[2] > 0 && shape[3] > 0);
}

const positions = (
  { h, w }: { readonly h: number; readonly w: number },
  place: (r: number, s: number) => Omit<Tap, 'position'>,
): readonly Tap[] =>
  Array.from({ length: h * w }, (_, position) => ({ position, ...place(Math.floor(position / w), position % w) }));

function runPart(run: ConvRun, { taps, step, target, phase }: Part): number {
  const { host, geometry, input, stage } = run;
  const { groups, groupChannels, kernels } = geometry;
  const blocks = Math.ceil(kernels / 8);
  const depth = taps.length * groupChannels;
  const weights = depth === 0 ? 0 : packedWeights(run, taps, blocks * depth * 32);
  const zeros = host.lay('padding', 32, (memory, address) => new Int8Array(memory, address, 32).fill(0));
  const table = layTaps(host, taps);
  const point = layOutPoint(host, stage, input);
  const [batch, , height, width] = target.shape;
  const pixels = batch * height * width;
  const fields = (job: Parameters<Parameters<KernelHost['run']>[4]>[0]) => {
    job.input(input);
    job.output(target);
    point(job);
    offsetOperand(job, stage, phase);
    job.set(layout.strideH, step.h);
    job.set(layout.strideW, step.w);
    job.set(layout.weights, weights);
    job.set(layout.pairs, depth);
    job.set(layout.padAtom, zeros);
    job.set(halves.tapTable, table);
    job.set(halves.tapCount, taps.length);
    job.set(halves.tapChannels, groupChannels);
  };
  const effort = (pixels * kernels * (depth + 8)) / 4;
  if (groups === 1) {
    const cut = cutWork(Math.ceil(pixels / 4), blocks, depth, host.threads);
    const panel = cut.tiles * depth * 16 + 256;
    return host.run(layout.kindHalfConv, cut.chunks * cut.splits, panel, effort, (job) => {
      fields(job);
      job.set(layout.blocks, blocks);
      job.set(layout.chunkTiles, cut.tiles);
      job.set(layout.chunks, cut.chunks);
      job.set(layout.splitBlocks, cut.splitBlocks);
    });
  }
  const lanes = layLanes(host, geometry, blocks);
  const chunks = Math.ceil(pixels / (layout.mostTiles * 4));
  return host.run(layout.kindHalfLanes, chunks * blocks, 0, effort, (job) => {
    fields(job);
    job.set(layout.chunks, chunks);
    job.set(halves.laneChannels, lanes);
  });
}

const layTaps = (host: KernelHost, taps: readonly Tap[]): number =>
  host.lay('tables', Math.max(1, taps.length) * 8, (memory, at) => {
    new Int32Array(memory, at, taps.length * 2).set(taps.flatMap(({ dy, dx }) => [dy, dx]));
  });

/** The first channel of each kernel's group; 0 where each kernel has the channel of its own number. */
function layLanes(
  host: KernelHost,
  { groups, kernels, channels, groupKernels, groupChannels }: ConvGeometry,
  blocks: number,
) {
  if (groups === kernels && groups === channels) return 0;
  return host.lay('lanes', blocks * 32, (memory, at) => {
    const first = (k: number) => (k < kernels ? Math.floor(k / groupKernels) * groupChannels : 0);
    new Int32Array(memory, at, blocks * 8).set(Array.from({ length: blocks * 8 }, (_, k) => first(k)));
  });
}

/** For each block of 8 kernels, tap and channel of the group: the weights of the 8, as float32. */
function packedWeights({ host, conv, geometry }: ConvRun, taps: readonly Tap[], size: number): number {
  const { kernels, channels, groupKernels, groupChannels, groups } = geometry;
  const count = weightCount(conv, geometry);
  const all = conv.kernel.h * conv.kernel.w;
  const order = taps.map(({ position }) => position).join();
  const key = `halves ${conv.transposed} ${kernels} ${channels} ${groups} ${order}`;
  return host.packed.locate(key, conv.weights, count * 2, size, (bytes, to) => {
    const weights = float16Values(new Uint16Array(bytes.slice().buffer));
    const wrong = weights.findIndex((weight) => !Number.isFinite(weight));
    if (wrong >= 0) fail('device/fault', `weight ${wrong} is not finite`, {}, { actual: weights[wrong]! });
    const packed = new Float32Array(to.buffer, to.byteOffset, size / 4);
    for (let k = 0; k < kernels; k++) {
      const first = Math.floor(k / groupKernels) * groupChannels;
      let at = (k >> 3) * taps.length * groupChannels * 8 + (k & 7);
      for (const { position } of taps) {
        for (let c = 0; c < groupChannels; c++) {
          const row = conv.transposed ? (first + c) * groupKernels + (k % groupKernels) : k * groupChannels + c;
          packed[at] = weights[row * all + position]!;
          at += 8;
        }
      }
    }
  });
}
