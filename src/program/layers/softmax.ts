/** Softmax along one axis. */

import * as z from '../../base/schema.ts';
import { checkHalves, type LayerContext } from './context.ts';
import { index, record } from './fields.ts';
import type { LayerKind } from './kind.ts';

/**
 * Softmax of float16 (orin), each step of float32 rounded once:
 *
 *     m   = the largest x along the axis, NaN if one is
 *     eᵢ  = float32(exp(float32(xᵢ − m)))      exp of base/elementary.ts
 *     s   = Σ eᵢ, from +0, in the order of the axis
 *     yᵢ  = float32(eᵢ / s), rounded to binary16 as in the single-point stage
 */
export interface Softmax<S> {
  readonly input: S;
  readonly axis: 'c' | 'h' | 'w';
  readonly output: S;
}

const softmaxSchema = record<Softmax<number>>()({ input: index, axis: z.enum(['c', 'h', 'w']), output: index });

export const softmaxKind: LayerKind<'softmax'> = {
  kind: 'softmax',
  title: 'softmax',
  fields: { softmax: softmaxSchema },
  runs: 'engines',
  lacks: ({ generation }) => (generation === 'orin' ? undefined : 'engine for this layer'),
  map: ({ kind, softmax: { input, axis, output } }, visit) => ({
    kind,
    softmax: {
      input: visit(input, { role: 'input', field: 'softmax.input' }),
      axis,
      output: visit(output, { role: 'output', field: 'softmax.output' }),
    },
  }),
  check: (context: LayerContext, { softmax }) => checkHalves(context, 'softmax', softmax),
  work({ softmax }, typeOf) {
    const { shape, dtype } = typeOf(softmax.output);
    return [{ engine: 'softmax', enters: typeOf(softmax.input).shape, leaves: shape, dtype }];
  },
};
