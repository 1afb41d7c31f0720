import { describe, expect, it } from 'vitest';
import { problemOf } from '../../../program/testing/problem-of.ts';
import { targets } from '../../../targets/find.ts';
import { nvFull, nvLarge, nvSmall } from '../../../targets/nvdla.ts';
import { isNvdla } from '../../../targets/target.ts';
import { lowerProgram } from '../lower/program.ts';
import { networks } from '../testing/fixtures.ts';
import { randomProgram } from '../testing/random-program.ts';
import { detectMismatch, loadableTargets, targetOfLoadable } from './loadable-target.ts';
import { tagBlob } from './tag.ts';

describe('the target of a loadable', () => {
  const { program, blobs } = randomProgram(nvSmall, 9, 3);
  const tag = { target: 'nv_small', network: 'net', inputs: [], outputs: [] };
  const ours = lowerProgram(program, blobs, nvSmall, { tag });
  const foreign = networks().find(({ name }) => name.includes('conv1__nv_large'))!;

  it('is the one of its tag', () => {
    expect(targetOfLoadable(ours)).toBe(nvSmall);
    expect(targetOfLoadable(ours, 'NV_Small')).toBe(nvSmall);
    expect(problemOf(() => targetOfLoadable(ours, 'nv_full')).code).toBe('loadable/target');
  });

  it('is named by who wants it where there is no tag', () => {
    expect(targetOfLoadable(foreign.loadable, 'nv_large')).toBe(nvLarge);
    expect(problemOf(() => targetOfLoadable(foreign.loadable, 'nv_full'))).toMatchObject({
      code: 'loadable/target',
      message: expect.stringMatching(/; it fits nv_large$/),
    });
    expect(problemOf(() => targetOfLoadable(foreign.loadable))).toMatchObject({
      code: 'loadable/target-missing',
      expected: 'a target; its descriptors fit nv_large',
    });
  });

  it('is an open NVDLA that is known', () => {
    expect(problemOf(() => targetOfLoadable(foreign.loadable, 'orin')).code).toBe('device/unsupported');
    expect(problemOf(() => targetOfLoadable(foreign.loadable, 'nv_tiny')).code).toBe('target/unknown');
  });
});

describe('a loadable for another target', () => {
  it('are known by their descriptors', () => {
    const files = networks();
    for (const { name, loadable, target } of files) {
      expect(loadableTargets(loadable), name).toContain(target.name);
      targetOfLoadable(loadable, target.name);
    }
    const refused = files.filter(({ loadable, target }) =>
      [nvSmall, nvLarge, nvFull].every((other) => other === target || detectMismatch(loadable, other) !== undefined),
    );
    expect(refused.map(({ name }) => name)).toEqual(files.map(({ name }) => name));
  });

  it('is refused by its tag', () => {
    const { program, blobs } = randomProgram(nvSmall, 9, 3);
    const tag = { target: 'nv_small', network: 'net', inputs: [], outputs: [] };
    const loadable = lowerProgram(program, blobs, nvSmall, { tag });
    targetOfLoadable(loadable, nvSmall.name);
    const problem = problemOf(() => targetOfLoadable(loadable, nvLarge.name));
    expect(problem).toMatchObject({ code: 'loadable/target', expected: 'nv_large', actual: 'nv_small' });
  });

  it('is refused when its tag cannot be read', () => {
    const { program, blobs } = randomProgram(nvFull, 9, 3);
    const own = lowerProgram(program, blobs, nvFull);
    const tag = tagBlob({ target: 'nv_full', network: 'net', inputs: [], outputs: [] });
    for (const text of ['no JSON', '{"format":"other"}', '\xff']) {
      const data = Uint8Array.from(text, (letter) => letter.charCodeAt(0));
      const loadable = { ...own, blobs: [...own.blobs, { ...tag, data, size: data.length }] };
      expect(problemOf(() => targetOfLoadable(loadable, nvFull.name)).code).toBe('loadable/corrupt');
    }
  });

  it('is refused by its descriptors, with the targets that they fit', () => {
    const network = networks().find(({ name }) => name.includes('conv1__nv_large'))!;
    const problem = problemOf(() => targetOfLoadable(network.loadable, nvFull.name));
    expect(problem.code).toBe('loadable/target');
    expect(problem.message).toMatch(/; it fits nv_large$/);
  });

  it('is found out between every two configurations that lay out memory differently', () => {
    const configurations = targets.filter(isNvdla);
    for (const made of configurations) {
      for (const other of configurations) {
        const { cbuf, memoryAtom } = made;
        const alike = other.memoryAtom === memoryAtom && other.cbuf.entryBytes === cbuf.entryBytes;
        if (alike) continue;
        const found = [1, 2, 3, 4, 5, 6].filter((seed) => {
          const { program, blobs } = randomProgram(made, seed * 77, 12);
          return detectMismatch(lowerProgram(program, blobs, made), other) !== undefined;
        });
        expect(found.length, `${made.name} on ${other.name}`).toBeGreaterThan(3);
      }
    }
  });
});
