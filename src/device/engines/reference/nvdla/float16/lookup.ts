/**
 * The lookup tables on float16: entries and slopes are halves, the edges singles. SDP and CDP find the same entries but
 * interpolate differently: SDP weighs both neighbours with a fraction of 35 bits, CDP adds a share of their difference with
 * one of 16 (nvdla/hw cmod/hls/sdp/sdp_y_idx.cpp, sdp_y_inp.cpp; cmod/hls_wrapper/cdp_hls_wrapper.cpp).
 */

import {
  answering,
  type Fall,
  type LinearTable,
  type LookupTable,
  type NoteLookup,
  type Slope,
} from '../lookup-table.ts';
import {
  addFp17,
  addSingle,
  fp17One,
  fractionToFp17,
  halfToFp17,
  halfToSingle,
  isSingleNaN,
  multiplyFp17,
  numberToSingle,
  singleToFp17,
  singleToNumber,
  subtractSingle,
} from './float.ts';

export type FloatInterpolation = 'sdp' | 'cdp';

type Hit = { readonly kind: Fall; readonly value: () => number };

/** The table's value, an FP17, at a single. */
export function lookUpFloat(table: LookupTable, x: number, unit: FloatInterpolation, note?: NoteLookup): number {
  const le = table.le.spacing === 'exponential' ? exponential(table.le, x, unit) : linear(table.le, x, unit);
  const lo = linear(table.lo, x, unit);
  const answer = answering(table, le.kind, lo.kind) === 'le' ? le : lo;
  note?.(le.kind, lo.kind, answer.kind);
  return answer.value();
}

/** What lies at or below the start, and NaN, is below the table. */
const isBelow = (distance: number): boolean => distance <= 0 || isSingleNaN(distance);

function linear(table: LinearTable, x: number, unit: FloatInterpolation): Hit {
  const last = table.entries.length - 1;
  const start = table.start | 0;
  const distance = subtractSingle(x, start);
  if (isBelow(distance)) return { kind: 'underflow', value: () => extend(table, 0, start, table.underflow, x) };
  const position = singleToNumber(distance) / 2 ** table.select;
  if (position >= last) {
    return { kind: 'overflow', value: () => extend(table, last, table.end | 0, table.overflow, x) };
  }
  const index = Math.floor(position);
  return { kind: 'hit', value: () => interpolate(table.entries, index, position - index, unit) };
}

function exponential(table: LookupTable['le'], x: number, unit: FloatInterpolation): Hit {
  const last = table.entries.length - 1;
  const start = table.start | 0;
  const distance = subtractSingle(x, start);
  const underflow: Hit = {
    kind: 'underflow',
    value: () => extend(table, 0, addSingle(start, numberToSingle(2 ** table.offset)), table.underflow, x),
  };
  if (isBelow(distance)) return underflow;
  const power = (distance >>> 23) - 127;
  const index = power - table.offset;
  if (index < 0) return underflow;
  if (index >= last) {
    return { kind: 'overflow', value: () => extend(table, last, table.end | 0, table.overflow, x) };
  }
  const fraction = (distance & 0x7fffff) / 2 ** 23;
  return { kind: 'hit', value: () => interpolate(table.entries, index, fraction, unit) };
}

function interpolate(entries: Int16Array, index: number, fraction: number, unit: FloatInterpolation): number {
  const from = entries[index]!;
  const to = entries[index + 1]!;
  const bits = unit === 'sdp' ? 2 ** 35 : 2 ** 16;
  const share = Math.floor(fraction * bits) / bits;
  if (unit === 'cdp') {
    const difference = singleToFp17(subtractSingle(halfToSingle(to), halfToSingle(from)));
    return addFp17(multiplyFp17(difference, fractionToFp17(share)), halfToFp17(from));
  }
  const rest = share === 0 ? fp17One : fractionToFp17(1 - share);
  return addFp17(multiplyFp17(rest, halfToFp17(from)), multiplyFp17(fractionToFp17(share), halfToFp17(to)));
}

function extend(table: LinearTable, entry: number, edge: number, slope: Slope, x: number): number {
  const rise = multiplyFp17(singleToFp17(subtractSingle(x, edge)), halfToFp17(slope.scale));
  return addFp17(halfToFp17(table.entries[entry]!), rise);
}
