/** Folding of QuantizeLinear and DequantizeLinear: weights that a tool stored as integers, with a scale for all or one a channel. */

import { type DataType, typedArray } from '../../base/data-type.ts';
import { isSymmetricInt8, scaleAxis } from '../../graph/operators/quantization.ts';
import { asFloat32, elementCount, numbers, type Tensor, type WeightScales } from '../../graph/tensor.ts';
import { roundEven } from './arithmetic.ts';
import { doubles, floatTensor, isFloat } from './elements.ts';
import type { Evaluator } from './evaluate.ts';

const ranges: Partial<Record<DataType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/** By element, which of the scales along an axis it has. */
function scaleIndex(shape: readonly number[], axis: number | 'tensor'): (at: number) => number {
  if (axis === 'tensor') return () => 0;
  const inner = elementCount(shape.slice(axis + 1));
  const count = shape[axis]!;
  return (at) => Math.floor(at / inner) % count;
}

const elementsOf = (tensor: Tensor): ArrayLike<number> =>
  tensor.dtype === 'int8' || tensor.dtype === 'uint8' || tensor.dtype === 'int32'
    ? typedArray(tensor.dtype, tensor.bytes)
    : numbers(tensor);

/**
 * Integers as real numbers, which keep the scales they came with where they are symmetric int8.
 * @param axis along which scales vary, or `tensor` for one scale
 */
export function dequantized(
  x: Tensor,
  scale: Tensor,
  zero: Tensor | undefined,
  axis: number | 'tensor',
  dtype: DataType = 'float32',
): Tensor | undefined {
  if (isFloat(x.dtype) || !isFloat(scale.dtype)) return undefined;
  if (zero && elementCount(zero.shape) !== elementCount(scale.shape)) return undefined;
  const of = scaleIndex(x.shape, axis);
  const [scales, zeros, integers] = [doubles(scale), zero && numbers(zero), elementsOf(x)];
  const values = new Float64Array(integers.length);
  for (let at = 0; at < values.length; at++) values[at] = (integers[at]! - (zeros?.[of(at)] ?? 0)) * scales[of(at)]!;
  const result = floatTensor(dtype, x.shape, values);
  const own = isSymmetricInt8(x.dtype, zero) ? weightScales(x.shape, scale, axis) : undefined;
  return result && own ? { ...result, scales: own } : result;
}

function weightScales(shape: readonly number[], scale: Tensor, axis: number | 'tensor'): WeightScales | undefined {
  const values = asFloat32(scale);
  if (!values.every((value) => value > 0 && Number.isFinite(value))) return undefined;
  return { shape: shape.map((dim, index) => (index === axis ? dim : 1)), values };
}

const DequantizeLinear: Evaluator = (context, [x, scale, zero], [output], [shape]) => {
  const axis = scaleAxis(context.node, shape!, scale!);
  const result = axis === undefined ? undefined : dequantized(x!, scale!, zero, axis, output!.dtype);
  return result && [result];
};

/** round(x / scale) + zero, to the range of the type; the quotient is rounded to float32 as runtimes do. */
const QuantizeLinear: Evaluator = (context, [x, scale, zero], [output], [shape]) => {
  const axis = scaleAxis(context.node, shape!, scale!);
  const range = ranges[output!.dtype];
  if (axis === undefined || range === undefined || x!.dtype !== 'float32' || scale!.dtype !== 'float32')
    return undefined;
  if (zero && elementCount(zero.shape) !== elementCount(scale!.shape)) return undefined;
  const of = scaleIndex(shape!, axis);
  const [scales, zeros] = [doubles(scale!), zero && numbers(zero)];
  const values = doubles(x!);
  if (values.some(Number.isNaN)) return undefined;
  const whole = values.map((value, at) => {
    const quantized = roundEven(Math.fround(value / scales[of(at)]!)) + (zeros?.[of(at)] ?? 0);
    return Math.min(range[1], Math.max(range[0], quantized));
  });
  const wide = output!.dtype.endsWith('16');
  const bytes = wide ? new Uint8Array(Int16Array.from(whole).buffer) : new Uint8Array(Int8Array.from(whole).buffer);
  return [{ dtype: output!.dtype, shape: shape!, bytes }];
};

export const quantizationEvaluators: Readonly<Record<string, Evaluator>> = { QuantizeLinear, DequantizeLinear };
