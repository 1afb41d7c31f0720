/**
 * Constant data. A tensor is a type, a shape and a view of little-endian bytes; the bytes of a model's weights are
 * views of the file it was read from and are never copied. A pass that changes weights says how (computedTensor): they are
 * computed by who reads them, so that checking a network costs nothing for its weights, and compiling it no copy of them.
 */

import { type DataType, elementSize, typedArray } from '../base/data-type.ts';
import { bfloat16Values, float16Values } from '../base/float16.ts';

export interface Tensor {
  readonly dtype: DataType;
  readonly shape: readonly number[];
  /** Little-endian elements, C order. Length is exactly elements × size. Empty for strings, which are not kept. */
  readonly bytes: Uint8Array;
  /** Of floats that the model holds as symmetric int8 integers: the scale of each element (weight-scales.ts). */
  readonly scales?: WeightScales;
}

/** Positive numbers that are broadcast to a tensor: every dimension is the tensor's or 1, in C order. */
export interface WeightScales {
  readonly shape: readonly number[];
  readonly values: Float32Array;
}

/** The number of elements of a shape; 1 for a scalar. */
export const elementCount = (shape: readonly number[]): number => shape.reduce((product, dim) => product * dim, 1);

export function float32Tensor(shape: readonly number[], values: ArrayLike<number>): Tensor {
  const data = values instanceof Float32Array ? values : Float32Array.from(values);
  return { dtype: 'float32', shape, bytes: new Uint8Array(data.buffer, data.byteOffset, data.byteLength) };
}

/** Writes the elements of a tensor from `start` on, as many as `into` holds. */
type WriteElements = (start: number, into: Float32Array) => void;

/** Of the tensors that are computed when they are read, and were not read whole so far. */
const computed = new WeakMap<Tensor, WriteElements>();

/** A float32 tensor that is computed when its bytes are asked for, and then kept; and into memory of their own by those who read it with {@link readFloat32}. */
export function computedTensor(shape: readonly number[], write: WriteElements, scales?: WeightScales): Tensor {
  let kept: Uint8Array | undefined;
  const tensor: Tensor = {
    dtype: 'float32',
    shape,
    ...(scales && { scales }),
    get bytes() {
      if (kept === undefined) {
        const values = new Float32Array(elementCount(shape));
        write(0, values);
        kept = new Uint8Array(values.buffer);
        computed.delete(tensor);
      }
      return kept;
    },
  };
  computed.set(tensor, write);
  return tensor;
}

/** The same elements in the same order under another shape, with the scales that they have there. */
export function withShape(tensor: Tensor, shape: readonly number[], scales?: WeightScales): Tensor {
  if (computed.has(tensor)) return computedTensor(shape, (start, into) => readFloat32(tensor, start, into), scales);
  const { dtype, bytes } = tensor;
  return { dtype, shape, bytes, ...(scales && { scales }) };
}

/** Reads the elements of a tensor from `start` on as float32, as many as `into` holds. */
export function readFloat32(tensor: Tensor, start: number, into: Float32Array): void {
  const write = computed.get(tensor);
  if (write) {
    write(start, into);
    return;
  }
  const { dtype } = tensor;
  const size = elementSize[dtype];
  const bytes = tensor.bytes.subarray(start * size, (start + into.length) * size);
  if (dtype === 'float32') new Uint8Array(into.buffer, into.byteOffset, into.byteLength).set(bytes);
  else into.set(asFloat32({ dtype, shape: [into.length], bytes }));
}

/**
 * Reads tensors as float32, one after the other: in place where they lie so, else in memory that the next one takes again. So
 * the weights of a large network need no more than the largest of them.
 */
export function float32Reader(): (tensor: Tensor) => Float32Array {
  let memory = new Float32Array(0);
  return (tensor) => {
    if (!computed.has(tensor) && tensor.dtype === 'float32' && tensor.bytes.byteOffset % 4 === 0)
      return asFloat32(tensor);
    const count = elementCount(tensor.shape);
    if (memory.length < count) memory = new Float32Array(count);
    const values = memory.subarray(0, count);
    readFloat32(tensor, 0, values);
    return values;
  };
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

/** The elements as float32, rounded where they are of a wider type. No copy of what is float32 and aligned. */
export function asFloat32({ bytes, dtype }: Tensor): Float32Array {
  switch (dtype) {
    case 'float32':
      return typedArray(dtype, bytes);
    case 'float16':
      return float16Values(typedArray(dtype, bytes));
    case 'bfloat16':
      return bfloat16Values(typedArray(dtype, bytes));
    case 'int64':
    case 'uint64':
      return Float32Array.from<number | bigint>(typedArray(dtype, bytes), Number);
    case 'string':
      throw new TypeError('a string tensor has no numbers');
    default:
      return Float32Array.from(typedArray(dtype, bytes));
  }
}

/**
 * What is given for a value of some type, where it is of a narrower one of which every number is one of that type as well: a float16
 * or the bytes of an image for a float32. Anything else as it is.
 */
export function widenedTo(dtype: DataType, tensor: Tensor): Tensor {
  const widens = dtype === 'float32' && float32Holds.includes(tensor.dtype);
  return widens ? float32Tensor(tensor.shape, asFloat32(tensor)) : tensor;
}

/** Types that are given for float32 as they are: every number of theirs is one. (An int8 might stand for a scaled number.) */
export const float32Holds: readonly DataType[] = ['float16', 'bfloat16', 'uint8'];

/** Every element as a number, whatever the type, in a list: for small tensors. Integers beyond 2⁵³ lose bits. */
export function numbers(tensor: Tensor): number[] {
  const { bytes, dtype } = tensor;
  switch (dtype) {
    case 'float16':
    case 'bfloat16':
    case 'string':
      return Array.from(asFloat32(tensor));
    case 'int64':
    case 'uint64':
      return Array.from<number | bigint, number>(typedArray(dtype, bytes), Number);
    default:
      return Array.from(typedArray(dtype, bytes));
  }
}
