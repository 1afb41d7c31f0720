/**
 * Tables of functions of float16 numbers, for nv_full's SDP. There are no ranges: LO is fine around zero, LE goes four times
 * as far in wider steps, and straight lines go on beyond. The reach with the least error is taken.
 */

import { float16Bits } from '../../../base/float16.ts';
import type { Lookup, LookupCurve } from '../../../program/layer.ts';
import type { SurfaceTable } from '../../emit.ts';

export interface TableContext {
  /** The node's name. */
  readonly name: string;
  readonly surfaces: Pick<SurfaceTable, 'vector'>;
}

/** A run of entries: 2^exponent apart, the first at `start`. */
interface Spacing {
  readonly start: number;
  readonly exponent: number;
}

const intervals = { le: 64, lo: 256 } as const;

const at = ({ start, exponent }: Spacing, index: number): number => start + index * 2 ** exponent;

/** A function on both sides of zero. */
export function floatTable(evaluate: (x: number) => number, context: TableContext): Lookup<number> {
  const reaches = [-1, 0, 1, 2, 3, 4, 5];
  const candidates = reaches.map((reach) => ({
    lo: { start: -(2 ** reach), exponent: reach - 7 },
    le: { start: -(2 ** (reach + 2)), exponent: reach - 3 },
  }));
  const errors = candidates.map(({ lo, le }) => Math.max(worst(evaluate, lo, 'lo', le), worst(evaluate, le, 'le', lo)));
  const best = candidates[errors.indexOf(Math.min(...errors))]!;
  return floatLookup(evaluate, best, context);
}

/** Largest relative error between entries, where the other table does not answer. */
function worst(evaluate: (x: number) => number, spacing: Spacing, which: 'le' | 'lo', other: Spacing): number {
  const finer = which === 'le' ? Math.abs(other.start) : 0;
  let most = which === 'le' ? beyond(evaluate, at(spacing, intervals.le)) : 0;
  for (let index = 0; index < intervals[which]; index++) {
    const [from, to] = [at(spacing, index), at(spacing, index + 1)];
    const middle = (from + to) / 2;
    if (Math.abs(middle) < finer) continue;
    const error = Math.abs((evaluate(from) + evaluate(to)) / 2 - evaluate(middle));
    most = Math.max(most, relative(error, evaluate(middle)));
  }
  return most;
}

/** Half of the largest number that is assumed in a network without ranges. */
const far = 128;

/** Largest relative error of the straight lines. */
function beyond(evaluate: (x: number) => number, edge: number): number {
  return [-1, 1].reduce((most, side) => {
    const line = evaluate(side * edge) + slopeAt(evaluate, side * edge) * side * (far - edge);
    return Math.max(most, relative(Math.abs(line - evaluate(side * far)), evaluate(side * far)));
  }, 0);
}

const relative = (error: number, value: number): number => error / Math.max(Math.abs(value), 1 / 16);

const slopeAt = (evaluate: (x: number) => number, edge: number): number => (evaluate(2 * edge) - evaluate(edge)) / edge;

function floatLookup(
  evaluate: (x: number) => number,
  { lo, le }: { readonly lo: Spacing; readonly le: Spacing },
  context: TableContext,
): Lookup<number> {
  return {
    le: { ...floatCurve(evaluate, le, 'le', context), spacing: 'linear' },
    lo: floatCurve(evaluate, lo, 'lo', context),
    underflowPriority: 'le',
    overflowPriority: 'le',
    hybridPriority: 'lo',
  };
}

/** Evenly spaced entries, and the straight lines that go on where they end. */
export function floatCurve(
  evaluate: (x: number) => number,
  spacing: Spacing,
  which: 'le' | 'lo',
  { name, surfaces }: TableContext,
): LookupCurve<number> & { readonly exponent: number } {
  const { start, exponent } = spacing;
  const end = at(spacing, intervals[which]);
  const entries = Array.from({ length: intervals[which] + 1 }, (_, index) => evaluate(at(spacing, index)));
  const slope = (edge: number) => ({ scale: signed16(edge === 0 ? 0 : slopeAt(evaluate, edge)), shift: 0 });
  return {
    entries: surfaces.vector(`${name}:${which}`, 'float16', Uint16Array.from(entries, float16Bits)),
    start: float32Bits(start),
    end: float32Bits(end),
    underflow: slope(start),
    overflow: slope(end),
    exponent,
  };
}

const view = new DataView(new ArrayBuffer(4));

/** The bits of a float32, as a register holds them. */
export function float32Bits(value: number): number {
  view.setFloat32(0, value);
  return view.getInt32(0);
}

/** The bits of a float16, as a signed register of 16 bits holds them. */
export const signed16 = (value: number): number => (float16Bits(value) << 16) >> 16;
