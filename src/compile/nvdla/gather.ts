/**
 * Channels of one or more surfaces side by side. Those that move to a place that is no whole atom away go through a 1×1
 * convolution with ones and zeros, since every launch writes whole atoms; atoms that parts share are made by one launch after
 * the other, each of which adds its channels to what those before it gave.
 */

import { float16Bits } from '../../onnx/fold/float16.ts';
import type { Pipeline } from '../../program/layer.ts';
import type { GatherOperation, GatherPart } from '../place.ts';
import { coreLaunch, launchesOf } from './lower-convolution.ts';
import type { Launches, Lowering } from './lowering.ts';
import type { ConvolutionWork } from './plan-convolution.ts';
import { passing } from './point-stage.ts';

export function lowerGather({ output, parts }: GatherOperation, at: Lowering): Launches {
  const [, channels] = at.shapeOf(output);
  const launches: Pipeline<number>[] = [];
  for (const run of sharedRuns(parts, at.atom, channels)) {
    let sum: number | undefined;
    for (const [index, part] of run.parts.entries()) {
      const last = index === run.parts.length - 1;
      const made = select(part, run, sum, last ? output : undefined, at);
      launches.push(...made.launches);
      sum = made.sum;
    }
  }
  return launches;
}

/** One part of a run of output channels, and what is added to it. */
function select(
  part: GatherPart,
  { from, to }: Run,
  sum: number | undefined,
  output: string | undefined,
  at: Lowering,
) {
  const { target, precision, surfaces, atom, name } = at;
  const [n, inputs, height, width] = at.shapeOf(part.input);
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
  const between =
    output === undefined
      ? surfaces.inner(`${name}:part`, [n, kernels, height, width], at.scaleOf(part.input))
      : undefined;
  const launches = launchesOf(work, at).map((launch): Pipeline<number> => {
    const { fromRow, toRow } = launch.output;
    const rowsOf = (surface: number) =>
      surfaces.region(surface, { fromChannel: 0, toChannel: kernels, fromRow, toRow });
    const read = { fromChannel: first, toChannel: last, fromRow: launch.input.fromRow, toRow: launch.input.toRow };
    const source = surfaces.part(part.input, read);
    const conv = coreLaunch(
      launch,
      work,
      { input: source, weights, name: `${name}:selection:${part.outputChannel}` },
      at,
    );
    const written =
      output === undefined
        ? rowsOf(between!)
        : surfaces.part(output, { fromChannel: from, toChannel: to, fromRow, toRow });
    const sdp = { ...passing(sum === undefined ? undefined : rowsOf(sum), at), output: written };
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
  readonly parts: readonly GatherPart[];
}

/** Parts that share an atom belong together, with all atoms that any of them touches. */
function sharedRuns(parts: readonly GatherPart[], atom: number, channels: number): readonly Run[] {
  const runs: { from: number; to: number; parts: GatherPart[] }[] = [];
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
