import { describe, expect, it } from 'vitest';
import { DlakitError } from '../base/errors.ts';
import { type CustomTarget, readTarget } from './custom-target.ts';
import { addTarget, findTarget } from './find.ts';

const read = (json: CustomTarget) => readTarget(JSON.stringify(json), 'my.json');
const problem = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof DlakitError) return error.problem;
    throw error;
  }
  throw new Error('no error');
};

describe('a custom target', () => {
  it('is the one it extends but for what it says', () => {
    const base = findTarget('nv_small');
    expect(read({ name: 'same', extends: 'nv_small' })).toEqual({
      ...base,
      name: 'same',
      title: 'Open NVDLA, same (extends nv_small)',
    });
    const own = read({
      name: 'my_dla',
      extends: 'nv_large',
      atomic: { c: 32, k: 16 },
      cbuf: { banks: 8, entryBytes: 32, entriesPerBank: 1024 },
      secondaryMemory: null,
      throughput: { x: 8 },
      system: { title: 'an FPGA', clock: 150, bandwidth: 1.2 },
    });
    expect(own).toMatchObject({
      memoryAtom: 32,
      atomic: { c: 32, k: 16, pixels: 1 },
      cbuf: { banks: 8, entryBytes: 32, entriesPerBank: 1024 },
      nvdla: { registers: 'v2', throughput: { x: 8, y: 4, pdp: 8, cdp: 8 }, elementwise: true },
    });
    expect(own.nvdla).not.toHaveProperty('secondaryMemory');
    expect(own.modules[0]).toMatchObject({ title: 'an FPGA', powerModes: [{ dlaClock: { value: 150 } }] });
  });

  it('says of its system what it knows; the rest is assumed', () => {
    const common = { title: 'an FPGA', clock: 150, bandwidth: 1.2 };
    const [some] = read({ name: 'some', extends: 'nv_small', system: { ...common, latency: 30, launch: 0 } }).modules;
    expect(some!.system).toMatchObject({
      latency: { value: 30, status: 'documented', source: 'my.json' },
      outstanding: { value: 256, status: 'documented' },
      launch: { value: 0, status: 'documented' },
    });
    const [none] = read({ name: 'none', extends: 'nv_small', system: common }).modules;
    expect(none!.system).toMatchObject({ latency: { status: 'assumed' }, launch: { status: 'assumed' } });
  });

  it('is found by name once it is added, and replaces one added before', () => {
    addTarget(read({ name: 'found', extends: 'nv_small' }));
    addTarget(read({ name: 'found', extends: 'nv_large' }));
    expect(findTarget('found').memoryAtom).toBe(32);
    expect(problem(() => addTarget({ ...findTarget('found'), name: 'NV-small' })).code).toBe('target/invalid');
  });

  it.each([
    ['a field that is not known', { name: 'a', extends: 'nv_small', bank: 3 }, 'target/invalid'],
    ['a name with a slash', { name: 'a/b', extends: 'nv_small' }, 'target/invalid'],
    ['no base', { name: 'a' }, 'target/invalid'],
    ['an unknown base', { name: 'a', extends: 'nv_tiny' }, 'target/unknown'],
    ['a base that is no open NVDLA', { name: 'a', extends: 'orin' }, 'target/invalid'],
    ['fewer channels than an atom has', { name: 'a', extends: 'nv_large', atomic: { c: 16, k: 8 } }, 'target/invalid'],
    ['an odd number of kernels', { name: 'a', extends: 'nv_small', atomic: { c: 8, k: 9 } }, 'target/invalid'],
    [
      'entries smaller than an atom',
      { name: 'a', extends: 'nv_large', cbuf: { banks: 4, entryBytes: 16, entriesPerBank: 8 } },
      'target/invalid',
    ],
    ['a table without its unit', { name: 'a', extends: 'nv_small', lookupTable: true }, 'target/invalid'],
    [
      'a latency below nothing',
      { name: 'a', extends: 'nv_small', system: { title: 'b', clock: 1, bandwidth: 1, latency: -1 } },
      'target/invalid',
    ],
    ['a unit without throughput', { name: 'a', extends: 'nv_small', elementwise: true }, 'target/invalid'],
  ])('is refused with %s', (_, json, code) => {
    expect(problem(() => readTarget(JSON.stringify(json), 'my.json')).code).toBe(code);
  });

  it('is refused when it is no JSON', () => {
    expect(problem(() => readTarget('{', 'my.json'))).toMatchObject({
      code: 'target/invalid',
      place: { file: 'my.json' },
    });
  });
});
