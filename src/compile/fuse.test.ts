import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compose } from './fuse.ts';
import { type Point, plainPoint } from './operation.ts';

/** What a stage makes of a number and its operand, in real arithmetic. */
function evaluate(point: Point, x: number, operand: number): number {
  const { multiply, add, slope, low, high, table } = point;
  const linear = x * (multiply?.[0] ?? 1) + (add?.[0] ?? 0);
  const operations = {
    add: linear + operand,
    sub: linear - operand,
    mul: linear * operand,
    max: Math.max(linear, operand),
    min: Math.min(linear, operand),
  };
  const joined = point.operand === undefined ? linear : operations[point.operand.op];
  const sloped = joined < 0 ? joined * (slope?.[0] ?? 1) : joined;
  const clamped = Math.min(Math.max(sloped, low), high);
  return table === undefined ? clamped : table.evaluate(clamped);
}

// Powers of two and small integers: exact in every order.
const factor = fc.constantFrom(-4, -0.5, 0.25, 1, 2, 8);
const term = fc.integer({ min: -8, max: 8 });
const vector = <T extends number>(numbers: fc.Arbitrary<T>) => numbers.map((value) => Float64Array.of(value));
const op = fc.constantFrom('add' as const, 'sub' as const, 'mul' as const, 'max' as const, 'min' as const);
const steps = fc.record({
  multiply: vector(factor),
  add: vector(term),
  operand: op.map((name) => ({ op: name, value: 'b' })),
  slope: vector(fc.constantFrom(0, 0.25, 2)),
  low: fc.integer({ min: -6, max: 0 }),
  high: fc.integer({ min: 0, max: 6 }),
  table: fc.constant({ input: 'x', evaluate: (x: number) => x * x + 1, operators: [] }),
});
const names = ['multiply', 'add', 'operand', 'slope', 'low', 'high', 'table'] as const;
/** A stage of at most two steps. */
const stage: fc.Arbitrary<Point> = fc
  .tuple(steps, fc.subarray([...names], { maxLength: 2 }))
  .map(([all, chosen]) => ({ ...plainPoint, ...Object.fromEntries(chosen.map((name) => [name, all[name]])) }));

describe('compose', () => {
  it('gives one stage that does what two do, or none', () => {
    let composed = 0;
    fc.assert(
      fc.property(stage, stage, term, term, (first, second, x, operand) => {
        // A stage has one operand.
        if (first.operand !== undefined && second.operand !== undefined) return;
        const point = compose(first, second);
        if (point === undefined) return;
        composed++;
        expect(evaluate(point, x, operand)).toBeCloseTo(evaluate(second, evaluate(first, x, operand), operand), 9);
      }),
      { numRuns: 2000 },
    );
    expect(composed).toBeGreaterThan(200);
  });

  it('draws a positive factor before products, slopes and clamps, and into tables', () => {
    const scaling = { ...plainPoint, multiply: Float64Array.of(4) };
    const product: Point = { ...plainPoint, operand: { op: 'mul', value: 'gate' } };
    expect(compose(product, scaling)).toEqual({ ...product, multiply: Float64Array.of(4) });
    const clamp: Point = { ...plainPoint, low: 0, high: 1 };
    expect(compose(clamp, scaling)).toEqual({ ...scaling, low: 0, high: 4 });
    const table: Point = { ...plainPoint, table: { input: 'x', evaluate: (x) => x + 1, operators: [] } };
    expect(compose(table, scaling)?.table?.evaluate(2)).toBe(12);
    const sum: Point = { ...plainPoint, operand: { op: 'add', value: 'b' } };
    expect(compose(sum, scaling)).toBeUndefined();
    expect(compose(clamp, { ...plainPoint, multiply: Float64Array.of(-4) })).toBeUndefined();
    expect(compose(clamp, { ...plainPoint, multiply: Float64Array.of(1, 2) })).toBeUndefined();
  });
});
