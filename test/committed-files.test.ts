/** Scripts that make committed files change none of them unless they are asked to. */

import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, it } from 'vitest';
import { writeOrCompare } from '../scripts/committed-files.ts';

const folder = mkdtempSync(join(tmpdir(), 'dlakit-committed-'));
afterAll(() => rmSync(folder, { recursive: true }));

it('compares without writing, and writes when it is asked to', () => {
  const [kept, absent] = [join(folder, 'kept.json'), join(folder, 'more', 'absent.json')];
  writeFileSync(kept, 'as committed\n');
  expect(writeOrCompare({ [kept]: 'as committed\n' }, false)).toEqual([]);
  expect(writeOrCompare({ [kept]: 'another\n', [absent]: 'new\n' }, false)).toEqual([kept, absent]);
  expect(readFileSync(kept, 'utf8')).toBe('as committed\n');
  expect(writeOrCompare({ [kept]: 'another\n', [absent]: 'new\n' }, true)).toEqual([]);
  expect([kept, absent].map((path) => readFileSync(path, 'utf8'))).toEqual(['another\n', 'new\n']);
});
