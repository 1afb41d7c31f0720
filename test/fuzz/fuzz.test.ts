/** Ten thousand mutants find no crash, no hang, no untyped error; and enough of them get far enough for that to mean something. */

import { expect, test } from 'vitest';
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

test('10,000 mutants of everything that is read', { timeout: 900_000 }, async () => {
  const result = await fuzz({ seed: 20_250_101, count: 10_000, processes: 2 });
  console.log(fuzzText(result));
  expect(result.findings).toEqual([]);
  expect([...result.mutants.values()].reduce((sum, count) => sum + count)).toBe(10_000);
  expectReach(result, stages, least);
});

test('hangs, crashes and exhausted memory are findings, and the rest goes on', async () => {
  const worker = new URL('./misbehaving-worker.ts', import.meta.url);
  const { findings, passed } = await fuzz({ seed: 1, count: 7, processes: 1, worker, watchdog: 10_000 });
  expect(findings.map(({ index }) => index)).toEqual([1, 2, 3, 4]);
  expect(findings[0]!.what).toBe('hung for 10000 ms');
  expect(findings[1]!.what).toMatch(/^died \(SIG(ABRT|TRAP|ILL)\): [\s\S]*heap/);
  expect(findings[2]!.what).toMatch(/^died \(SIGSEGV\)/);
  expect(findings[3]!).toMatchObject({ input: 'onnx', stage: 'read', what: 'TypeError' });
  expect(passed.get('onnx')).toBe(3);
});
