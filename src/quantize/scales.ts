/**
 * Scales: symmetric int8, real = scale × integer, range ±127·scale. Scales are float32 numbers, so that a calibration cache, which
 * stores float32 bits, gives back exactly the scale that was written.
 *
 * Weights have a scale for each output channel: the one that the model gives them, or float32(max|w| / 127). A channel without weights gets the largest scale of the
 * others (1/127 when all are zero): its integers are zero whatever the scale, but its bias is an int32 at scale s_x · s_w and
 * must fit.
 */

import { fail } from '../base/errors.ts';
import type { Graph } from '../graph/graph.ts';
import { float32Values, type Tensor } from '../graph/tensor.ts';
import { scalesAlong } from '../graph/weight-scales.ts';
import { scaledValues } from '../support/equal-ranges.ts';

/**
 * The scale of a tensor that was zero throughout calibration: 2⁻²⁰. Any scale represents zero; this one is small enough
 * never to decide the common scale of a group of tensors, and large enough that an int32 bias at scale
 * s_x · s_w has room.
 */
const zeroRangeScale = 2 ** -20;

const smallestScale = 2 ** -126; // the smallest normal float32

/** float32(range / 127). */
export function scaleOfRange(range: number): number {
  if (!(range >= 0) || range === Number.POSITIVE_INFINITY) throw new RangeError(`range ${range}`);
  return range === 0 ? zeroRangeScale : Math.max(Math.fround(range / 127), smallestScale);
}

/** Bias integers stay below this, so that adding the products cannot overflow int32. */
const largestBias = 2 ** 30;

export interface BiasLimit {
  /** One for each output channel. */
  readonly bias: Float32Array;
  /** s_x of the convolution's input. */
  readonly inputScale: number;
}

/** Elements before, along and after an axis of a shape in C order. */
function extents(shape: readonly number[], axis: number) {
  const product = (dims: readonly number[]) => dims.reduce((result, dim) => result * dim, 1);
  return { before: product(shape.slice(0, axis)), along: shape[axis] ?? 1, after: product(shape.slice(axis + 1)) };
}

/**
 * Scales of the channels along `axis` (0 for Conv and its [K, C/g, R, S]). With `limit`, the scale of a channel whose bias is large
 * against its weights grows until |bias| ≤ 2³⁰ · s_x · s_w: folded batch norms leave channels of nearly zero weights.
 *
 * @throws calibrate/value when a weight is not finite
 */
export function weightScales(weights: Tensor, axis = 0, limit?: BiasLimit): Float32Array {
  const values = float32Values(weights);
  const bits = new Int32Array(values.buffer, values.byteOffset, values.length);
  const { before, along, after } = extents(weights.shape, axis);
  const largest = new Int32Array(along);
  for (let outer = 0, start = 0; outer < before; outer++) {
    for (let channel = 0; channel < along; channel++, start += after) {
      largest[channel] = Math.max(largest[channel]!, largestMagnitude(bits, start, start + after));
    }
  }
  if (largest.some((found) => found >= infinity)) {
    const index = values.findIndex((value) => !Number.isFinite(value));
    const detail = { expected: 'a finite number', actual: values[index]! };
    fail('calibrate/value', `weight ${index} is not finite`, {}, detail);
  }
  const natural = scaleOfChannel(new Float32Array(largest.buffer));
  const own = scalesAlong(weights, axis);
  return new Float32Array(largest.buffer).map((max, channel) =>
    withRoom(own?.[channel] ?? natural(max), channel, limit),
  );
}

/** The bits of float32's +∞; those of finite magnitudes are below, those of NaN above. */
const infinity = 0x7f800000;

/** Every bit of a float32 but its sign. */
const magnitude = 0x7fffffff;

/** The largest |w| of a run as the bits of a float32: magnitudes order as their bits do. Four at a time, which engines compile well. */
function largestMagnitude(bits: Int32Array, start: number, end: number): number {
  let largest = 0;
  let at = start;
  for (; at + 4 <= end; at += 4) {
    largest = Math.max(
      largest,
      bits[at]! & magnitude,
      bits[at + 1]! & magnitude,
      bits[at + 2]! & magnitude,
      bits[at + 3]! & magnitude,
    );
  }
  for (; at < end; at++) largest = Math.max(largest, bits[at]! & magnitude);
  return largest;
}

/** The scale of a channel from its largest |w|, given those of all. */
function scaleOfChannel(largest: Float32Array): (max: number) => number {
  const overall = largest.reduce((max, value) => Math.max(max, value), 0);
  return (max) => scaleOfRange(max > 0 ? max : overall > 0 ? overall : 1);
}

/** The scale, or a larger one with which the channel's bias fits. */
function withRoom(scale: number, channel: number, limit: BiasLimit | undefined): number {
  if (!limit) return scale;
  return Math.max(scale, Math.fround(Math.abs(limit.bias[channel] ?? 0) / (largestBias * limit.inputScale)));
}

/** Of {@link dummyRanges}. */
const inputRange = 2;
const outputRange = 4;
const pooling = new Set(['MaxPool', 'AveragePool']);

/**
 * The ranges that trtexec sets for `--int8` without `--calib` (docs/hardware/dla-software.md#dummy-ranges), as value → scale. Layer by
 * layer, and only where none is set yet: an input ±2 (±4 into a concatenation), then an output ±4 (±2 out of a pooling).
 * Results computed with them mean nothing; the times do.
 */
export function dummyRanges(graph: Graph): ReadonlyMap<string, number> {
  const scaled = new Set(scaledValues(graph));
  const scales = new Map<string, number>();
  const set = (value: string, range: number) => {
    if (scaled.has(value) && !scales.has(value)) scales.set(value, scaleOfRange(range));
  };
  for (const node of graph.nodes) {
    for (const input of node.inputs) set(input, node.op === 'Concat' ? outputRange : inputRange);
    for (const output of node.outputs) set(output, pooling.has(node.op) ? inputRange : outputRange);
  }
  return scales;
}
