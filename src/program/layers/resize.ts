/** Up-scaling. */

import * as z from 'zod';
import { index, record } from '../record.ts';
import { isNvdla, type LayerContext, sameShape, surfaceOf, unchanged } from './context.ts';
import { checkExtent, type Extent, extentSchema } from './fields.ts';
import type { LayerKind } from './kind.ts';

/** Up-scaling by whole factors (orin). Linear is half-pixel: integer weights over 2·scale, one rounding at the end. */
export interface Resize<S> {
  readonly input: S;
  readonly mode: 'nearest' | 'linear';
  /** Nearest only: which source pixel (docs/hardware/orin.md#resize). */
  readonly coordinates: 'asymmetric' | 'half_pixel';
  readonly rounding: 'floor' | 'half_down' | 'half_up';
  readonly scale: Extent;
  readonly output: S;
}

const resizeSchema = record<Resize<number>>()({
  input: index,
  mode: z.enum(['nearest', 'linear']),
  coordinates: z.enum(['asymmetric', 'half_pixel']),
  rounding: z.enum(['floor', 'half_down', 'half_up']),
  scale: extentSchema,
  output: index,
});

function checkResize(context: LayerContext, resize: Resize<number>): void {
  checkExtent(context, 'resize.scale', resize.scale);
  const input = surfaceOf(context, resize.input, 'resize.input');
  const output = surfaceOf(context, resize.output, 'resize.output');
  const [n, c, h, w] = input.shape;
  sameShape(context, 'resize.output', output.shape, [n, c, h * resize.scale.h, w * resize.scale.w]);
  unchanged(context, input, output);
}

export const resizeKind: LayerKind<'resize'> = {
  kind: 'resize',
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
