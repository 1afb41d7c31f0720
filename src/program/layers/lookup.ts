/** The lookup tables of SDP's Y unit and of CDP on the open NVDLA. */

import * as z from '../../base/schema.ts';
import { nvdlaLimits } from '../../targets/nvdla-limits.ts';
import { constant, type LayerContext, whole } from './context.ts';
import { index, integer, number, record } from './fields.ts';
import type { Visit } from './kind.ts';

/** A straight line beyond the end of a table. Of float16 processing, `scale` is the bits of a float16 and `shift` is 0. */
export interface LookupSlope {
  readonly scale: number;
  /** Right shift; negative shifts left. */
  readonly shift: number;
}

/**
 * The two tables of SDP's Y unit or of CDP (docs/hardware/nvdla.md#lookup-tables): LE with 65 entries, exponentially or
 * evenly spaced, and LO with 257 evenly spaced ones. Of float16 processing, entries are bits of float16 and ends bits of
 * float32.
 */
export interface Lookup<S> {
  readonly le: LookupCurve<S> & {
    readonly spacing: 'exponential' | 'linear';
    /** log2 of the distance of the first entry from the start when exponential, of the distance between entries when linear. */
    readonly exponent: number;
  };
  readonly lo: LookupCurve<S> & { /** log2 of the distance between entries. */ readonly exponent: number };
  /** Which table answers where both underflow, where both overflow, and where both or neither are hit. */
  readonly underflowPriority: 'le' | 'lo';
  readonly overflowPriority: 'le' | 'lo';
  readonly hybridPriority: 'le' | 'lo';
}

export interface LookupCurve<S> {
  /** int16 or float16 vector. */
  readonly entries: S;
  readonly start: number;
  readonly end: number;
  readonly underflow: LookupSlope;
  readonly overflow: LookupSlope;
}

const priority = z.enum(['le', 'lo']);
const slope = record<LookupSlope>()({ scale: integer, shift: integer });
const curve = { entries: index, start: number, end: number, underflow: slope, overflow: slope, exponent: integer };

export const lookupSchema = record<Lookup<number>>()({
  le: record<Lookup<number>['le']>()({ ...curve, spacing: z.enum(['exponential', 'linear']) }),
  lo: record<Lookup<number>['lo']>()(curve),
  underflowPriority: priority,
  overflowPriority: priority,
  hybridPriority: priority,
});

/** Tables are no traffic: the processor writes them to registers. */
export const mapLookup = <S, T>(
  { le, lo, ...rest }: Lookup<S>,
  stage: 'sdp' | 'cdp',
  visit: Visit<S, T>,
): Lookup<T> => ({
  ...rest,
  le: { ...le, entries: visit(le.entries, { role: 'vector', field: `${stage}.lookup.le` }) },
  lo: { ...lo, entries: visit(lo.entries, { role: 'vector', field: `${stage}.lookup.lo` }) },
});

export function checkLookup(
  context: LayerContext,
  field: 'sdp.lookup' | 'cdp.lookup',
  lookup: Lookup<number>,
  dtype: 'int16' | 'float16',
): void {
  const { entries, endBits, slopeShift } = nvdlaLimits.lookup;
  const end = 2 ** (endBits[field === 'sdp.lookup' ? 'sdp' : 'cdp'] - 1);
  // Of float16 processing ends are the bits of a float32.
  const [least, most] = dtype === 'float16' ? [-(2 ** 31), 2 ** 32 - 1] : [-end, end - 1];
  for (const name of ['le', 'lo'] as const) {
    const curve = lookup[name];
    constant(context, curve.entries, `${field}.${name}.entries`, dtype, [entries[name]]);
    whole(context, `${field}.${name}.start`, curve.start, least, most);
    whole(context, `${field}.${name}.end`, curve.end, least, most);
    whole(context, `${field}.${name}.exponent`, curve.exponent, -128, 127);
    for (const side of ['underflow', 'overflow'] as const) {
      whole(context, `${field}.${name}.${side}.scale`, curve[side].scale, -32_768, 65_535);
      whole(context, `${field}.${name}.${side}.shift`, curve[side].shift, ...slopeShift);
    }
  }
}
