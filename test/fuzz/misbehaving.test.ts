import { expect, test } from 'vitest';
import { fuzz } from './fuzz.ts';

test('hangs, crashes and exhausted memory are findings, and the rest goes on', async () => {
  const worker = new URL('./misbehaving-worker.ts', import.meta.url);
  const { findings, passed } = await fuzz({ seed: 1, count: 7, processes: 1, worker, watchdog: 10_000, heap: 96 });
  expect(findings.map(({ index }) => index)).toEqual([1, 2, 3, 4]);
  expect(findings[0]!.what).toBe('hung for 10000 ms');
  expect(findings[1]!.what).toMatch(/^died \(SIG(ABRT|TRAP|ILL)\): [\s\S]*heap/);
  expect(findings[2]!.what).toMatch(/^died \(SIGSEGV\)/);
  expect(findings[3]!).toMatchObject({ input: 'onnx', stage: 'read', what: 'TypeError' });
  expect(passed.get('onnx')).toBe(3);
});
