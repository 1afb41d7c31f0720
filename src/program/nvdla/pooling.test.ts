/** Stripes of a pooling, worked through as PDP would: each reads on, and keeps what its windows share with the one before. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { targets } from '../../targets/find.ts';
import { nvdlaLimits } from '../../targets/nvdla-limits.ts';
import { isNvdla } from '../../targets/target.ts';
import { type Pooled, pooledColumns, poolingStripes } from './pooling.ts';

const nvdlaTargets = targets.filter(isNvdla);
const [, stripeColumns] = nvdlaLimits.pooling.stripeColumns;

/** The row of maxima, made stripe by stripe out of what was read until then. */
function striped(pooled: Pooled, columns: number, row: readonly number[]): number[] {
  const { kernel, stride, padding } = pooled;
  const { count, input, output } = poolingStripes(pooled, columns);
  const made: number[] = [];
  let read = 0;
  for (let stripe = 0; stripe < count; stripe++) {
    const part = stripe === 0 ? 0 : stripe === count - 1 ? 2 : 1;
    expect(input[part], `columns that stripe ${stripe} of ${count} reads`).toBeGreaterThan(0);
    expect(output[part], `columns that stripe ${stripe} of ${count} makes`).toBeGreaterThan(0);
    expect(output[part]).toBeLessThanOrEqual(columns);
    if (count > 1) expect(Math.max(input[part], output[part])).toBeLessThanOrEqual(stripeColumns);
    // Between windows that do not touch PDP steps over what no window sees.
    if (stripe > 0) read += Math.max(0, stride.w - kernel.w);
    read += input[part];
    for (let window = 0; window < output[part]; window++) {
      const start = made.length * stride.w - padding.left;
      const end = start + kernel.w;
      if (Math.min(end, row.length) > read)
        throw new Error(`window ${made.length} sees what stripe ${stripe} has not read`);
      made.push(Math.max(...row.slice(Math.max(0, start), Math.min(end, read))));
    }
  }
  expect(read).toBeLessThanOrEqual(row.length);
  return made;
}

function whole({ kernel, stride, padding, outputWidth }: Pooled, row: readonly number[]): number[] {
  return Array.from({ length: outputWidth }, (_, index) => {
    const start = index * stride.w - padding.left;
    return Math.max(...row.slice(Math.max(0, start), start + kernel.w));
  });
}

const rowOf = (width: number): number[] => Array.from({ length: width }, (_, column) => (column * 7919) % 251);

interface Given {
  readonly kernel: number;
  readonly stride: number;
  readonly left: number;
  readonly right: number;
  readonly width: number;
}

function pooledOf({ kernel, stride, left, right, width }: Given): Pooled {
  return {
    kernel: { h: kernel, w: kernel },
    stride: { h: stride, w: stride },
    padding: { top: left, left, bottom: right, right },
    inputWidth: width,
    outputWidth: Math.floor((width + left + right - kernel) / stride) + 1,
  };
}

describe('the stripes of a pooling', () => {
  it.each<[string, Given, 'int8' | 'float16']>([
    ['a last window in the padding', { kernel: 5, stride: 1, left: 2, right: 2, width: 26 }, 'int8'],
    ['three last windows in the padding', { kernel: 7, stride: 1, left: 3, right: 3, width: 20 }, 'int8'],
    ['a last stripe that would read nothing', { kernel: 3, stride: 1, left: 1, right: 1, width: 43 }, 'int8'],
    ['padding that no window reaches', { kernel: 3, stride: 2, left: 0, right: 1, width: 201 }, 'float16'],
    ['a stripe wider than its field', { kernel: 1, stride: 8, left: 0, right: 0, width: 8192 }, 'int8'],
  ])('read something each: %s', (_, given, precision) => {
    for (const target of nvdlaTargets) {
      const pooled = pooledOf(given);
      const columns = pooledColumns(pooled.kernel, pooled.stride, precision, target);
      const row = rowOf(given.width);
      expect(striped(pooled, columns, row), target.name).toEqual(whole(pooled, row));
    }
  });

  it('make what the whole makes, whatever the window and the width', () => {
    const given = fc.record({
      kernel: fc.integer({ min: 1, max: 8 }),
      stride: fc.integer({ min: 1, max: 8 }),
      left: fc.nat({ max: 7 }),
      right: fc.nat({ max: 7 }),
      width: fc.oneof(fc.integer({ min: 1, max: 140 }), fc.integer({ min: 1, max: 4096 })),
    });
    const targets = fc.constantFrom(...nvdlaTargets);
    const precisions = fc.constantFrom('int8' as const, 'float16' as const);
    fc.assert(
      fc.property(given, targets, precisions, (one, target, precision) => {
        fc.pre(one.left < one.kernel && one.right < one.kernel && one.width + one.left + one.right >= one.kernel);
        const pooled = pooledOf(one);
        fc.pre((pooled.outputWidth - 1) * one.stride - one.left < one.width);
        const columns = pooledColumns(pooled.kernel, pooled.stride, precision, target);
        const row = rowOf(one.width);
        expect(striped(pooled, columns, row)).toEqual(whole(pooled, row));
      }),
      { numRuns: 600 },
    );
  });
});
