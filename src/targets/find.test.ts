import { describe, expect, it } from 'vitest';
import { DlakitError } from '../base/errors.ts';
import { findModule, findPowerMode, findRelease, findTarget, targets } from './find.ts';
import { atLeast } from './releases.ts';

const problemOf = (work: () => unknown) => {
  try {
    work();
  } catch (error) {
    if (error instanceof DlakitError) return error.problem;
    throw error;
  }
  throw new Error('expected a problem');
};

describe('finding targets by name', () => {
  it('knows every target, module, power mode and release by its own name', () => {
    for (const target of targets) {
      expect(findTarget(target.name)).toBe(target);
      for (const release of target.releases) expect(findRelease(target, release.name)).toBe(release);
      for (const module of target.modules) {
        expect(findModule(target, module.id)).toBe(module);
        for (const mode of module.powerModes) expect(findPowerMode(module, mode.name)).toBe(mode);
      }
    }
  });

  it('defaults to AGX Orin 64GB in MAXN with JetPack 6.0', () => {
    const orin = findTarget('orin');
    expect(findModule(orin).id).toBe('agx-orin-64gb');
    expect(findPowerMode(findModule(orin)).name).toBe('MAXN');
    expect(findRelease(orin).name).toBe('JetPack 6.0');
  });

  it.each(['JetPack 5.1.1', 'jetpack-5.1.1', 'JP5.1.1', '5.1.1', 'jetpack5.1.1'])(
    'reads %s as JetPack 5.1.1',
    (name) => {
      expect(findRelease(findTarget('ORIN'), name).tensorrt).toEqual([8, 5, 2]);
    },
  );

  it('refuses unknown names with the list of known ones', () => {
    expect(problemOf(() => findTarget('tegra'))).toEqual({
      code: 'target/unknown',
      message: 'no target is called "tegra"',
      place: {},
      expected:
        'orin, xavier, nv_small, nv_small_256, nv_small_256_full, nv_medium_512, nv_medium_1024_full, nv_large, nv_full, or your own as .json',
      actual: 'tegra',
    });
    const orin = findTarget('orin');
    expect(problemOf(() => findModule(orin, 'orin-nx')).expected).toContain('orin-nx-8gb');
    expect(problemOf(() => findPowerMode(findModule(orin), '60W')).expected).toBe('MAXN, 50W, 30W, 15W');
    expect(problemOf(() => findRelease(findTarget('xavier'), 'JetPack 6.0')).expected).toBe('JetPack 5.1.1');
    expect(problemOf(() => findRelease(orin, '')).code).toBe('target/unknown');
  });
});

describe('the target data', () => {
  it.each([
    ['MAXN', 1600, 3200, 204.8, 105],
    ['50W', 1408, 3200, 204.8, 92],
    ['30W', 1369.6, 3200, 204.8, 90],
    ['15W', 614.4, 2133, 136.5, 40],
  ])('AGX Orin 64GB in %s gives the published sparse TOPS of two DLAs', (name, dla, emc, bandwidth, tops) => {
    const orin = findTarget('orin');
    const module = findModule(orin);
    const mode = findPowerMode(module, name);
    expect([mode.dlaClock.value, mode.emcClock.value, mode.dramBandwidth.value]).toEqual([dla, emc, bandwidth]);
    const macs = orin.atomic.c * orin.atomic.k * orin.atomic.pixels;
    expect(Math.round((module.dlaCores * macs * 4 * mode.dlaClock.value) / 1e6)).toBe(tops);
  });

  it('gives CBUF sizes of 512 KiB to Orin, Xavier and nv_full, 128 KiB to nv_small', () => {
    const size = (name: string) => {
      const { cbuf } = findTarget(name);
      return (cbuf.banks * cbuf.entryBytes * cbuf.entriesPerBank) / 1024;
    };
    expect(['orin', 'xavier', 'nv_full', 'nv_small'].map(size)).toEqual([512, 512, 512, 128]);
  });

  it('derives bandwidth from the memory clock everywhere on Jetson', () => {
    for (const [name, bytesPerClock] of [
      ['agx-orin-64gb', 64],
      ['agx-orin-32gb', 64],
      ['agx-orin-devkit', 64],
      ['orin-nx-16gb', 32],
      ['orin-nx-16gb-super', 32],
      ['orin-nx-8gb', 32],
      ['agx-xavier', 64],
      ['xavier-nx', 32],
    ] as const) {
      const target = findTarget(name.includes('orin') ? 'orin' : 'xavier');
      for (const mode of findModule(target, name).powerModes) {
        expect(mode.dramBandwidth.value).toBeCloseTo((bytesPerClock * mode.emcClock.value) / 1000, 0);
      }
    }
  });

  it('says for every number where it comes from', () => {
    for (const { modules, sram } of targets) {
      const modes = modules.flatMap((module) => module.powerModes);
      const facts = [
        sram.capacity,
        sram.defaultPool,
        ...modes.flatMap((mode) => [
          mode.dlaClock,
          mode.secondDlaClock ?? mode.dlaClock,
          mode.emcClock,
          mode.dramBandwidth,
        ]),
      ];
      for (const fact of facts) expect(fact.source.length).toBeGreaterThan(10);
    }
  });
});

describe('hardware without a DLA', () => {
  it.each([
    'orin-nano',
    'Orin Nano',
    'jetson-orin-nano',
    'orin-nano-8gb',
    'thor',
    'jetson-agx-thor',
    'DRIVE Thor',
    'Thor T5000',
  ])('%s is told so, as target and as module', (name) => {
    const problem = problemOf(() => findTarget(name));
    expect(problem.code).toBe('target/no-dla');
    expect(problem.message).toMatch(/^(Jetson Orin Nano|Thor) has no DLA: its networks run on the GPU$/);
    expect(problemOf(() => findModule(findTarget('orin'), name)).code).toBe('target/no-dla');
  });

  it('does not claim names that only look alike', () => {
    for (const name of ['orin-nx', 'thorax', 'nano'])
      expect(problemOf(() => findTarget(name)).code).toBe('target/unknown');
  });
});

describe('atLeast', () => {
  it.each([
    [[8, 6, 0], [8, 6, 0], true],
    [[8, 6, 2], [8, 6, 0], true],
    [[8, 5, 10], [8, 6, 0], false],
    [[8, 6, 2], [8, 6, 12], false],
    [[10, 0, 0], [8, 6, 12], true],
    [[8, 6], [8, 6, 1], false],
  ])('%j against %j is %s', (version, older, expected) => {
    expect(atLeast(version, older)).toBe(expected);
  });
});
