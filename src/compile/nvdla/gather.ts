/**
 * Channels of one or more surfaces side by side. Whole atoms are copied. Channels that move to a place that is no whole atom
 * away go through a 1×1 convolution with ones and zeros, since every launch writes whole atoms; atoms that parts share are made
 * by one launch after the other, each of which adds its channels to what those before it gave.
 */

import { float16Bits } from '../../base/float16.ts';
import type { Pipeline } from '../../program/layer.ts';
import type { Region } from '../emit.ts';
import type { GatherOperation, GatherPart } from '../place.ts';
import { coreLaunch, launchesOf } from './lower-convolution.ts';
import type { Launches, Lowering } from './lowering.ts';
import { everyPixel } from './pixel-copies.ts';
import type { ConvolutionWork } from './plan-convolution.ts';
import { passing } from './point-stage.ts';

export function lowerGather({ output, parts }: GatherOperation, at: Lowering): Launches {
  const { surfaces } = at;
  const sources = parts.map(({ input, ...part }) => ({ ...part, surface: surfaces.of(input) }));
  const place = { channels: at.shapeOf(output)[1], scale: at.scaleOf(output) };
  return gatherChannels(sources, { ...place, write: (region) => surfaces.part(output, region) }, at);
}

/** A run of channels of a surface, and where it goes. */
export interface ChannelPart extends Omit<GatherPart, 'input'> {
  readonly surface: number;
}

interface Gathered {
  readonly channels: number;
  readonly scale: number;
  /** The surface for a region of the result. */
  readonly write: (region: Region) => number;
}

export function gatherChannels(parts: readonly ChannelPart[], to: Gathered, at: Lowering): Launches {
  const launches: Launches[number][] = [];
  for (const run of sharedRuns(parts, at.atom, to.channels)) {
    const [only, ...others] = run.parts as [ChannelPart, ...ChannelPart[]];
    if (others.length === 0 && isWhole(only, run, at)) {
      launches.push(copyOf(only, run, to, at));
      continue;
    }
    let sum: number | undefined;
    for (const [index, part] of run.parts.entries()) {
      const last = index === run.parts.length - 1;
      const made = select(part, run, sum, last ? to.write : undefined, to.scale, at);
      launches.push(...made.launches);
      sum = made.sum;
    }
  }
  return launches;
}

/** Whether a part fills its run with whole atoms of its surface, or with the last ones there are. */
function isWhole({ surface, inputChannel, outputChannel, channels }: ChannelPart, run: Run, at: Lowering): boolean {
  const held = at.surfaces.shapeOf(surface)[1];
  const ends = channels % at.atom === 0 || inputChannel + channels === held;
  return inputChannel % at.atom === 0 && outputChannel === run.from && outputChannel + channels === run.to && ends;
}

function copyOf(
  { surface, inputChannel, channels }: ChannelPart,
  { from, to }: Run,
  { write }: Gathered,
  at: Lowering,
) {
  const [, , rows, columns] = at.surfaces.shapeOf(surface);
  const output = write({ fromChannel: from, toChannel: to, fromRow: 0, toRow: rows });
  const grids = { from: everyPixel, to: everyPixel };
  const pixels = { input: surface, inputChannel, output, outputChannel: 0, channels, ...grids, rows, columns };
  return { kind: 'pixels', pixels } as const;
}

/** One part of a run of output channels, and what is added to it; to a surface of its own unless it is the last. */
function select(
  part: ChannelPart,
  { from, to }: Run,
  sum: number | undefined,
  write: Gathered['write'] | undefined,
  scale: number,
  at: Lowering,
) {
  const { target, precision, surfaces, atom, name } = at;
  const [n, inputs, height, width] = surfaces.shapeOf(part.surface);
  const first = Math.floor(part.inputChannel / atom) * atom;
  const last = Math.min(Math.ceil((part.inputChannel + part.channels) / atom) * atom, inputs);
  const kernels = to - from;
  const ones = new Float32Array(kernels * (last - first));
  for (let c = 0; c < part.channels; c++) {
    ones[(part.outputChannel - from + c) * (last - first) + part.inputChannel - first + c] = 1;
  }
  const weights = precision === 'int8' ? Int8Array.from(ones) : Uint16Array.from(ones, float16Bits);
  const work: ConvolutionWork = {
    target,
    precision,
    input: [n, last - first, height, width],
    image: false,
    shape: { ...pointwise, groups: 1, transposed: false, output: { channels: kernels, height, width } },
  };
  const between = write === undefined ? surfaces.inner(`${name}:part`, [n, kernels, height, width], scale) : undefined;
  const launches = launchesOf(work, at).map((launch): Pipeline<number> => {
    const { fromRow, toRow, fromChannel, toChannel } = launch.output;
    const regionOf = (surface: number) => surfaces.region(surface, launch.output);
    const read = { fromChannel: first, toChannel: last, fromRow: launch.input.fromRow, toRow: launch.input.toRow };
    const source = surfaces.region(part.surface, read);
    const selection = { input: source, weights, name: `${name}:selection:${part.outputChannel}` };
    const conv = coreLaunch(launch, work, selection, at);
    const written = write
      ? write({ fromChannel: from + fromChannel, toChannel: from + toChannel, fromRow, toRow })
      : regionOf(between!);
    const sdp = { ...passing(sum === undefined ? undefined : regionOf(sum), at), output: written };
    return { kind: 'conv', conv, sdp };
  });
  return { launches, sum: between };
}

const pointwise = {
  kernel: { h: 1, w: 1 },
  stride: { h: 1, w: 1 },
  dilation: { h: 1, w: 1 },
  padding: { top: 0, left: 0, bottom: 0, right: 0 },
} as const;

interface Run {
  /** Output channels, from whole atom to whole atom. */
  readonly from: number;
  readonly to: number;
  readonly parts: readonly ChannelPart[];
}

/** Parts that share an atom belong together, with all atoms that any of them touches. */
function sharedRuns(parts: readonly ChannelPart[], atom: number, channels: number): readonly Run[] {
  const runs: { from: number; to: number; parts: ChannelPart[] }[] = [];
  for (const part of parts.toSorted((a, b) => a.outputChannel - b.outputChannel)) {
    const from = Math.floor(part.outputChannel / atom) * atom;
    const to = Math.min(Math.ceil((part.outputChannel + part.channels) / atom) * atom, channels);
    const run = runs.at(-1);
    if (run === undefined || from >= run.to) runs.push({ from, to, parts: [part] });
    else {
      run.to = Math.max(run.to, to);
      run.parts.push(part);
    }
  }
  return runs;
}
