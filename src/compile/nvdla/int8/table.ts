/**
 * Tables of functions of int8 numbers, for SDP's Y unit and for CDP: 257 evenly spaced entries (LO), one for each number;
 * what comes in between is interpolated. LE spans the same numbers, so that it never answers alone.
 */

import { roundHalfEven } from '../../../base/rounding.ts';
import type { Convert, Lookup } from '../../../program/layer.ts';
import type { SurfaceTable } from '../../emit.ts';

export const largest16 = 2 ** 15 - 1;
export const saturate16 = (value: number): number =>
  Math.min(Math.max(roundHalfEven(value), -largest16 - 1), largest16);

/** Bits below a step of the result that entries keep. */
const entryBits = 7;

/** The converter from entries to results. */
export const fromTable: Convert = { offset: 0, scale: 1, shift: entryBits };

interface TableContext {
  /** The node's name. */
  readonly name: string;
  readonly inputScale: number;
  readonly outputScale: number;
  /** Bits below a step of the input that come to the table. */
  readonly fractionBits: number;
  readonly surfaces: Pick<SurfaceTable, 'vector'>;
}

export function integerTable(
  evaluate: (x: number) => number,
  { name, inputScale, outputScale, fractionBits, surfaces }: TableContext,
): Lookup<number> {
  const entry = (index: number) => saturate16((evaluate((index - 128) * inputScale) / outputScale) * 2 ** entryBits);
  const lo = Int16Array.from({ length: 257 }, (_, index) => entry(index));
  const le = Int16Array.from({ length: 65 }, (_, index) => lo[4 * index]!);
  const flat = { scale: 0, shift: 0 };
  const ends = { start: -128 * 2 ** fractionBits, end: 128 * 2 ** fractionBits, underflow: flat, overflow: flat };
  return {
    le: { ...ends, entries: surfaces.vector(`${name}:le`, 'int16', le), spacing: 'linear', exponent: fractionBits + 2 },
    lo: { ...ends, entries: surfaces.vector(`${name}:lo`, 'int16', lo), exponent: fractionBits },
    underflowPriority: 'lo',
    overflowPriority: 'lo',
    hybridPriority: 'lo',
  };
}
