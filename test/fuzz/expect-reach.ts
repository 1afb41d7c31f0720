/** How far mutants came: enough of them have to get far enough for the fuzzer to mean something. */

import { expect } from 'vitest';
import type { FuzzResult } from './fuzz.ts';

/**
 * @param stages of each kind of input, in order
 * @param least of the mutants of a kind, how many percent have to pass each stage
 */
export function expectReach(
  { mutants, refused, passed }: FuzzResult,
  stages: Readonly<Record<string, readonly string[]>>,
  least: Readonly<Record<string, number>>,
): void {
  for (const [input, names] of Object.entries(stages)) {
    const all = mutants.get(input) ?? 0;
    let left = all;
    for (const stage of names) {
      for (const count of refused.get(`${input} ${stage}`)?.values() ?? []) left -= count;
      const percent = (100 * left) / all;
      expect
        .soft(percent, `${input} that pass ${stage}, in percent`)
        .toBeGreaterThanOrEqual(least[`${input} ${stage}`] ?? 0);
    }
    expect(left, input).toBe(passed.get(input));
  }
}
