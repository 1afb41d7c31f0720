/** Folding of operators that only move, repeat or pick elements. */

import { elementSize } from '../../base/data-type.ts';
import {
  concatAxis,
  cutRange,
  gatherAxis,
  permutationOf,
  shapeSlice,
  sliceCuts,
  splitOf,
} from '../../graph/operators/movement.ts';
import { dropsNothing } from '../../graph/operators/point.ts';
import { axisOf, tensor as tensorOf } from '../../graph/operators/read.ts';
import { elementCount, int64Tensor, numbers, type Tensor } from '../../graph/tensor.ts';
import { reshaped, transposedScales } from '../../graph/weight-scales.ts';
import { integers, isFloat } from './elements.ts';
import type { Evaluator, FoldingBudget } from './evaluate.ts';
import { broadcastTo, eachPosition, pick, strided, stridesOf } from './strided.ts';

/** Operators whose result is the same bytes under another shape: they cost nothing. */
export const views: ReadonlySet<string> = new Set(['Identity', 'Reshape', 'Flatten', 'Squeeze', 'Unsqueeze']);

const view: Evaluator = (_, [x], __, [shape]) => [reshaped(x!, shape!)];

/** At inference, and without its mask. */
const Dropout: Evaluator = (context, [x]) =>
  dropsNothing(context.node, context.lookup) && context.node.outputs.length === 1 ? [x!] : undefined;

const Transpose: Evaluator = (context, [x], _, [shape]) => {
  const order = permutationOf(context.node, x!.shape.length);
  const strides = stridesOf(x!.shape);
  const reordered = order.map((axis) => strides[axis]!);
  const result = strided(x!, shape!, reordered);
  return [x!.scales ? { ...result, scales: transposedScales(x!.scales, order) } : result];
};

const Slice: Evaluator = (context, [x], _, [shape]) => {
  const cuts = sliceCuts(context.node, context.lookup, x!.shape.length);
  if (cuts === 'run-time') return undefined;
  const strides = stridesOf(x!.shape);
  let offset = 0;
  for (const cut of cuts) {
    offset += cutRange(x!.shape[cut.axis]!, cut).first * strides[cut.axis]!;
    strides[cut.axis] = strides[cut.axis]! * cut.step;
  }
  return [strided(x!, shape!, strides, offset)];
};

const Gather: Evaluator = (context, [x, indices], _, [shape]) => {
  const axis = gatherAxis(context.node, x!.shape.length);
  const size = x!.shape[axis]!;
  if (isFloat(indices!.dtype)) return undefined;
  const rows = numbers(indices!).map((index) => (index < 0 ? index + size : index));
  if (rows.some((index) => index < 0 || index >= size)) {
    context.mismatch('an index is out of range', `${-size} to ${size - 1}`, numbers(indices!).join(', '));
  }
  const run = elementCount(x!.shape.slice(axis + 1)) * elementSize[x!.dtype];
  const outer = elementCount(x!.shape.slice(0, axis));
  const bytes = new Uint8Array(elementCount(shape!) * elementSize[x!.dtype]);
  let target = 0;
  for (let block = 0; block < outer; block++) {
    for (const row of rows) {
      const at = (block * size + row) * run;
      bytes.set(x!.bytes.subarray(at, at + run), target);
      target += run;
    }
  }
  return [{ dtype: x!.dtype, shape: shape!, bytes }];
};

const Concat: Evaluator = (context, inputs, _, [shape]) => {
  const tensors = inputs as readonly Tensor[];
  if (tensors.some(({ dtype }) => dtype !== tensors[0]!.dtype)) return undefined;
  const axis = concatAxis(context.node, context.lookup, shape!.length);
  const outer = elementCount(shape!.slice(0, axis));
  const size = elementSize[tensors[0]!.dtype];
  const bytes = new Uint8Array(elementCount(shape!) * size);
  const runs = tensors.map((tensor) => tensor.bytes.length / Math.max(1, outer));
  let target = 0;
  for (let block = 0; block < outer; block++) {
    for (const [index, tensor] of tensors.entries()) {
      const run = runs[index]!;
      bytes.set(tensor.bytes.subarray(block * run, (block + 1) * run), target);
      target += run;
    }
  }
  return [{ dtype: tensors[0]!.dtype, shape: shape!, bytes }];
};

const Split: Evaluator = (context, [x], _, shapes) => {
  const { axis } = splitOf(context.node, context.lookup, x!.shape.length);
  const strides = stridesOf(x!.shape);
  let offset = 0;
  return shapes.map((shape) => {
    const part = strided(x!, shape, strides, offset);
    offset += shape[axis]! * strides[axis]!;
    return part;
  });
};

const Expand: Evaluator = (_, [x], __, [shape]) => [broadcastTo(x!, shape!)];

const Tile: Evaluator = (_, [x], __, [shape]) => {
  // Every axis becomes two, repetition and position, the first with stride 0.
  const strides = stridesOf(x!.shape);
  const split = x!.shape.flatMap((dim, axis) => [dim === 0 ? 0 : shape![axis]! / dim, dim]);
  const steps = strides.flatMap((stride) => [0, stride]);
  return [{ ...strided(x!, split, steps), shape: shape! }];
};

const Where: Evaluator = (_, [condition, x, y], __, [shape]) => {
  if (condition!.dtype !== 'bool' || x!.dtype !== y!.dtype) return undefined;
  const chosen = broadcastTo(condition!, shape!).bytes;
  const [whenTrue, whenFalse] = [broadcastTo(x!, shape!), broadcastTo(y!, shape!)];
  const size = elementSize[x!.dtype];
  const bytes = new Uint8Array(elementCount(shape!) * size);
  for (let index = 0; index < chosen.length; index++) {
    const source = chosen[index] ? whenTrue : whenFalse;
    for (let at = index * size; at < (index + 1) * size; at++) bytes[at] = source.bytes[at]!;
  }
  return [{ dtype: x!.dtype, shape: shape!, bytes }];
};

const ConstantOfShape: Evaluator = (context, _, [output], [shape]) => {
  const zero = { dtype: output!.dtype, shape: [1], bytes: new Uint8Array(elementSize[output!.dtype]) };
  const value: Tensor = tensorOf(context.node, 'value') ?? zero;
  if (elementCount(value.shape) !== 1 || value.dtype === 'string') return undefined;
  return [broadcastTo({ ...value, shape: [] }, shape!)];
};

const Shape: Evaluator = (context, [x]) => {
  const { start, end } = shapeSlice(context.node, x!.shape.length);
  const dims = x!.shape.slice(start, end);
  return [int64Tensor([dims.length], dims)];
};

const Size: Evaluator = (_, [x]) => [int64Tensor([], [elementCount(x!.shape)])];

const maxIndices = 1 << 20;

/** The shape of NonZero is not inferred, so this stands outside the table; see resolve. */
export function nonZero(x: Tensor, budget: FoldingBudget): Tensor | undefined {
  const indices = elementCount(x.shape) * Math.max(1, x.shape.length);
  if (x.dtype === 'string' || indices > maxIndices || !budget.spend(indices)) return undefined;
  const values = numbers(x);
  const strides = stridesOf(x.shape);
  const found = values.flatMap((value, index) => (value === 0 ? [] : [index]));
  const rows = x.shape.flatMap((dim, axis) => found.map((index) => Math.floor(index / strides[axis]!) % dim));
  return int64Tensor([x.shape.length, found.length], rows);
}

const GatherElements: Evaluator = (context, [x, indices], _, [shape]) => {
  const axis = axisOf(context.node, x!.shape.length, 0);
  const strides = stridesOf(x!.shape);
  const step = strides[axis]!;
  const size = x!.shape[axis]!;
  if (isFloat(indices!.dtype)) return undefined;
  const picks = integers(indices!).map((index) => Number(index < 0n ? index + BigInt(size) : index));
  if (picks.some((index) => index < 0 || index >= size)) context.mismatch('an index is out of range', `below ${size}`);
  const from = new Float64Array(picks.length);
  eachPosition(shape!, strides.with(axis, 0), (element, base) => {
    from[element] = base + picks[element]! * step;
  });
  return [pick(x!, shape!, from)];
};

export const movementEvaluators: Readonly<Record<string, Evaluator>> = {
  Identity: view,
  Reshape: view,
  Flatten: view,
  Squeeze: view,
  Unsqueeze: view,
  Dropout,
  Transpose,
  Slice,
  Gather,
  GatherElements,
  Concat,
  Split,
  Expand,
  Tile,
  Where,
  ConstantOfShape,
  Shape,
  Size,
};
