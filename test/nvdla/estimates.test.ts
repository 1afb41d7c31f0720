/** Loadables that NVIDIA's compiler made, priced as they are, against published timings of theirs (docs/estimates.md). */

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { estimate, liftToEstimate } from '../../src/index.ts';
import { problemOf } from '../../src/program/testing/problem-of.ts';

const loadable = (name: string): Uint8Array =>
  new Uint8Array(readFileSync(new URL(`../fixtures/nvdla/timed/${name}.nvdla`, import.meta.url)));

describe('the estimate of a stock loadable', () => {
  // gem5-NVDLA @ b027ed7 (RTL); arXiv 2508.16095 (FPGA).
  it.each([
    ['lenet-nv_full-fp16', 'nv_full', 'gem5-ideal', 71_137, 0.01],
    ['lenet-nv_full-fp16', 'nv_full', 'gem5-ddr3', 113_221, 0.03],
    ['lenet-nv_small-int8', 'nv_small', 'zcu102', 480_000, 0.01],
  ])('%s on %s, %s: %i cycles were measured', (name, target, module, cycles, tolerance) => {
    const plan = liftToEstimate(loadable(name), { target });
    const { stripe } = estimate(plan, { module });
    expect(Math.abs(stripe!.scheduled / cycles - 1)).toBeLessThan(tolerance);
  });

  it('has its launches, and its softmax outside the DLA', () => {
    const plan = liftToEstimate(loadable('lenet-nv_full-fp16'), { target: 'nv_full' });
    expect(plan.segments.map(({ kind }) => kind)).toEqual(['dla', 'host']);
    const { layers, notes } = estimate(plan);
    expect(layers.map(({ kind }) => kind)).toEqual(['conv', 'pdp', 'conv', 'pdp', 'conv', 'conv']);
    expect(notes.at(-1)).toBe('1 segment outside the DLA: not timed.');
  });

  it('needs the target that a foreign loadable does not say, and refuses another', () => {
    const bytes = loadable('lenet-nv_small-int8');
    expect(problemOf(() => liftToEstimate(bytes)).code).toBe('loadable/target-missing');
    expect(problemOf(() => liftToEstimate(bytes, { target: 'nv_full' })).code).toBe('loadable/target');
  });
});
