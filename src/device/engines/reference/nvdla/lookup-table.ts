/**
 * The lookup tables of SDP's Y unit and of CDP. Each has two: LE, 65 entries that are exponentially or evenly spaced,
 * and LO, 257 evenly spaced ones; outside its range a table goes on as a straight line. Which of the two answers is a
 * matter of which is hit, and of priorities where both are or neither is (docs/hardware/nvdla.md#lookup-tables).
 *
 * Everything is integer and exact. Fractions of 35 bits times 16-bit differences need 52 bits, slopes more: BigInt.
 */

import { roundShift, saturate } from './int8/integer.ts';

export interface Slope {
  readonly scale: number;
  /** Right shift; negative shifts left. */
  readonly shift: number;
}

export interface LinearTable {
  readonly entries: Int16Array;
  readonly start: number;
  readonly end: number;
  readonly underflow: Slope;
  readonly overflow: Slope;
  /** log2 of the distance between entries; signed. */
  readonly select: number;
}

export type Choice = 'le' | 'lo';

export interface LookupTable {
  readonly le: LinearTable & {
    readonly spacing: 'exponential' | 'linear';
    /** log2 of the distance of the first entry from the start; exponential only. */
    readonly offset: number;
  };
  readonly lo: LinearTable;
  readonly underflowPriority: Choice;
  readonly overflowPriority: Choice;
  readonly hybridPriority: Choice;
}

/** Where a value falls on a table. */
export type Fall = 'hit' | 'underflow' | 'overflow';

type Hit = { readonly kind: Fall; readonly value: number };

/** Told of every lookup: how it falls on the two tables, and on the one that answers. */
export type NoteLookup = (le: Fall, lo: Fall, answer: Fall) => void;

/** Which table answers. */
export function answering(table: LookupTable, le: Fall, lo: Fall): Choice {
  if (le === 'underflow' && lo === 'underflow') return table.underflowPriority;
  if (le === 'overflow' && lo === 'overflow') return table.overflowPriority;
  if ((le === 'hit') !== (lo === 'hit')) return le === 'hit' ? 'le' : 'lo';
  return table.hybridPriority;
}

/** How a unit interpolates: SDP and CDP keep fractions of different width. */
export interface LookupWidths {
  readonly fractionBits: number;
  readonly resultBits: number;
}

export const sdpWidths: LookupWidths = { fractionBits: 35, resultBits: 32 };
export const cdpWidths: LookupWidths = { fractionBits: 16, resultBits: 16 };

/** The table's value at `x`, an integer of at most 53 bits. */
export function lookUp(table: LookupTable, x: number, widths: LookupWidths, note?: NoteLookup): number {
  const le = table.le.spacing === 'exponential' ? exponential(table.le, x, widths) : linear(table.le, x, widths);
  const lo = linear(table.lo, x, widths);
  const answer = answering(table, le.kind, lo.kind) === 'le' ? le : lo;
  note?.(le.kind, lo.kind, answer.kind);
  return answer.value;
}

function linear(table: LinearTable, x: number, widths: LookupWidths): Hit {
  const last = table.entries.length - 1;
  if (x <= table.start) return { kind: 'underflow', value: extend(table, 0, table.start, table.underflow, x, widths) };
  const position = (x - table.start) / 2 ** table.select;
  if (position >= last) {
    return { kind: 'overflow', value: extend(table, last, table.end, table.overflow, x, widths) };
  }
  const index = Math.floor(position);
  return { kind: 'hit', value: interpolate(table.entries, index, position - index, widths) };
}

function exponential(table: LookupTable['le'], x: number, widths: LookupWidths): Hit {
  const last = table.entries.length - 1;
  const distance = x - table.start;
  // nvdla/hw NV_NVDLA_CDP_DP_intp.v: a negative offset adds nothing.
  const edge = table.start + (table.offset < 0 ? 0 : 2 ** table.offset);
  const underflow = (): Hit => ({ kind: 'underflow', value: extend(table, 0, edge, table.underflow, x, widths) });
  if (distance <= 0) return underflow();
  const power = floorLog2(distance);
  const index = power - table.offset;
  if (index < 0) return underflow();
  if (index >= last) {
    return { kind: 'overflow', value: extend(table, last, table.end, table.overflow, x, widths) };
  }
  const step = 2 ** power;
  return { kind: 'hit', value: interpolate(table.entries, index, (distance - step) / step, widths) };
}

function floorLog2(value: number): number {
  let power = 31 - Math.clz32(Math.min(value, 0xffffffff));
  while (2 ** (power + 1) <= value) power++;
  return power;
}

/** `fraction` has a power of two for denominator; bits beyond the unit's width are cut off. */
function interpolate(entries: Int16Array, index: number, fraction: number, widths: LookupWidths): number {
  const one = 2 ** widths.fractionBits;
  const f = Math.floor(fraction * one);
  const [from, to] = [entries[index]!, entries[index + 1]!];
  return saturate(roundShift(from * one + (to - from) * f, widths.fractionBits), widths.resultBits);
}

function extend(
  table: LinearTable,
  entry: number,
  edge: number,
  slope: Slope,
  x: number,
  widths: LookupWidths,
): number {
  const run = BigInt(x - edge) * BigInt(slope.scale);
  const rise = slope.shift < 0 ? run << BigInt(-slope.shift) : roundShiftBig(run, slope.shift);
  return saturate(table.entries[entry]! + Number(rise), widths.resultBits);
}

function roundShiftBig(value: bigint, shift: number): bigint {
  if (shift === 0) return value;
  const magnitude = value < 0n ? -value : value;
  const rounded = (magnitude + (1n << BigInt(shift - 1))) >> BigInt(shift);
  return value < 0n ? -rounded : rounded;
}
