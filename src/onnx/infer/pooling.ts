/** Shapes of pooling, regions of interest, and resampling by a grid. */

import { int } from '../../graph/operators/read.ts';
import { countsPadding, slidingLength, windowForm } from '../../graph/operators/window.ts';
import { windowCount } from './convolution.ts';
import { type InferRule, type InferRules, typed } from './rule.ts';

const pooling: InferRule = (context) => {
  const x = context.shape(0);
  const dtypes = [context.dtype(0), 'int64' as const].slice(0, context.node.outputs.length);
  if (x !== undefined && x.length < 3) {
    context.mismatch('the input has no spatial axes', 'rank 3 or more', `rank ${x.length}`);
  }
  const form = windowForm(context.node, context.lookup)!;
  // Not a matter of the shape, but who reads it later may trust it.
  countsPadding(context.node);
  if (x === undefined) return dtypes.map((dtype) => typed(dtype, undefined));
  const spatial = x.slice(2).map((dim, axis) => windowCount(context, axis, slidingLength(form, axis, dim)));
  return dtypes.map((dtype) => typed(dtype, [...x.slice(0, 2), ...spatial]));
};

const globalPooling: InferRule = (context) => {
  const x = context.shape(0);
  if (x !== undefined && x.length < 3) context.mismatch('the input has no spatial axes', 'rank 3 or more', x.length);
  return [typed(context.dtype(0), x && [...x.slice(0, 2), ...x.slice(2).map(() => 1)])];
};

const RoiAlign: InferRule = (context) => {
  const x = context.shape(0);
  const rois = context.shape(1);
  const size = (['output_height', 'output_width'] as const).map((name) => {
    const length = int(context.node, name, 1);
    return length > 0 ? length : context.badAttribute(`${name} is not positive`, length);
  });
  return [typed(context.dtype(0), x && rois && [rois[0] ?? context.unknown(0), x[1] ?? context.unknown(1), ...size])];
};

const GridSample: InferRule = (context) => {
  const x = context.shape(0);
  const grid = context.shape(1);
  return [typed(context.dtype(0), x && grid && [...x.slice(0, 2), ...grid.slice(1, -1)])];
};

export const poolingRules: InferRules = {
  MaxPool: pooling,
  AveragePool: pooling,
  LpPool: pooling,
  GlobalAveragePool: globalPooling,
  GlobalMaxPool: globalPooling,
  GlobalLpPool: globalPooling,
  RoiAlign,
  GridSample,
};
