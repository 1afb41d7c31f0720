import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { orinReleases, xavierReleases } from './releases.ts';

it('are those of the page of hardware facts', () => {
  const page = readFileSync(new URL('../../docs/hardware/dla-software.md', import.meta.url), 'utf8');
  const rows = page.split('\n').map((line) => line.split('|').map((cell) => cell.trim()));
  for (const { name, tensorrt, dla } of [...orinReleases, ...xavierReleases]) {
    const row = rows.find(([, system]) => system === name);
    expect(row?.slice(2, 4), name).toEqual([tensorrt.join('.'), dla.join('.')]);
  }
});
