// SDP of float16: how the singles of 16 channels at some pixels become halves in memory. One pass a unit, in place.

import * as base from '../../../job';
import * as integers from '../../../nvdla/job';
import * as job from '../../../nvdla/float16/job';
import { lookUpSingles } from './lookup';
import { extremeOf, halvesOf, productOf, reluOf, singlesOf, sumOf } from './floats';

/** @param first the first pixel, counted over the rows of the output */
export function finishSingles(at: usize, singles: usize, group: i32, first: i32, count: i32): void {
  const width = load<i32>(at, base.outWidth);
  runUnit(at + job.x1, singles, group, first, count, width);
  runUnit(at + job.x2, singles, group, first, count, width);
  runUnit(at + job.y, singles, group, first, count, width);
  const table = load<u32>(at, job.lookup);
  if (table) lookUpSingles(table, singles, count);
  const line = load<u32>(at, base.outRow);
  let x = first % width;
  let to = load<u32>(at, base.outAddress) + <usize>group * load<u32>(at, base.outSurface) + <usize>(first / width) * line + <usize>(x << 5);
  for (let i = 0; i < count; i++, singles += 64) {
    for (let quad: usize = 0; quad < 64; quad += 16) {
      const halves = halvesOf(v128.load(singles + quad));
      v128.store64_lane(to + (quad >> 1), i16x8.narrow_i32x4_u(halves, halves), 0);
    }
    to += 32;
    if (++x == width) {
      x = 0;
      to += line - <u32>(width << 5);
    }
  }
}

/** Four operands at an element: singles. @param second the other half of a pair */
function operands(at: usize, element: u32, second: bool): v128 {
  if (element == 2) return singlesOf(v128.load_ext<u16>(at));
  const pairs = v128.load(at);
  return singlesOf(second ? i32x4.shr_u(pairs, 16) : v128.and(pairs, i32x4.splat(0xffff)));
}

function combined(alu: i32, t: v128, operand: v128): v128 {
  return alu == integers.aluSum ? sumOf(t, operand) : extremeOf(t, operand, alu == integers.aluMax);
}

function multiplied(mul: i32, t: v128, operand: v128): v128 {
  const product = productOf(t, operand);
  return mul == integers.mulNegative ? v128.bitselect(product, t, i32x4.shr_s(t, 31)) : product;
}

function runUnit(unit: usize, singles: usize, group: i32, first: i32, count: i32, width: i32): void {
  const order = load<i32>(unit, job.unitOrder);
  if (order == 0) return;
  const alu = load<i32>(unit, job.unitAlu), mul = load<i32>(unit, job.unitMul);
  const relu = load<i32>(unit, job.unitRelu) != 0;
  const aluSource = load<i32>(unit, job.aluSource), mulSource = load<i32>(unit, job.mulSource);
  const element = load<u32>(unit, job.operandElement), row = load<u32>(unit, job.operandRow);
  const operand = load<u32>(unit, job.operandAddress);
  const cube = operand + <usize>group * load<u32>(unit, job.operandSurface) + <usize>(first / width) * row;
  const step = element << 4;
  for (let quad: usize = 0; quad < 4; quad++) {
    const inTable = operand + ((<usize>group << 4) + (quad << 2)) * element;
    let a = aluSource == job.fromTable ? operands(inTable, element, false) : i32x4.splat(load<i32>(unit, job.aluBits));
    let m = mulSource == job.fromTable ? operands(inTable, element, element == 4) : i32x4.splat(load<i32>(unit, job.mulBits));
    let x = first % width;
    let from = cube + <usize>x * step + (quad << 2) * element;
    const end = singles + (<usize>count << 6);
    for (let p = singles + (quad << 4); p < end; p += 64) {
      if (aluSource == job.fromCube) a = operands(from, element, false);
      if (mulSource == job.fromCube) m = operands(from, element, element == 4);
      let t = v128.load(p);
      if (order == 2 && mul) t = multiplied(mul, t, m);
      if (alu) t = combined(alu, t, a);
      if (order == 1 && mul) t = multiplied(mul, t, m);
      v128.store(p, relu ? reluOf(t) : t);
      from += step;
      if (++x == width) {
        x = 0;
        from += row - <u32>width * step;
      }
    }
  }
}
