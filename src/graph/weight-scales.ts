/**
 * The scales of weights that a model holds as symmetric int8 integers: real = scale × integer. They stay with the tensor while
 * weights are moved, reshaped and multiplied, so that who quantizes them again gets the model's own integers, whatever the
 * largest weight of a channel is.
 */

import { elementCount, type Tensor, type WeightScales, withShape } from './tensor.ts';

/** The tensor under another shape of as many elements, in the same order. */
export function reshaped(tensor: Tensor, shape: readonly number[]): Tensor {
  const { scales } = tensor;
  return withShape(tensor, shape, scales && narrowed(widened(scales, tensor.shape), shape));
}

/** The scales of a tensor whose axis i is axis `order[i]` of the one that had them. */
export function transposedScales(scales: WeightScales, order: readonly number[]): WeightScales {
  const shape = order.map((axis) => scales.shape[axis]!);
  const moving = order.filter((axis) => scales.shape[axis] !== 1);
  if (moving.every((axis, index) => index === 0 || axis > moving[index - 1]!)) return { shape, values: scales.values };
  const strides = stridesOf(scales.shape);
  const values = new Float32Array(scales.values.length);
  const steps = stridesOf(shape);
  for (let at = 0; at < values.length; at++) {
    const from = order.reduce(
      (sum, axis, index) => sum + (Math.floor(at / steps[index]!) % shape[index]!) * strides[axis]!,
      0,
    );
    values[at] = scales.values[from]!;
  }
  return { shape, values };
}

/** One scale for each position along an axis; undefined where scales vary along another, or there are none. */
export function scalesAlong({ scales, shape }: Tensor, axis: number): Float32Array | undefined {
  if (scales === undefined || scales.shape.some((dim, index) => index !== axis && dim !== 1)) return undefined;
  return scales.values.length === 1 ? new Float32Array(shape[axis] ?? 1).fill(scales.values[0]!) : scales.values;
}

/** The scales times |factor|, one factor for each position along an axis. A factor of 0 leaves the scale as it is: the weights are 0. */
export function multipliedScales(
  scales: WeightScales,
  shape: readonly number[],
  axis: number,
  factor: (position: number) => number,
): WeightScales {
  const along = shape[axis]!;
  const wide = scales.shape.map((dim, index) => (index === axis ? along : dim));
  const values = widened(scales, wide);
  const after = elementCount(wide.slice(axis + 1));
  const result = values.map((value, at) => {
    const by = Math.abs(factor(Math.floor(at / after) % along));
    const product = Math.fround(value * by);
    return product > 0 && Number.isFinite(product) ? product : value;
  });
  return { shape: wide, values: result };
}

const stridesOf = (shape: readonly number[]): number[] => shape.map((_, axis) => elementCount(shape.slice(axis + 1)));

/** The scale of every element of a shape. */
function widened(scales: WeightScales, shape: readonly number[]): Float32Array {
  const steps = stridesOf(shape);
  const strides = stridesOf(scales.shape).map((stride, axis) => (scales.shape[axis] === 1 ? 0 : stride));
  const result = new Float32Array(elementCount(shape));
  for (let at = 0; at < result.length; at++) {
    let from = 0;
    for (let axis = 0; axis < shape.length; axis++) {
      if (strides[axis] !== 0) from += (Math.floor(at / steps[axis]!) % shape[axis]!) * strides[axis]!;
    }
    result[at] = scales.values[from]!;
  }
  return result;
}

/** The scales of all elements with every axis along which they do not vary as 1. */
function narrowed(every: Float32Array, shape: readonly number[]): WeightScales {
  const steps = stridesOf(shape);
  const varies = shape.map(
    (dim, axis) =>
      dim > 1 &&
      every.some(
        (value, at) =>
          at >= steps[axis]! && Math.floor(at / steps[axis]!) % dim !== 0 && value !== every[at - steps[axis]!],
      ),
  );
  const narrow = shape.map((dim, axis) => (varies[axis] ? dim : 1));
  const own = stridesOf(narrow);
  const values = Float32Array.from(
    { length: elementCount(narrow) },
    (_, at) => every[narrow.reduce((sum, dim, axis) => sum + (Math.floor(at / own[axis]!) % dim) * steps[axis]!, 0)]!,
  );
  return { shape: narrow, values };
}
