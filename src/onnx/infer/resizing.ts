/** Resize and its older form, Upsample. Both multiply the spatial sizes and round down. */

import type { Dim } from '../../graph/graph.ts';
import { type InferContext, type InferRule, type InferRules, isNumber, typed } from './rule.ts';

function scaled(context: InferContext, x: readonly Dim[], scales: readonly number[], axes: readonly number[]) {
  if (scales.length !== axes.length) context.mismatch('the scales do not fit the axes', axes.length, scales.length);
  const shape = [...x];
  for (const [index, axis] of axes.entries()) {
    const scale = scales[index]!;
    const dim = x[axis]!;
    if (!(scale > 0)) context.mismatch('a scale is not positive', 'above 0', scale);
    if (scale !== 1) shape[axis] = isNumber(dim) ? Math.floor(dim * scale) : context.unknown(axis);
  }
  return shape;
}

/** Scales are an attribute in opset 7 and an input in opset 9. */
const Upsample: InferRule = (context) => {
  const x = context.shape(0);
  if (x === undefined) return [typed(context.dtype(0), undefined)];
  const attribute = context.node.attributes.scales;
  const scales = context.has(1) ? context.values(1) : attribute?.kind === 'floats' ? attribute.value : undefined;
  if (scales === undefined) return [typed(context.dtype(0), context.unknownShape(x.length))];
  return [
    typed(
      context.dtype(0),
      scaled(
        context,
        x,
        scales,
        x.map((_, axis) => axis),
      ),
    ),
  ];
};

/** Opset 10: X, scales. Since 11: X, roi, scales, sizes. */
const Resize: InferRule = (context) => {
  const x = context.shape(0);
  if (x === undefined) return [typed(context.dtype(0), undefined)];
  const scalesInput = context.opset < 11 ? 1 : 2;
  const axes = (context.ints('axes') ?? x.map((_, axis) => axis)).map((axis) => context.axis(axis, x.length));
  const given = (index: number): boolean => context.has(index) && context.shape(index)?.[0] !== 0;
  if (given(3)) {
    const sizes = context.dims(3);
    if (sizes === undefined) return [typed(context.dtype(0), context.unknownShape(x.length))];
    if (sizes.length !== axes.length) context.mismatch('the sizes do not fit the axes', axes.length, sizes.length);
    return [typed(context.dtype(0), sized(context, x, sizes, axes))];
  }
  const scales = context.values(scalesInput);
  if (scales === undefined || scales.length === 0) return [typed(context.dtype(0), context.unknownShape(x.length))];
  return [typed(context.dtype(0), scaled(context, x, scales, axes))];
};

function sized(context: InferContext, x: readonly Dim[], sizes: readonly Dim[], axes: readonly number[]): Dim[] {
  const shape = [...x];
  const policy = context.string('keep_aspect_ratio_policy', 'stretch');
  const pairs = axes.map((axis, index) => ({ axis, from: x[axis]!, to: sizes[index]! }));
  if (pairs.some(({ to }) => isNumber(to) && to < 1))
    context.mismatch('a size is not positive', 'above 0', sizes.join(', '));
  if (policy === 'stretch') {
    for (const { axis, to } of pairs) shape[axis] = to;
    return shape;
  }
  const ratios = pairs.map(({ from, to }) => (isNumber(from) && isNumber(to) ? to / from : undefined));
  if (!ratios.every(isNumber)) {
    for (const { axis } of pairs) shape[axis] = context.unknown(axis);
    return shape;
  }
  const scale = policy === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  for (const { axis, from } of pairs) shape[axis] = Math.round((from as number) * scale);
  return shape;
}

export const resizingRules: InferRules = { Upsample, Resize };
