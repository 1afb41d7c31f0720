/** Up-scaling. */

import * as z from '../../base/schema.ts';
import { isNvdla } from '../../targets/target.ts';
import { type LayerContext, sameShape, surfaceOf, unchanged, wrong } from './context.ts';
import { checkExtent, type Extent, extentSchema, index, number, record } from './fields.ts';
import type { LayerKind } from './kind.ts';

export interface Scaling<S> {
  readonly input: S;
  /** Whole factors. */
  readonly scale: Extent;
  readonly output: S;
}

/** Pixels again and again, unchanged (docs/hardware/orin.md#resize). */
export interface NearestResize<S> extends Scaling<S> {
  readonly mode: 'nearest';
  /** Which source pixel. */
  readonly coordinates: 'asymmetric' | 'half_pixel';
  readonly rounding: 'floor' | 'half_down' | 'half_up';
}

/**
 * Half-pixel interpolation with integer weights over 2·scale: q = clamp(roundHalfAway(float32(Σ) × factor), −128, 127). The factor
 * takes the weights and the scales out at once, so that what lies outside the output's range is cut off once, at the end.
 *
 * Of float16: the two pixels of each row by their weights, the two rows by theirs, times the factor; every product, sum and
 * the last product is one float32 operation, and the result is rounded to binary16 as in the single-point stage.
 */
export interface LinearResize<S> extends Scaling<S> {
  readonly mode: 'linear';
  /** float32(input scale / (output scale · 4 · scale.h · scale.w)); scales of float16 are 1. */
  readonly factor: number;
}

/** Up-scaling by whole factors (orin). */
export type Resize<S> = NearestResize<S> | LinearResize<S>;

const nearestSchema = record<NearestResize<number>>()({
  input: index,
  mode: z.literal('nearest'),
  coordinates: z.enum(['asymmetric', 'half_pixel']),
  rounding: z.enum(['floor', 'half_down', 'half_up']),
  scale: extentSchema,
  output: index,
});

const linearSchema = record<LinearResize<number>>()({
  input: index,
  mode: z.literal('linear'),
  factor: number,
  scale: extentSchema,
  output: index,
});

const resizeSchema = z.discriminatedUnion('mode', [nearestSchema, linearSchema]) satisfies z.ZodType<Resize<number>>;

function checkResize(context: LayerContext, resize: Resize<number>): void {
  checkExtent(context, 'resize.scale', resize.scale);
  const input = surfaceOf(context, resize.input, 'resize.input');
  const output = surfaceOf(context, resize.output, 'resize.output');
  const [n, c, h, w] = input.shape;
  sameShape(context, 'resize.output', output.shape, [n, c, h * resize.scale.h, w * resize.scale.w]);
  if (resize.mode === 'nearest') unchanged(context, input, output);
  else if (input.dtype !== output.dtype) wrong(context, 'the type changes', input.dtype, output.dtype);
  else if (!(resize.factor > 0 && resize.factor === Math.fround(resize.factor))) {
    wrong(context, 'resize.factor is no positive float32', '> 0', resize.factor);
  }
}

export const resizeKind: LayerKind<'resize'> = {
  kind: 'resize',
  title: 'resize',
  fields: { resize: resizeSchema },
  runs: 'engines',
  lacks: (target) => (isNvdla(target) ? 'engine for this layer' : undefined),
  map: ({ kind, resize: { input, output, ...rest } }, visit) => ({
    kind,
    resize: {
      ...rest,
      input: visit(input, { role: 'input', field: 'resize.input' }),
      output: visit(output, { role: 'output', field: 'resize.output' }),
    },
  }),
  check: (context, { resize }) => checkResize(context, resize),
  work({ resize }, typeOf) {
    const { shape, dtype } = typeOf(resize.output);
    return [{ engine: 'resize', enters: typeOf(resize.input).shape, leaves: shape, dtype }];
  },
};
