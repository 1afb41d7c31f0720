/** Shapes of pooling, regions of interest, and resampling by a grid. */

import { type InferRule, type InferRules, typed } from './rule.ts';
import { slidingOutput, windowOf } from './window.ts';

const pooling: InferRule = (context) => {
  const x = context.shape(0);
  const dtypes = [context.dtype(0), 'int64' as const].slice(0, context.node.outputs.length);
  if (x === undefined) return dtypes.map((dtype) => typed(dtype, undefined));
  const kernel = context.ints('kernel_shape') ?? context.badAttribute('kernel_shape is missing');
  if (x.length < 3) context.mismatch('the input has no spatial axes', 'rank 3 or more', `rank ${x.length}`);
  const window = windowOf(context, x.length - 2, kernel);
  const shape = [...x.slice(0, 2), ...slidingOutput(context, x.slice(2), window, context.int('ceil_mode', 0) !== 0)];
  return dtypes.map((dtype) => typed(dtype, shape));
};

const globalPooling: InferRule = (context) => {
  const x = context.shape(0);
  if (x !== undefined && x.length < 3) context.mismatch('the input has no spatial axes', 'rank 3 or more', x.length);
  return [typed(context.dtype(0), x && [...x.slice(0, 2), ...x.slice(2).map(() => 1)])];
};

const RoiAlign: InferRule = (context) => {
  const x = context.shape(0);
  const rois = context.shape(1);
  const size = [context.int('output_height', 1), context.int('output_width', 1)];
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
