/**
 * The elements of constants while they are computed with: integers as bigints, so that 64-bit arithmetic is exact and
 * wraps as in ONNX's runtimes; floats as doubles, rounded to their type when stored. Rounding the double result of one
 * addition, multiplication, division or square root to float32 or float16 gives the correctly rounded result.
 */

import { type DataType, elementSize, typedArray } from '../../base/data-type.ts';
import { float16Bits } from '../../base/float16.ts';
import { asFloat32, elementCount, numbers, type Tensor } from '../../graph/tensor.ts';

export type Elements =
  | { readonly kind: 'integer'; readonly values: readonly bigint[] }
  | { readonly kind: 'float'; readonly values: Float64Array };

export const isFloat = (dtype: DataType): boolean =>
  dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';

/** Integers and bool as bigints. */
export function integers(tensor: Tensor): bigint[] {
  const { bytes, dtype } = tensor;
  if (dtype !== 'int64' && dtype !== 'uint64') return numbers(tensor).map(BigInt);
  return Array.from<bigint>(typedArray(dtype, bytes));
}

/** Floats as doubles. */
export const doubles = (tensor: Tensor): Float64Array =>
  tensor.dtype === 'float64' ? typedArray('float64', tensor.bytes) : new Float64Array(asFloat32(tensor));

export const elementsOf = (tensor: Tensor): Elements =>
  isFloat(tensor.dtype) ? { kind: 'float', values: doubles(tensor) } : { kind: 'integer', values: integers(tensor) };

const bytesOf = (array: ArrayBufferView): Uint8Array =>
  new Uint8Array(array.buffer, array.byteOffset, array.byteLength);

/** A tensor of doubles, rounded to the type; undefined for a type that is not computed with. */
export function floatTensor(dtype: DataType, shape: readonly number[], values: Float64Array): Tensor | undefined {
  switch (dtype) {
    case 'float32':
      return { dtype, shape, bytes: bytesOf(new Float32Array(values)) };
    case 'float64':
      return { dtype, shape, bytes: bytesOf(values) };
    case 'float16':
      return { dtype, shape, bytes: bytesOf(Uint16Array.from(values, float16Bits)) };
    default:
      return undefined;
  }
}

/** A tensor of the elements, rounded or wrapped to the type; undefined for a type that is not computed with. */
export function tensorOf(dtype: DataType, shape: readonly number[], elements: Elements): Tensor | undefined {
  if (elements.kind === 'float') return floatTensor(dtype, shape, elements.values);
  if (isFloat(dtype) || dtype === 'string') return undefined;
  const size = elementSize[dtype];
  const bytes = new Uint8Array(elementCount(shape) * size);
  const view = new DataView(bytes.buffer);
  for (const [index, value] of elements.values.entries()) {
    if (size === 8) view.setBigInt64(index * 8, value, true);
    else if (size === 4) view.setInt32(index * 4, Number(BigInt.asIntN(32, value)), true);
    else if (size === 2) view.setInt16(index * 2, Number(BigInt.asIntN(16, value)), true);
    else if (dtype === 'bool') view.setUint8(index, value === 0n ? 0 : 1);
    else view.setInt8(index, Number(BigInt.asIntN(8, value)));
  }
  return { dtype, shape, bytes };
}
