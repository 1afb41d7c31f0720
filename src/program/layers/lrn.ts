/** Local response normalization of orin and xavier; that of the open NVDLA, by a table, is cdp.ts. */

import { checkHalves, type LayerContext, whole, wrong } from './context.ts';
import { index, number, record } from './fields.ts';
import type { LayerKind } from './kind.ts';

/**
 * Local response normalization of float16, each step of float32 rounded once; x[c] are the numbers of one pixel:
 *
 *     s     = Σ x[i]², from +0, over the channels i from c − (size − 1) / 2 to c + (size − 1) / 2 that there are, upwards
 *     t     = float32(bias + float32(float32(alpha / size) · s))
 *     y[c]  = float32(x[c] · float32(t^−beta)), rounded to binary16 as in the single-point stage
 *
 * t^−beta is exp(−beta · ln t) of base/elementary.ts; of an infinite t it is 0.
 */
export interface Lrn<S> {
  readonly input: S;
  /** Channels, an odd number of them. */
  readonly size: number;
  readonly alpha: number;
  readonly beta: number;
  readonly bias: number;
  readonly output: S;
}

const lrnSchema = record<Lrn<number>>()({
  input: index,
  size: number,
  alpha: number,
  beta: number,
  bias: number,
  output: index,
});

function checkLrn(context: LayerContext, lrn: Lrn<number>): void {
  checkHalves(context, 'lrn', lrn);
  whole(context, 'lrn.size', lrn.size, 1, 65_535);
  if (lrn.size % 2 === 0) wrong(context, 'the window of lrn has no middle', 'an odd lrn.size', lrn.size);
  for (const field of ['alpha', 'beta', 'bias'] as const) {
    const value = lrn[field];
    const least = field === 'alpha' ? value >= 0 : value > 0;
    if (least && Math.fround(value) === value) continue;
    wrong(context, `lrn.${field} is no float32 in its range`, field === 'alpha' ? '0 or more' : 'more than 0', value);
  }
}

export const lrnKind: LayerKind<'lrn'> = {
  kind: 'lrn',
  title: 'LRN',
  fields: { lrn: lrnSchema },
  runs: 'engines',
  lacks: ({ generation }) => (generation === 'nvdla' ? 'engine for this layer' : undefined),
  map: ({ kind, lrn: { input, output, ...rest } }, visit) => ({
    kind,
    lrn: {
      ...rest,
      input: visit(input, { role: 'input', field: 'lrn.input' }),
      output: visit(output, { role: 'output', field: 'lrn.output' }),
    },
  }),
  check: (context, { lrn }) => checkLrn(context, lrn),
  work({ lrn }, typeOf) {
    const { shape, dtype } = typeOf(lrn.output);
    return [{ engine: 'cdp', enters: typeOf(lrn.input).shape, leaves: shape, dtype }];
  },
};
