/** Folding of QuantizeLinear and DequantizeLinear: weights that a tool stored as integers, with a scale for all or one a channel. */

import type { DataType } from '../../base/data-type.ts';
import type { Node } from '../../graph/graph.ts';
import { axisOf, int } from '../../graph/operators/read.ts';
import { elementCount, numbers, type Tensor } from '../../graph/tensor.ts';
import { roundEven } from './arithmetic.ts';
import { doubles, floatTensor, isFloat } from './elements.ts';
import type { Evaluator } from './evaluate.ts';

const ranges: Partial<Record<DataType, readonly [number, number]>> = {
  int8: [-128, 127],
  uint8: [0, 255],
  int16: [-32768, 32767],
  uint16: [0, 65535],
};

/** By element, which of the scales it has; undefined for scales in blocks. */
function scaleIndex(node: Node, shape: readonly number[], scale: Tensor): ((at: number) => number) | undefined {
  if (int(node, 'block_size', 0) !== 0) return undefined;
  if (elementCount(scale.shape) === 1) return () => 0;
  const axis = axisOf(node, shape.length, 1);
  if (scale.shape.length !== 1 || scale.shape[0] !== shape[axis]) return undefined;
  const inner = elementCount(shape.slice(axis + 1));
  const count = shape[axis]!;
  return (at) => Math.floor(at / inner) % count;
}

const DequantizeLinear: Evaluator = (context, [x, scale, zero], [output], [shape]) => {
  const of = scaleIndex(context.node, shape!, scale!);
  if (of === undefined || isFloat(x!.dtype) || !isFloat(scale!.dtype)) return undefined;
  if (zero && elementCount(zero.shape) !== elementCount(scale!.shape)) return undefined;
  const [scales, zeros] = [doubles(scale!), zero && numbers(zero)];
  const values = Float64Array.from(numbers(x!), (value, at) => (value - (zeros?.[of(at)] ?? 0)) * scales[of(at)]!);
  const result = floatTensor(output!.dtype, shape!, values);
  return result && [result];
};

/** round(x / scale) + zero, to the range of the type; the quotient is rounded to float32 as runtimes do. */
const QuantizeLinear: Evaluator = (context, [x, scale, zero], [output], [shape]) => {
  const of = scaleIndex(context.node, shape!, scale!);
  const range = ranges[output!.dtype];
  if (of === undefined || range === undefined || x!.dtype !== 'float32' || scale!.dtype !== 'float32') return undefined;
  if (zero && elementCount(zero.shape) !== elementCount(scale!.shape)) return undefined;
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
