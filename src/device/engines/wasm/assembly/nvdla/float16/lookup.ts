// The lookup table of SDP's Y unit on singles, value by value (reference/nvdla/float16/lookup.ts). FP17 values travel as bits of
// singles, NaN among them with a fraction of 10 bits.

import * as job from '../../../nvdla/float16/job';
import { hit, overflow, secondAnswers, underflow } from '../answer';

export function lookUpSingles(table: usize, singles: usize, count: i32): void {
  for (const end = singles + (<usize>count << 6); singles < end; singles += 4) store<i32>(singles, lookUp(table, load<i32>(singles)));
}

function lookUp(table: usize, x: i32): i32 {
  const le = table + job.curveLe, lo = table + job.curveLo;
  const leFalls = fall(le, x), loFalls = fall(lo, x);
  return secondAnswers(table + job.underflowPriority, leFalls, loFalls) ? valueAt(lo, loFalls, x) : valueAt(le, leFalls, x);
}

@inline
function isNaN32(bits: i32): bool {
  return (bits & i32.MAX_VALUE) > 0x7f800000;
}

/** x − y; y is finite. */
function difference(x: i32, y: i32): i32 {
  if (isNaN32(x)) return x;
  const result = reinterpret<i32>(reinterpret<f32>(x) - reinterpret<f32>(y));
  const magnitude = result & i32.MAX_VALUE, sign = result & i32.MIN_VALUE;
  if (magnitude == 0) return x & i32.MIN_VALUE;
  return magnitude < 0x00800000 ? sign : sign | min(magnitude, 0x7f7fffff);
}

/** Where a value falls on a curve. What lies at or below the start, and NaN, is below. */
function fall(curve: usize, x: i32): i32 {
  const distance = difference(x, load<i32>(curve, job.curveStart));
  if (distance <= 0 || isNaN32(distance)) return underflow;
  const last = load<i32>(curve, job.curveLast);
  if (load<i32>(curve, job.curveExponential)) {
    const index = (distance >> 23) - 127 - load<i32>(curve, job.curveExponent);
    return index < 0 ? underflow : index >= last ? overflow : hit;
  }
  return <f64>reinterpret<f32>(distance) * load<f64>(curve, job.curveScaleF) >= <f64>last ? overflow : hit;
}

function valueAt(curve: usize, falls: i32, x: i32): i32 {
  const entries = curve + job.curveEntries;
  if (falls == underflow) return extended(load<i32>(entries), load<i32>(curve, job.curveEdge), load<i32>(curve, job.underflowSlope), x);
  if (falls == overflow) {
    const last = entries + (<usize>load<i32>(curve, job.curveLast) << 2);
    return extended(load<i32>(last), load<i32>(curve, job.curveEnd), load<i32>(curve, job.overflowSlope), x);
  }
  const distance = difference(x, load<i32>(curve, job.curveStart));
  let index: i32, fraction: f64;
  if (load<i32>(curve, job.curveExponential)) {
    index = (distance >> 23) - 127 - load<i32>(curve, job.curveExponent);
    fraction = <f64>(distance & 0x7fffff) / 8388608.0;
  } else {
    const position = <f64>reinterpret<f32>(distance) * load<f64>(curve, job.curveScaleF);
    index = <i32>position;
    fraction = position - <f64>index;
  }
  const share = Math.floor(fraction * 34359738368.0) / 34359738368.0;
  const from = product(fp17(1 - share), load<i32>(entries + (<usize>index << 2)));
  return sum(from, product(fp17(share), load<i32>(entries + (<usize>index << 2), 4)));
}

/** The straight line beyond an end. */
function extended(entry: i32, edge: i32, slope: i32, x: i32): i32 {
  const run = difference(x, edge);
  // Of a NaN ten low bits are kept: without them it is the number beyond the largest.
  const nan = (run & i32.MIN_VALUE) | (run & 0x3ff ? 0x7f800000 | ((run & 0x3ff) << 13) : 0x4f800000);
  return sum(entry, product(isNaN32(run) ? nan : fp17(<f64>reinterpret<f32>(run)), slope));
}

/** A number as FP17: 11 bits to nearest even, zero below 2^−30, the largest number beyond. */
function fp17(value: f64): i32 {
  const bits = reinterpret<i64>(value);
  const odd = (bits >> 42) & 1;
  const rounded = reinterpret<i32>(<f32>reinterpret<f64>((bits + 0x1ffffffffff + odd) & ~0x3ffffffffff));
  const magnitude = min(rounded & i32.MAX_VALUE, 0x4f7fe000);
  return (rounded & i32.MIN_VALUE) | (magnitude < 0x30800000 ? 0 : magnitude);
}

function sum(a: i32, b: i32): i32 {
  if (isNaN32(a)) return a;
  if (isNaN32(b)) return b;
  const exact = <f64>reinterpret<f32>(a) + <f64>reinterpret<f32>(b);
  return exact == 0 ? a & i32.MIN_VALUE : fp17(exact);
}

function product(a: i32, b: i32): i32 {
  if (isNaN32(a)) return a;
  if (isNaN32(b)) return b;
  return fp17(<f64>reinterpret<f32>(a) * <f64>reinterpret<f32>(b));
}
