/** Moving elements: transposition, slicing and broadcasting are copies with other strides, whatever the type. */

import { elementSize } from '../../base/data-type.ts';
import { elementCount, type Tensor } from '../../graph/tensor.ts';

/** Elements between neighbours along each axis, in C order. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** Calls with each element of `shape` in C order, and `offset` plus the sum of index × stride. */
export function eachPosition(
  shape: readonly number[],
  strides: readonly number[],
  visit: (element: number, position: number) => void,
  offset = 0,
): void {
  const count = elementCount(shape);
  const index = Array<number>(shape.length).fill(0);
  let position = offset;
  for (let element = 0; element < count; element++) {
    visit(element, position);
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      position -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

type Units = Uint8Array | Uint16Array | Uint32Array | BigUint64Array;

/** The elements of a tensor as bits, whatever they mean. */
function units(bytes: Uint8Array, size: number): Units {
  const own = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  const buffer = own.buffer as ArrayBuffer;
  const length = own.byteLength / size;
  if (size === 8) return new BigUint64Array(buffer, own.byteOffset, length);
  if (size === 4) return new Uint32Array(buffer, own.byteOffset, length);
  return size === 2 ? new Uint16Array(buffer, own.byteOffset, length) : new Uint8Array(buffer, own.byteOffset, length);
}

/** A tensor of `shape` whose element at an index is that of `source` at `offset` plus the sum of index × stride. */
export function strided(source: Tensor, shape: readonly number[], strides: readonly number[], offset = 0): Tensor {
  const size = elementSize[source.dtype];
  const bytes = new Uint8Array(elementCount(shape) * size);
  const [from, to] = [units(source.bytes, size), units(bytes, size)] as [Uint32Array, Uint32Array];
  const run = shape.at(-1) ?? 1;
  const step = strides.at(-1) ?? 1;
  if (bytes.length > 0) {
    eachPosition(
      shape.slice(0, -1),
      strides,
      (row, position) => {
        const at = row * run;
        if (step === 1) to.set(from.subarray(position, position + run), at);
        else if (step === 0) to.fill(from[position]!, at, at + run);
        else for (let element = 0; element < run; element++) to[at + element] = from[position + element * step]!;
      },
      offset,
    );
  }
  return { dtype: source.dtype, shape, bytes };
}

/** A tensor of `shape` made of the elements of `source` at the positions; of zeros where a position is negative. */
export function pick(source: Tensor, shape: readonly number[], from: ArrayLike<number>): Tensor {
  const size = elementSize[source.dtype];
  const bytes = new Uint8Array(elementCount(shape) * size);
  const [elements, to] = [units(source.bytes, size), units(bytes, size)] as [Uint32Array, Uint32Array];
  for (let index = 0; index < to.length; index++) if (from[index]! >= 0) to[index] = elements[from[index]!]!;
  return { dtype: source.dtype, shape, bytes };
}

/** The strides with which a tensor of shape `from` is read as if it had shape `to`. */
export function broadcastStrides(from: readonly number[], to: readonly number[]): number[] {
  const strides = stridesOf(from);
  return to.map((_, axis) => {
    const own = axis - to.length + from.length;
    return own < 0 || from[own] === 1 ? 0 : strides[own]!;
  });
}

export const broadcastTo = (tensor: Tensor, shape: readonly number[]): Tensor =>
  tensor.shape.length === shape.length && tensor.shape.every((dim, axis) => dim === shape[axis])
    ? tensor
    : strided(tensor, shape, broadcastStrides(tensor.shape, shape));
