/** Local response normalization. */

import * as z from '../../base/schema.ts';
import { nvdlaLimits } from '../../targets/nvdla-limits.ts';
import { isNvdla, type NvdlaTarget } from '../../targets/target.ts';
import { atoms, type LayerContext, precisionOf, same, sameShape, surfaceOf, wrong } from './context.ts';
import { type Convert, checkConvert, checkConvertRegisters, convertSchema, index, optional, record } from './fields.ts';
import type { LayerKind } from './kind.ts';
import { checkLookup, type Lookup, lookupSchema, mapLookup } from './lookup.ts';

/**
 * Local response normalization (NVDLA's cross-channel data processor), integer-scale targets only: a value, converted
 * on the way in, is multiplied by the table's value at the sum of the squares of `localSize` channels around it.
 */
export interface Cdp<S> {
  readonly input: S;
  readonly localSize: (typeof nvdlaLimits.normalization.sizes)[number];
  readonly inputConvert: Convert;
  readonly outputConvert: Convert;
  /** Index the table with the value itself. */
  readonly bypassSquareSum: boolean;
  /** Give out the table's value itself. */
  readonly bypassMultiply: boolean;
  /** In a Program; on a device the table is in memories and registers that outlive a launch. */
  readonly lookup?: Lookup<S>;
  readonly output: S;
}

const cdpSchema = record<Cdp<number>>()({
  input: index,
  localSize: z.literal(nvdlaLimits.normalization.sizes),
  inputConvert: convertSchema,
  outputConvert: convertSchema,
  bypassSquareSum: z.boolean(),
  bypassMultiply: z.boolean(),
  lookup: optional(lookupSchema),
  output: index,
});

function checkCdp(context: LayerContext, cdp: Cdp<number>): void {
  checkConvert(context, 'cdp.inputConvert', cdp.inputConvert);
  checkConvert(context, 'cdp.outputConvert', cdp.outputConvert);
  const { shape, dtype } = surfaceOf(context, cdp.input, 'cdp.input');
  if (cdp.lookup) checkLookup(context, 'cdp.lookup', cdp.lookup, dtype === 'float16' ? 'float16' : 'int16');
  sameShape(context, 'cdp.output', surfaceOf(context, cdp.output, 'cdp.output').shape, shape);
}

function checkCdpRegisters(context: LayerContext, cdp: Cdp<number>, target: NvdlaTarget): void {
  const type = precisionOf(context, atoms(context, cdp.input, 'cdp.input'), 'cdp.input', target);
  same(context, 'the type of cdp.output', atoms(context, cdp.output, 'cdp.output'), type);
  const { sizes, input, output } = nvdlaLimits.normalization;
  if (!sizes.includes(cdp.localSize)) wrong(context, 'CDP sums 3, 5, 7 or 9 channels', '3, 5, 7 or 9', cdp.localSize);
  if (cdp.lookup === undefined) wrong(context, 'a normalization needs its table', 'cdp.lookup', 'none');
  const offsetBits = type === 'int8' ? 'int8OffsetBits' : 'offsetBits';
  for (const [field, convert, limits] of [
    ['cdp.inputConvert', cdp.inputConvert, input],
    ['cdp.outputConvert', cdp.outputConvert, output],
  ] as const) {
    checkConvertRegisters(context, field, convert, { offsetBits: limits[offsetBits], shift: limits.shift });
  }
}

export const cdpKind: LayerKind<'cdp'> = {
  kind: 'cdp',
  title: 'normalization',
  fields: { cdp: cdpSchema },
  runs: 'engines',
  lacks: (target) => (isNvdla(target) ? undefined : 'engine for this layer'),
  map: ({ kind, cdp: { input, lookup, output, ...cdp } }, visit) => ({
    kind,
    cdp: {
      ...cdp,
      input: visit(input, { role: 'input', field: 'cdp.input', client: 'cdp' }),
      ...(lookup && { lookup: mapLookup(lookup, 'cdp', visit) }),
      output: visit(output, { role: 'output', field: 'cdp.output' }),
    },
  }),
  check: (context, { cdp }) => checkCdp(context, cdp),
  checkRegisters: (context, { cdp }, target) => checkCdpRegisters(context, cdp, target),
  work({ cdp }, typeOf) {
    const { shape, dtype } = typeOf(cdp.output);
    return [{ engine: 'cdp', enters: shape, leaves: shape, dtype }];
  },
};
