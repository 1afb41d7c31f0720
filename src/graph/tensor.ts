/**
 * Constant data. A tensor is a type, a shape and a view of little-endian bytes; the bytes of a model's weights are
 * views of the file it was read from and are never copied until a pass changes them.
 */

import { type DataType, typedArray } from '../base/data-type.ts';
import { bfloat16Value, float16Value } from '../base/float16.ts';

export interface Tensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Little-endian elements, C order. Length is exactly elements × size. Empty for strings, which are not kept. */
  readonly bytes: Uint8Array;
}

/** The number of elements of a shape; 1 for a scalar. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

export function float32Tensor(shape: readonly number[], values: ArrayLike<number>): Tensor {
  const data = values instanceof Float32Array ? values : Float32Array.from(values);
  return { dtype: 'float32', shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

export function int64Tensor(shape: readonly number[], values: readonly (number | bigint)[]): Tensor {
  const data = BigInt64Array.from(values, (value) => BigInt(value));
  return { dtype: 'int64', shape, bytes: new Uint8Array(data.buffer) };
}

/** Float32 elements, without a copy where the bytes are aligned. @throws TypeError when the tensor is not float32. */
export function float32Values(tensor: Tensor): Float32Array {
  if (tensor.dtype !== 'float32') throw new TypeError(`float32 tensor wanted, got ${tensor.dtype}`);
  return typedArray('float32', tensor.bytes);
}

/** Every element as a number, whatever the type. Integers beyond 2⁵³ lose bits; strings are refused. */
export function numbers({ bytes, dtype }: Tensor): number[] {
  if (dtype === 'string') throw new TypeError('a string tensor has no numbers');
  if (dtype === 'float16') return Array.from(typedArray(dtype, bytes), float16Value);
  if (dtype === 'bfloat16') return Array.from(typedArray(dtype, bytes), bfloat16Value);
  return Array.from<number | bigint, number>(typedArray(dtype, bytes), Number);
}
