/** Operators that cut, join, repeat and pick elements. */

import type { Dim } from '../../graph/graph.ts';
import { broadcast } from './broadcast.ts';
import { type InferContext, type InferRule, type InferRules, isNumber, showShape, typed } from './rule.ts';

const Concat: InferRule = (context) => {
  const shapes = context.node.inputs.map((_, index) => context.shape(index));
  const first = shapes.find((shape) => shape !== undefined);
  if (first === undefined) return [typed(context.dtype(0), undefined)];
  const axis = context.axis(context.int('axis', context.opset < 4 ? 1 : 0), first.length);
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
  const axis = context.axis(context.int('axis', 0), x.length);
  const total = x[axis]!;
  const sizes = context.has(1) ? context.dims(1) : context.ints('split');
  const part = (index: number): Dim => {
    if (sizes !== undefined) return sizes[index]!;
    if (!isNumber(total) || context.has(1)) return context.unknown(axis, index);
    // Since opset 18 the last part may be smaller.
    const each = Math.ceil(total / count);
    if (context.opset < 18 && total % count !== 0)
      context.mismatch('the input does not split evenly', `a multiple of ${count}`, total);
    return Math.min(each, total - each * index);
  };
  const wrong = sizes && (sizes.length !== count || sizes.some((size) => isNumber(size) && size < 0));
  if (wrong) context.mismatch('the sizes do not fit the outputs', `${count} sizes`, sizes.join(', '));
  if (sizes?.every(isNumber) && isNumber(total)) {
    const sum = sizes.reduce((before, size) => before + size, 0);
    if (sum !== total) context.mismatch('the parts do not add up to the input', total, sum);
  }
  return Array.from({ length: count }, (_, index) => typed(dtype, x.with(axis, part(index))));
};

export interface SliceSpec {
  readonly starts: readonly number[];
  readonly ends: readonly number[];
  readonly axes: readonly number[];
  readonly steps: readonly number[];
}

/** Attributes before opset 10, inputs since. Undefined where an input is not constant. @throws shape/mismatch */
export function sliceSpec(context: InferContext, rank: number): SliceSpec | undefined {
  const fromInputs = context.has(1);
  const starts = fromInputs ? context.values(1) : context.ints('starts');
  const ends = fromInputs ? context.values(2) : context.ints('ends');
  if (starts === undefined || ends === undefined) return undefined;
  const givenAxes = fromInputs ? context.values(3) : context.ints('axes');
  const steps = fromInputs ? (context.values(4) ?? starts.map(() => 1)) : starts.map(() => 1);
  if (fromInputs && ((context.has(3) && !givenAxes) || (context.has(4) && !context.values(4)))) return undefined;
  const axes = (givenAxes ?? starts.map((_, axis) => axis)).map((axis) => context.axis(axis, rank));
  if (ends.length !== starts.length || axes.length !== starts.length || steps.length !== starts.length) {
    context.mismatch('starts, ends, axes and steps differ in length');
  }
  if (new Set(axes).size !== axes.length) context.mismatch('an axis is sliced twice');
  if (steps.includes(0)) context.mismatch('a step is 0');
  return { starts, ends, axes, steps };
}

/** Where a slice of an axis begins and how many elements it takes. */
export function sliceRange(size: number, start: number, end: number, step: number): { first: number; count: number } {
  const clamp = (index: number, low: number, high: number): number =>
    Math.min(high, Math.max(low, index < 0 ? index + size : index));
  const [low, high] = step > 0 ? [0, size] : [-1, size - 1];
  const first = clamp(start, 0, high);
  // "To the end", as onnxruntime reads these two when it slices backwards as well.
  const open = end === 2 ** 31 - 1 || end >= 2 ** 63;
  const last = step < 0 && open ? -1 : clamp(end, low, high);
  return { first, count: Math.max(0, Math.ceil((last - first) / step)) };
}

const Slice: InferRule = (context) => {
  const x = context.shape(0);
  if (x === undefined) return [typed(context.dtype(0), undefined)];
  const spec = sliceSpec(context, x.length);
  if (spec === undefined) {
    const axes = context.has(3) ? context.values(3) : undefined;
    const touched = axes && new Set(axes.map((axis) => context.axis(axis, x.length)));
    return [
      typed(
        context.dtype(0),
        x.map((dim, axis) => (touched && !touched.has(axis) ? dim : context.unknown(axis))),
      ),
    ];
  }
  const shape = [...x];
  for (const [index, axis] of spec.axes.entries()) {
    const dim = shape[axis]!;
    const [start, end, step] = [spec.starts[index]!, spec.ends[index]!, spec.steps[index]!];
    if (isNumber(dim)) shape[axis] = sliceRange(dim, start, end, step).count;
    else if (!(start === 0 && end >= 2 ** 31 - 1 && step === 1)) shape[axis] = context.unknown(axis);
  }
  return [typed(context.dtype(0), shape)];
};

const Gather: InferRule = (context) => {
  const x = context.shape(0);
  const indices = context.shape(1);
  if (x === undefined || indices === undefined) return [typed(context.dtype(0), undefined)];
  const axis = context.axis(context.int('axis', 0), x.length);
  return [typed(context.dtype(0), [...x.slice(0, axis), ...indices, ...x.slice(axis + 1)])];
};

const GatherElements: InferRule = (context) => [typed(context.dtype(0), context.shape(1))];

const GatherND: InferRule = (context) => {
  const x = context.shape(0);
  const indices = context.shape(1);
  const last = indices?.at(-1);
  if (x === undefined || indices === undefined || !isNumber(last)) return [typed(context.dtype(0), undefined)];
  return [typed(context.dtype(0), [...indices.slice(0, -1), ...x.slice(last + context.int('batch_dims', 0))])];
};

const Expand: InferRule = (context) => {
  const target = context.dims(1);
  if (target === undefined) {
    const [least, given] = [context.shape(0)?.length, context.shape(1)?.[0]];
    const known = least !== undefined && isNumber(given) && given <= 64;
    return [typed(context.dtype(0), known ? context.unknownShape(Math.max(least, given)) : undefined)];
  }
  return [typed(context.dtype(0), broadcast(context, [context.shape(0), target]))];
};

const Tile: InferRule = (context) => {
  const x = context.shape(0);
  const repeats = context.dims(1);
  if (x === undefined) return [typed(context.dtype(0), undefined)];
  if (repeats !== undefined && repeats.length !== x.length) {
    context.mismatch('repeats do not fit the rank', x.length, repeats.length);
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
  const fromInput = context.has(1);
  const pads = fromInput ? context.values(1) : context.ints('pads');
  if (fromInput && pads === undefined) return [typed(context.dtype(0), context.unknownShape(x.length))];
  if (pads === undefined) return context.badAttribute('pads are missing');
  if (context.has(3) && context.values(3) === undefined)
    return [typed(context.dtype(0), context.unknownShape(x.length))];
  const axes = (context.values(3) ?? x.map((_, axis) => axis)).map((axis) => context.axis(axis, x.length));
  if (pads.length !== 2 * axes.length) context.mismatch('pads do not fit the rank', 2 * axes.length, pads.length);
  const shape = [...x];
  for (const [index, axis] of axes.entries()) {
    const added = pads[index]! + pads[index + axes.length]!;
    const dim = shape[axis]!;
    if (added === 0) continue;
    shape[axis] = isNumber(dim) ? dim + added : context.unknown(axis);
    if (isNumber(dim) && dim + added < 0) context.mismatch('the pads remove more than the input has', dim, added);
  }
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
