/** No mutant finds a crash, a hang or an untyped error; and enough of them get far enough for that to mean something. */

import { expect } from 'vitest';
import { seed } from '../seed.ts';
import { expectReach } from './expect-reach.ts';
import { fuzz, fuzzText } from './fuzz.ts';
import { stages } from './journey.ts';

/** Of the mutants that are given to a kind of input, how many percent have to pass each of its stages, at least. */
const least: Readonly<Record<string, number>> = {
  'onnx read': 40,
  'onnx resolve': 30,
  'onnx compile': 25,
  'onnx run': 25,
  'loadable decode': 8,
  'loadable run': 8,
  'plan parse': 15,
  'plan validate': 4,
  'graph parse': 15,
  'cache parse': 8,
  'json parse': 5,
  'idx parse': 5,
  'shapes parse': 30,
};

export async function expectMutants(count: number): Promise<void> {
  const result = await fuzz({ seed, count, processes: 2 });
  console.log(fuzzText(result));
  expect(result.findings).toEqual([]);
  expect([...result.mutants.values()].reduce((sum, of) => sum + of)).toBe(count);
  expectReach(result, stages, least);
}
