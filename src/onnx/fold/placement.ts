/** Folding of operators that put elements elsewhere: padding, scattering, blocks to depth and back, triangles. */

import { blocksOf, padOf } from '../../graph/operators/movement.ts';
import { axisOf, flag, int, string } from '../../graph/operators/read.ts';
import { elementCount, numbers, type Tensor } from '../../graph/tensor.ts';
import { isFloat, tensorOf } from './elements.ts';
import type { Evaluator } from './evaluate.ts';
import { eachPosition, pick, strided, stridesOf } from './strided.ts';

/** The element of an axis of `size` that stands at `index`, which may lie outside; −1 for the value of the padding. */
function padded(mode: string, index: number, size: number): number {
  if (index >= 0 && index < size) return index;
  switch (mode) {
    case 'edge':
      return Math.min(size - 1, Math.max(0, index));
    case 'wrap':
      return ((index % size) + size) % size;
    case 'reflect': {
      const period = 2 * (size - 1);
      const at = period === 0 ? 0 : ((index % period) + period) % period;
      return at < size ? at : period - at;
    }
    default:
      return -1;
  }
}

const modes = ['constant', 'edge', 'reflect', 'wrap'];

const Pad: Evaluator = (context, [x], _, [shape]) => {
  const { mode, pads, value } = padOf(context.node, context.lookup, shape!.length);
  if (pads === 'run-time' || value === 'run-time' || !modes.includes(mode) || x!.shape.includes(0)) return undefined;
  const fill = isFloat(x!.dtype)
    ? tensorOf(x!.dtype, [], { kind: 'float', values: Float64Array.of(value) })
    : tensorOf(x!.dtype, [], { kind: 'integer', values: [BigInt(Math.trunc(value))] });
  if (fill === undefined) return undefined;
  const strides = stridesOf(x!.shape);
  let from = new Float64Array([0]);
  for (const [axis, size] of shape!.entries()) {
    const line = Array.from({ length: size }, (_, index) => padded(mode, index - pads[axis]!, x!.shape[axis]!));
    const next = new Float64Array(from.length * size);
    for (let outer = 0; outer < from.length; outer++) {
      for (let index = 0; index < size; index++) {
        const inside = from[outer]! >= 0 && line[index]! >= 0;
        next[outer * size + index] = inside ? from[outer]! + line[index]! * strides[axis]! : -1;
      }
    }
    from = next;
  }
  const result = pick(x!, shape!, from);
  const size = fill.bytes.length;
  for (let element = 0; element < from.length; element++)
    if (from[element]! < 0) result.bytes.set(fill.bytes, element * size);
  return [result];
};

const Trilu: Evaluator = (context, [x, kInput], _, [shape]) => {
  const upper = flag(context.node, 'upper', true);
  const k = kInput ? numbers(kInput)[0]! : 0;
  const [rows, columns] = [shape!.at(-2) ?? 1, shape!.at(-1) ?? 1];
  const from = Float64Array.from({ length: elementCount(shape!) }, (_, element) => {
    const column = element % columns;
    const row = Math.floor(element / columns) % rows;
    return (upper ? column - row >= k : column - row <= k) ? element : -1;
  });
  return [pick(x!, shape!, from)];
};

/** The axes of `split` in the order `order`, as one copy. */
const reordered = (x: Tensor, split: readonly number[], order: readonly number[], shape: readonly number[]): Tensor => {
  const strides = stridesOf(split);
  const dims = order.map((axis) => split[axis]!);
  const steps = order.map((axis) => strides[axis]!);
  return { ...strided(x, dims, steps), shape };
};

const DepthToSpace: Evaluator = (context, [x], _, [shape]) => {
  const { size, mode } = blocksOf(context.node);
  const [n = 1, c = 1, h = 1, w = 1] = x!.shape;
  const depth = c / (size * size);
  return mode === 'DCR'
    ? [reordered(x!, [n, size, size, depth, h, w], [0, 3, 4, 1, 5, 2], shape!)]
    : [reordered(x!, [n, depth, size, size, h, w], [0, 1, 4, 2, 5, 3], shape!)];
};

const SpaceToDepth: Evaluator = (context, [x], _, [shape]) => {
  const { size } = blocksOf(context.node);
  const [n = 1, c = 1, h = 1, w = 1] = x!.shape;
  return [reordered(x!, [n, c, h / size, size, w / size, size], [0, 3, 5, 1, 2, 4], shape!)];
};

const EyeLike: Evaluator = (context, _, [output], [shape]) => {
  const k = int(context.node, 'k', 0);
  const ones = Float64Array.from({ length: elementCount(shape!) }, (_, element) =>
    (element % shape![1]!) - Math.floor(element / shape![1]!) === k ? 1 : 0,
  );
  const elements = isFloat(output!.dtype)
    ? ({ kind: 'float', values: ones } as const)
    : ({ kind: 'integer', values: Array.from(ones, BigInt) } as const);
  const result = tensorOf(output!.dtype, shape!, elements);
  return result && [result];
};

/** A copy of `data` whose runs of `length` elements at the positions are those of `updates`. */
function scattered(data: Tensor, updates: Tensor, positions: readonly number[], length: number): Tensor | undefined {
  if (updates.dtype !== data.dtype) return undefined;
  const run = (data.bytes.length / Math.max(1, elementCount(data.shape))) * length;
  const bytes = new Uint8Array(data.bytes);
  for (const [index, position] of positions.entries()) {
    bytes.set(updates.bytes.subarray(index * run, (index + 1) * run), (position / length) * run);
  }
  return { ...data, bytes };
}

/** Each row of the last axis of the indices as a position; undefined where one lies outside. */
function rowPositions(data: Tensor, indices: Tensor, first: number): number[] | undefined {
  const depth = indices.shape.at(-1) ?? 0;
  const strides = stridesOf(data.shape);
  const values = numbers(indices);
  const positions: number[] = [];
  const rows = depth === 0 ? 0 : values.length / depth;
  for (let row = 0; row < rows; row++) {
    let position = 0;
    for (let axis = 0; axis < depth; axis++) {
      const size = data.shape[first + axis] ?? 0;
      const given = values[row * depth + axis]!;
      const index = given < 0 ? given + size : given;
      if (index < 0 || index >= size) return undefined;
      position += index * strides[first + axis]!;
    }
    positions.push(position);
  }
  return positions;
}

const plain = (context: Parameters<Evaluator>[0]): boolean => string(context.node, 'reduction', 'none') === 'none';

const ScatterND: Evaluator = (context, [data, indices, updates]) => {
  const positions = plain(context) ? rowPositions(data!, indices!, 0) : undefined;
  const length = elementCount(data!.shape.slice(indices!.shape.at(-1) ?? 0));
  const fits = positions !== undefined && elementCount(updates!.shape) === positions.length * length;
  const result = fits ? scattered(data!, updates!, positions, length) : undefined;
  return result && [result];
};

const ScatterElements: Evaluator = (context, [data, indices, updates]) => {
  const axis = axisOf(context.node, data!.shape.length, 0);
  const same = indices!.shape.join() === updates!.shape.join() && indices!.shape.length === data!.shape.length;
  const inside = indices!.shape.every((dim, at) => at === axis || dim <= data!.shape[at]!);
  if (!plain(context) || !same || !inside) return undefined;
  const strides = stridesOf(data!.shape);
  const size = data!.shape[axis]!;
  const picks = numbers(indices!).map((index) => (index < 0 ? index + size : index));
  if (picks.some((index) => index < 0 || index >= size)) return undefined;
  const positions = Array<number>(picks.length);
  eachPosition(indices!.shape, strides.with(axis, 0), (element, base) => {
    positions[element] = base + picks[element]! * strides[axis]!;
  });
  const result = scattered(data!, updates!, positions, 1);
  return result && [result];
};

const GatherND: Evaluator = (context, [data, indices], _, [shape]) => {
  if (int(context.node, 'batch_dims', 0) !== 0) return undefined;
  const positions = rowPositions(data!, indices!, 0);
  const length = elementCount(data!.shape.slice(indices!.shape.at(-1) ?? 0));
  if (positions === undefined || elementCount(shape!) !== positions.length * length) return undefined;
  const from = positions.flatMap((position) => Array.from({ length }, (_, element) => position + element));
  return [pick(data!, shape!, from)];
};

export const placementEvaluators: Readonly<Record<string, Evaluator>> = {
  Pad,
  Trilu,
  DepthToSpace,
  SpaceToDepth,
  EyeLike,
  ScatterND,
  ScatterElements,
  Scatter: ScatterElements,
  GatherND,
};
