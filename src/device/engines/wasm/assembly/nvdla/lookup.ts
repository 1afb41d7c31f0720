// The lookup table of SDP's Y unit, value by value, in int64: fractions of 35 bits times differences of 17.

import * as job from '../../nvdla/job';
import { hit, overflow, secondAnswers, underflow } from './answer';

@inline
const fractionBits: i64 = 35;

export function lookUpAll(table: usize, acc: usize, count: i32): void {
  for (const end = acc + (<usize>count << 5); acc < end; acc += 4) store<i32>(acc, lookUp(table, <i64>load<i32>(acc)));
}

function lookUp(table: usize, x: i64): i32 {
  const le = table + job.curveLe, lo = table + job.curveLo;
  const leKind = place(le, x), loKind = place(lo, x);
  return secondAnswers(table + job.underflowPriority, leKind, loKind) ? valueAt(table, lo, loKind, x) : valueAt(table, le, leKind, x);
}

// Where a value falls on a curve.
function place(curve: usize, x: i64): i32 {
  const distance = x - load<i64>(curve, job.curveStart);
  if (distance <= 0) return underflow;
  const exponent = load<i32>(curve, job.curveExponent), last = load<i32>(curve, job.curveLast);
  if (load<i32>(curve, job.curveExponential)) {
    const index = 63 - <i32>clz(distance) - exponent;
    return index < 0 ? underflow : index >= last ? overflow : hit;
  }
  if (exponent >= 0) return exponent < 63 && distance >> exponent >= last ? overflow : hit;
  return exponent < -16 || distance << -exponent >= last ? overflow : hit;
}

function valueAt(table: usize, curve: usize, kind: i32, x: i64): i32 {
  const entries = table + load<u32>(curve, job.curveEntries);
  if (kind == underflow) {
    return extended(load<i16>(entries), x - load<i64>(curve, job.curveEdge), load<i32>(curve, job.underflowScale), load<i32>(curve, job.underflowShift));
  }
  const last = load<i32>(curve, job.curveLast);
  if (kind == overflow) {
    return extended(load<i16>(entries + (<usize>last << 1)), x - load<i64>(curve, job.curveEnd), load<i32>(curve, job.overflowScale), load<i32>(curve, job.overflowShift));
  }
  const distance = x - load<i64>(curve, job.curveStart);
  let exponent = load<i32>(curve, job.curveExponent);
  let index: i32, rest: i64;
  if (load<i32>(curve, job.curveExponential)) {
    const power = 63 - <i32>clz(distance);
    index = power - exponent;
    exponent = power;
    rest = distance - (<i64>1 << power);
  } else if (exponent <= 0) {
    index = <i32>(distance << -exponent);
    exponent = 0;
    rest = 0;
  } else {
    const cut = min(exponent, 62);
    index = <i32>(distance >> cut);
    rest = distance & ((<i64>1 << cut) - 1);
  }
  // Of a distance below 2^33, nothing is left of a fraction beyond 2^69.
  const fraction = exponent <= fractionBits ? rest << (fractionBits - exponent) : exponent < 99 ? rest >> min<i64>(63, exponent - fractionBits) : 0;
  const at = entries + (<usize>index << 1);
  const from = <i64>load<i16>(at), to = <i64>load<i16>(at, 2);
  return <i32>shifted((from << fractionBits) + (to - from) * fraction, <i32>fractionBits);
}

// The straight line beyond an end. A rise that leaves 33 bits saturates whatever the entry.
function extended(entry: i32, run: i64, scale: i32, shift: i32): i32 {
  const product = run * <i64>scale;
  const limit: i64 = 1 << 40;
  const rise = shift < 0 ? max(-limit, min(limit, product)) << -max(shift, -20) : shifted(product, shift);
  return <i32>max<i64>(i32.MIN_VALUE, min<i64>(i32.MAX_VALUE, <i64>entry + rise));
}

// To the right, half away from zero.
@inline
function shifted(value: i64, shift: i32): i64 {
  if (shift == 0) return value;
  const magnitude = ((value < 0 ? -value : value) + (<i64>1 << (shift - 1))) >> shift;
  return value < 0 ? -magnitude : magnitude;
}
