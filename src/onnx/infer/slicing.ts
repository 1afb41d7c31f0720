/** Operators that cut, join, repeat and pick elements. */

import type { Dim } from '../../graph/graph.ts';
import {
  concatAxis,
  cutRange,
  gatherAxis,
  isWhole,
  padOf,
  sliceCuts,
  sliceLists,
  splitOf,
} from '../../graph/operators/movement.ts';
import { axisIn, int, known } from '../../graph/operators/read.ts';
import { type InferRule, type InferRules, isNumber, showShape, typed } from './rule.ts';

const Concat: InferRule = (context) => {
  const shapes = context.node.inputs.map((_, index) => context.shape(index));
  const first = shapes.find((shape) => shape !== undefined);
  if (first === undefined) return [typed(context.dtype(0), undefined)];
  const axis = concatAxis(context.node, context.lookup, first.length);
  const shape = first.map((dim, index): Dim => {
    const dims = shapes.map((other) => {
      if (other && other.length !== first.length)
        context.mismatch('the inputs differ in rank', showShape(first), showShape(other));
      return other?.[index];
    });
    if (index === axis) {
      return dims.every(isNumber) ? dims.reduce((sum, size) => sum + size, 0) : context.unknown(index);
    }
    const known = dims.filter(isNumber);
    if (known.some((size) => size !== known[0])) {
      context.mismatch(`the inputs differ along axis ${index}`, known[0], known.join(', '));
    }
    return known[0] ?? dim;
  });
  return [typed(context.dtype(0), shape)];
};

const Split: InferRule = (context) => {
  const x = context.shape(0);
  const dtype = context.dtype(0);
  const count = context.node.outputs.length;
  if (x === undefined) return Array.from({ length: count }, () => typed(dtype, undefined));
  const { axis, sizes } = splitOf(context.node, context.lookup, x.length);
  const total = x[axis]!;
  const part = (index: number): Dim => {
    if (typeof sizes !== 'string') return sizes[index]!;
    if (!isNumber(total) || sizes === 'run-time') return context.unknown(axis, index);
    // Since opset 18 the last part may be smaller.
    const each = Math.ceil(total / count);
    if (context.opset < 18 && total % count !== 0)
      context.mismatch('the input does not split evenly', `a multiple of ${count}`, total);
    if (each * (count - 1) > total)
      context.mismatch('the input is too small for its parts', `${each} each`, `${total} in ${count}`);
    return Math.min(each, total - each * index);
  };
  if (typeof sizes !== 'string' && sizes.every(isNumber) && isNumber(total)) {
    const sum = sizes.reduce((before, size) => before + size, 0);
    if (sum !== total) context.mismatch('the parts do not add up to the input', total, sum);
  }
  return Array.from({ length: count }, (_, index) => typed(dtype, x.with(axis, part(index))));
};

const Slice: InferRule = (context) => {
  const x = context.shape(0);
  if (x === undefined) return [typed(context.dtype(0), undefined)];
  const { node, lookup } = context;
  const cuts = sliceCuts(node, lookup, x.length);
  if (cuts === 'run-time') {
    const axes = known(sliceLists(node, lookup).axes);
    const touched = axes && new Set(axes.map((axis) => axisIn(node, axis, x.length)));
    return [
      typed(
        context.dtype(0),
        x.map((dim, axis) => (touched && !touched.has(axis) ? dim : context.unknown(axis))),
      ),
    ];
  }
  const shape = [...x];
  for (const cut of cuts) {
    const dim = shape[cut.axis]!;
    if (isNumber(dim)) shape[cut.axis] = cutRange(dim, cut).count;
    else if (!isWhole(cut)) shape[cut.axis] = context.unknown(cut.axis);
  }
  return [typed(context.dtype(0), shape)];
};

const Gather: InferRule = (context) => {
  const x = context.shape(0);
  const indices = context.shape(1);
  if (x === undefined || indices === undefined) return [typed(context.dtype(0), undefined)];
  const axis = gatherAxis(context.node, x.length);
  return [typed(context.dtype(0), [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)])];
};

const GatherElements: InferRule = (context) => [typed(context.dtype(0), context.shape(1))];

const GatherND: InferRule = (context) => {
  const x = context.shape(0);
  const indices = context.shape(1);
  const last = indices?.at(-1);
  if (x === undefined || indices === undefined || !isNumber(last)) return [typed(context.dtype(0), undefined)];
  const batch = int(context.node, 'batch_dims', 0);
  if (batch < 0 || last < 1 || batch + last > x.length || batch >= indices.length) {
    context.mismatch('the indices do not fit the input', `1 to ${x.length} with batch_dims ${batch}`, last);
  }
  return [typed(context.dtype(0), [...indices.slice(0, -1), ...x.slice(last + batch)])];
};

const Expand: InferRule = (context) => {
  const target = context.dims(1);
  if (target === undefined) {
    const [least, given] = [context.shape(0)?.length, context.shape(1)?.[0]];
    const known = least !== undefined && isNumber(given) && given <= 64;
    return [typed(context.dtype(0), known ? context.unknownShape(Math.max(least, given)) : undefined)];
  }
  if (target.some((dim) => isNumber(dim) && dim < 0)) context.mismatch('a size is negative', '0 or more', `${target}`);
  return [typed(context.dtype(0), context.broadcast([context.shape(0), target]))];
};

const Tile: InferRule = (context) => {
  const x = context.shape(0);
  const repeats = context.dims(1);
  if (x === undefined) return [typed(context.dtype(0), undefined)];
  if (repeats !== undefined && repeats.length !== x.length) {
    context.mismatch('repeats do not fit the rank', x.length, repeats.length);
  }
  if (repeats?.some((times) => isNumber(times) && times < 0)) {
    context.mismatch('a repeat is negative', '0 or more', repeats.join(', '));
  }
  return [
    typed(
      context.dtype(0),
      x.map((dim, axis) => {
        const times = repeats?.[axis];
        if (times === 1) return dim;
        return isNumber(dim) && isNumber(times) ? dim * times : context.unknown(axis);
      }),
    ),
  ];
};

const Pad: InferRule = (context) => {
  const x = context.shape(0);
  if (x === undefined) return [typed(context.dtype(0), undefined)];
  const { pads } = padOf(context.node, context.lookup, x.length);
  if (pads === 'run-time') return [typed(context.dtype(0), context.unknownShape(x.length))];
  const shape = x.map((dim, axis): Dim => {
    const added = pads[axis]! + pads[axis + x.length]!;
    if (added === 0) return dim;
    if (!isNumber(dim)) return context.unknown(axis);
    if (dim + added < 0) context.mismatch('the pads remove more than the input has', dim, added);
    return dim + added;
  });
  return [typed(context.dtype(0), shape)];
};

export const slicingRules: InferRules = {
  Concat,
  Split,
  Slice,
  Gather,
  GatherElements,
  GatherND,
  Expand,
  Tile,
  Pad,
};
