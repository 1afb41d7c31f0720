/**
 * A convolution whose kernel groups are too large for the convolution buffer: fewer kernels at a time, each run into a
 * surface of its own, and their channels then gathered.
 */

import { asFloat32, float32Tensor, type Tensor } from '../../graph/tensor.ts';
import type { Region } from '../emit.ts';
import type { ChannelVector, ConvOperation, Point } from '../operation.ts';
import { type ChannelPart, gatherChannels } from './gather.ts';
import { lowerConvolution, workOf } from './lower-convolution.ts';
import type { Launches, Lowering } from './lowering.ts';
import { narrowKernels } from './plan-convolution.ts';

/** @param write the surface for a region of the result */
export function lowerKernels(
  operation: ConvOperation,
  at: Lowering,
  write = (region: Region): number => at.surfaces.part(operation.output, region),
): Launches {
  const most = narrowKernels(workOf(operation, at));
  if (most === undefined) return lowerConvolution(operation, at, write);
  const { channels, height, width } = operation.shape.output;
  const scale = at.scaleOf(operation.output);
  const [n] = at.shapeOf(operation.input);
  const launches: Launches[number][] = [];
  const parts: ChannelPart[] = [];
  for (let from = 0; from < channels; from += most) {
    const count = Math.min(most, channels - from);
    const surface = at.surfaces.inner(`${operation.output}:kernels`, [n, count, height, width], scale);
    const some = (region: Region) => at.surfaces.region(surface, region);
    launches.push(...lowerConvolution(someKernels(operation, from, from + count), at, some));
    parts.push({ surface, inputChannel: 0, outputChannel: from, channels: count });
  }
  return [...launches, ...gatherChannels(parts, { channels, scale, write }, at)];
}

function someKernels(operation: ConvOperation, from: number, to: number): ConvOperation {
  const { shape, weights, bias, point } = operation;
  return {
    ...operation,
    shape: { ...shape, output: { ...shape.output, channels: to - from } },
    weights: rows(weights, from, to),
    ...(bias && { bias: rows(bias, from, to) }),
    point: eachVector(point, (vector) => (vector.length === 1 ? vector : vector.slice(from, to))),
  };
}

function rows(tensor: Tensor, from: number, to: number): Tensor {
  const [count = 1, ...rest] = tensor.shape;
  const values = asFloat32(tensor);
  const size = values.length / count;
  return float32Tensor([to - from, ...rest], values.slice(from * size, to * size));
}

/** @param change gets a vector, and its value for channels that only fill up */
export function eachVector(point: Point, change: (vector: ChannelVector, none: number) => ChannelVector): Point {
  const { multiply, add, slope } = point;
  return {
    ...point,
    ...(multiply && { multiply: change(multiply, 1) }),
    ...(add && { add: change(add, 0) }),
    ...(slope && { slope: change(slope, 1) }),
  };
}
