/** Folding of what relates elements to their neighbours: Softmax and its kin, norms, normalization by statistics. */

import { exp } from '../../base/elementary.ts';
import { batchNormalizationOf } from '../../graph/operators/point.ts';
import { axisOf, float, int } from '../../graph/operators/read.ts';
import { softmaxAxes } from '../../graph/operators/reduction.ts';
import { elementCount, type Tensor } from '../../graph/tensor.ts';
import { greatest } from './arithmetic.ts';
import { doubles, floatTensor, isFloat } from './elements.ts';
import type { Evaluator } from './evaluate.ts';
import { ln } from './functions.ts';
import { broadcastTo } from './strided.ts';

/** Calls with the first element of every line, `length` elements that are `step` apart. */
function eachLine(
  shape: readonly number[],
  first: number,
  behind: number,
  visit: (start: number, length: number, step: number) => void,
): void {
  const length = elementCount(shape.slice(first, behind));
  const step = elementCount(shape.slice(behind));
  const outer = elementCount(shape.slice(0, first));
  for (let block = 0; block < outer; block++) {
    for (let inner = 0; inner < step; inner++) visit(block * length * step + inner, length, step);
  }
}

type Line = (values: Float64Array, result: Float64Array, start: number, length: number, step: number) => void;

const softmaxLike =
  (line: Line): Evaluator =>
  (context, [x], [output], [shape]) => {
    if (!isFloat(x!.dtype)) return undefined;
    const { first, behind } = softmaxAxes(context.node, context.lookup, shape!.length);
    const values = doubles(x!);
    const result = new Float64Array(values.length);
    eachLine(shape!, first, behind, (start, length, step) => line(values, result, start, length, step));
    const tensor = floatTensor(output!.dtype, shape!, result);
    return tensor && [tensor];
  };

/** The largest of a line, and the sum of exponentials relative to it. */
function exponentials(values: Float64Array, start: number, length: number, step: number) {
  let peak = Number.NEGATIVE_INFINITY;
  for (let at = 0; at < length; at++) peak = greatest(peak, values[start + at * step]!);
  let sum = 0;
  for (let at = 0; at < length; at++) sum += exp(values[start + at * step]! - peak);
  return { peak, sum };
}

const Softmax = softmaxLike((values, result, start, length, step) => {
  const { peak, sum } = exponentials(values, start, length, step);
  for (let at = 0; at < length; at++) result[start + at * step] = exp(values[start + at * step]! - peak) / sum;
});

const LogSoftmax = softmaxLike((values, result, start, length, step) => {
  const { peak, sum } = exponentials(values, start, length, step);
  const shift = ln(sum);
  for (let at = 0; at < length; at++) result[start + at * step] = values[start + at * step]! - peak - shift;
});

/** 1 for the first of the largest. */
const Hardmax = softmaxLike((values, result, start, length, step) => {
  let best = 0;
  for (let at = 1; at < length; at++) if (values[start + at * step]! > values[start + best * step]!) best = at;
  if (length > 0) result[start + best * step] = 1;
});

const LpNormalization: Evaluator = (context, [x], [output], [shape]) => {
  if (!isFloat(x!.dtype)) return undefined;
  const axis = axisOf(context.node, shape!.length, -1);
  const squared = int(context.node, 'p', 2) === 2;
  const values = doubles(x!);
  const result = new Float64Array(values.length);
  eachLine(shape!, axis, axis + 1, (start, length, step) => {
    let sum = 0;
    for (let at = 0; at < length; at++) {
      const value = values[start + at * step]!;
      sum += squared ? value * value : Math.abs(value);
    }
    const norm = squared ? Math.sqrt(sum) : sum;
    // onnxruntime gives zeros for a line of zeros.
    for (let at = 0; at < length; at++) result[start + at * step] = norm === 0 ? 0 : values[start + at * step]! / norm;
  });
  const tensor = floatTensor(output!.dtype, shape!, result);
  return tensor && [tensor];
};

/** By the statistics that are given. */
const BatchNormalization: Evaluator = (context, inputs, [output], [shape]) => {
  const { epsilon, training, perChannel } = batchNormalizationOf(context.node, context.lookup);
  if (training || !perChannel || context.node.outputs.length !== 1) return undefined;
  if (inputs.some((tensor) => !tensor || !isFloat(tensor.dtype))) return undefined;
  const [x, scale, bias, mean, variance] = inputs.map((tensor) => doubles(tensor!)) as [
    Float64Array,
    ...Float64Array[],
  ];
  const channels = shape![1] ?? 1;
  if ([scale, bias, mean, variance].some((vector) => vector?.length !== channels)) return undefined;
  const area = elementCount(shape!.slice(2));
  const tensor = floatTensor(
    output!.dtype,
    shape!,
    x.map((value, at) => {
      const channel = Math.floor(at / area) % channels;
      return (
        ((value - mean![channel]!) / Math.sqrt(variance![channel]! + epsilon)) * scale![channel]! + bias![channel]!
      );
    }),
  );
  return tensor && [tensor];
};

/** Over an item's elements of one channel (from axis 2 on), or over all axes from one on. */
function normalized(x: Tensor, first: number, epsilon: number): Float64Array {
  const values = doubles(x);
  const result = new Float64Array(values.length);
  const length = elementCount(x.shape.slice(first));
  for (let start = 0; start < values.length; start += length) {
    const line = values.subarray(start, start + length);
    const mean = line.reduce((sum, value) => sum + value, 0) / length;
    const variance = line.reduce((sum, value) => sum + (value - mean) * (value - mean), 0) / length;
    const factor = 1 / Math.sqrt(variance + epsilon);
    for (let at = 0; at < length; at++) result[start + at] = (line[at]! - mean) * factor;
  }
  return result;
}

const InstanceNormalization: Evaluator = (context, [x, scale, bias], [output], [shape]) => {
  if ([x, scale, bias].some((tensor) => !isFloat(tensor!.dtype)) || x!.shape.length < 3) return undefined;
  const area = elementCount(shape!.slice(2));
  const channels = shape![1]!;
  const [factors, shifts] = [doubles(scale!), doubles(bias!)];
  if (area === 0 || factors.length !== channels || shifts.length !== channels) return undefined;
  const values = normalized(x!, 2, float(context.node, 'epsilon', 1e-5)).map((value, at) => {
    const channel = Math.floor(at / area) % channels;
    return value * factors[channel]! + shifts[channel]!;
  });
  const tensor = floatTensor(output!.dtype, shape!, values);
  return tensor && [tensor];
};

const LayerNormalization: Evaluator = (context, [x, scale, bias], [output], [shape]) => {
  if (context.node.outputs.length !== 1 || !isFloat(x!.dtype) || elementCount(shape!) === 0) return undefined;
  const axis = axisOf(context.node, shape!.length, -1);
  const factors = doubles(broadcastTo(scale!, shape!));
  const shifts = bias && doubles(broadcastTo(bias, shape!));
  const values = normalized(x!, axis, float(context.node, 'epsilon', 1e-5)).map(
    (value, at) => value * factors[at]! + (shifts?.[at] ?? 0),
  );
  const tensor = floatTensor(output!.dtype, shape!, values);
  return tensor && [tensor];
};

export const normalizationEvaluators: Readonly<Record<string, Evaluator>> = {
  Softmax,
  LogSoftmax,
  Hardmax,
  LpNormalization,
  BatchNormalization,
  InstanceNormalization,
  LayerNormalization,
};
