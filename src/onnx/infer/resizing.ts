/** Resize and its older form, Upsample. Both multiply the spatial sizes and round down. */

import type { Dim } from '../../graph/graph.ts';
import { type Resize as ResizeView, resizeAxes, resizeOf } from '../../graph/operators/resize.ts';
import { type InferContext, type InferRule, type InferRules, isNumber, typed } from './rule.ts';

const Resize: InferRule = (context) => {
  const x = context.shape(0);
  const resize = resizeOf(context.node, context.lookup);
  if (x === undefined) return [typed(context.dtype(0), undefined)];
  const { extent } = resize;
  if (extent.by === 'run-time') return [typed(context.dtype(0), context.unknownShape(x.length))];
  if (extent.by === 'sizes') return [typed(context.dtype(0), sized(context, x, extent.sizes, resize))];
  const shape = [...x];
  for (const [index, axis] of resizeAxes(context.node, x.length, extent.scales.length).entries()) {
    const scale = extent.scales[index]!;
    const dim = x[axis]!;
    if (scale !== 1) shape[axis] = isNumber(dim) ? Math.floor(dim * scale) : context.unknown(axis);
  }
  return [typed(context.dtype(0), shape)];
};

function sized(context: InferContext, x: readonly Dim[], sizes: readonly Dim[], { aspectRatio }: ResizeView): Dim[] {
  const axes = resizeAxes(context.node, x.length, sizes.length);
  const shape = [...x];
  const pairs = axes.map((axis, index) => ({ axis, from: x[axis]!, to: sizes[index]! }));
  if (pairs.some(({ to }) => isNumber(to) && to < 1))
    context.mismatch('a size is not positive', 'above 0', sizes.join(', '));
  if (aspectRatio === 'stretch') {
    for (const { axis, to } of pairs) shape[axis] = to;
    return shape;
  }
  const ratios = pairs.map(({ from, to }) => (isNumber(from) && isNumber(to) ? to / from : undefined));
  if (!ratios.every(isNumber)) {
    for (const { axis } of pairs) shape[axis] = context.unknown(axis);
    return shape;
  }
  const scale = aspectRatio === 'not_larger' ? Math.min(...ratios) : Math.max(...ratios);
  if (!Number.isFinite(scale)) context.mismatch('an axis to resize is empty', 'at least 1', 0);
  for (const { axis, from } of pairs) shape[axis] = Math.round((from as number) * scale);
  return shape;
}

export const resizingRules: InferRules = { Upsample: Resize, Resize };
