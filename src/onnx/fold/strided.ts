/** Moving elements: transposition, slicing and broadcasting are copies with other strides, whatever the type. */

import { elementSize } from '../../base/data-type.ts';
import { elementCount, type Tensor } from '../../graph/tensor.ts';

/** Elements between neighbours along each axis, in C order. */
export function stridesOf(shape: readonly number[]): number[] {
  const strides = Array<number>(shape.length).fill(1);
  for (let axis = shape.length - 2; axis >= 0; axis--) strides[axis] = strides[axis + 1]! * shape[axis + 1]!;
  return strides;
}

/** For each element of `shape` in C order, `offset` plus the sum of index × stride. */
export function* positions(shape: readonly number[], strides: readonly number[], offset = 0): Generator<number> {
  const count = elementCount(shape);
  const index = Array<number>(shape.length).fill(0);
  let position = offset;
  for (let done = 0; done < count; done++) {
    yield position;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      position += strides[axis]!;
      if (++index[axis]! < shape[axis]!) break;
      position -= strides[axis]! * shape[axis]!;
      index[axis] = 0;
    }
  }
}

/** A tensor of `shape` made of the elements of `source` at the positions. */
export function pick(source: Tensor, shape: readonly number[], from: Iterable<number>): Tensor {
  const size = elementSize[source.dtype];
  const bytes = new Uint8Array(elementCount(shape) * size);
  let target = 0;
  for (const position of from) {
    for (let byte = 0; byte < size; byte++) bytes[target++] = source.bytes[position * size + byte]!;
  }
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
  pick(tensor, shape, positions(shape, broadcastStrides(tensor.shape, shape)));
