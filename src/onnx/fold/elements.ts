/**
 * The elements of constants while they are computed with: integers as bigints, so that 64-bit arithmetic is exact and
 * wraps as in ONNX's runtimes; floats as doubles, rounded to their type when stored. Rounding the double result of one
 * addition, multiplication, division or square root to float32 or float16 gives the correctly rounded result.
 */

import { type DataType, elementSize } from '../../base/data-type.ts';
import { float16Bits } from '../../base/float16.ts';
import { elementCount, numbers, type Tensor } from '../../graph/tensor.ts';

export type Elements =
  | { readonly kind: 'integer'; readonly values: readonly bigint[] }
  | { readonly kind: 'float'; readonly values: readonly number[] };

export const isFloat = (dtype: DataType): boolean =>
  dtype === 'float32' || dtype === 'float64' || dtype === 'float16' || dtype === 'bfloat16';

/** Integers and bool as bigints. */
export function integers(tensor: Tensor): bigint[] {
  const { bytes, dtype } = tensor;
  if (dtype !== 'int64' && dtype !== 'uint64') return numbers(tensor).map(BigInt);
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Array.from({ length: bytes.length / 8 }, (_, index) =>
    dtype === 'int64' ? view.getBigInt64(index * 8, true) : view.getBigUint64(index * 8, true),
  );
}

export const elementsOf = (tensor: Tensor): Elements =>
  isFloat(tensor.dtype) ? { kind: 'float', values: numbers(tensor) } : { kind: 'integer', values: integers(tensor) };

/** A tensor of the elements, rounded or wrapped to the type; undefined for a type that is not computed with. */
export function tensorOf(dtype: DataType, shape: readonly number[], elements: Elements): Tensor | undefined {
  const bytes = new Uint8Array(elementCount(shape) * elementSize[dtype]);
  const view = new DataView(bytes.buffer);
  if (elements.kind === 'float') {
    const write = floatWriters[dtype];
    if (write === undefined) return undefined;
    for (const [index, value] of elements.values.entries()) write(view, index, value);
    return { dtype, shape, bytes };
  }
  if (isFloat(dtype) || dtype === 'string') return undefined;
  const size = elementSize[dtype];
  for (const [index, value] of elements.values.entries()) {
    if (size === 8) view.setBigInt64(index * 8, value, true);
    else if (size === 4) view.setInt32(index * 4, Number(BigInt.asIntN(32, value)), true);
    else if (size === 2) view.setInt16(index * 2, Number(BigInt.asIntN(16, value)), true);
    else if (dtype === 'bool') view.setUint8(index, value === 0n ? 0 : 1);
    else view.setInt8(index, Number(BigInt.asIntN(8, value)));
  }
  return { dtype, shape, bytes };
}

const floatWriters: Partial<Record<DataType, (view: DataView, index: number, value: number) => void>> = {
  float32: (view, index, value) => view.setFloat32(index * 4, value, true),
  float64: (view, index, value) => view.setFloat64(index * 8, value, true),
  float16: (view, index, value) => view.setUint16(index * 2, float16Bits(value), true),
};
