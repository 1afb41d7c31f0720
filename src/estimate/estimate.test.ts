import { describe, expect, it } from 'vitest';
import { megahertz } from '../base/units.ts';
import { problemOf } from '../program/testing/problem-of.ts';
import { findModule, findPowerMode } from '../targets/find.ts';
import { orin } from '../targets/orin.ts';
import { xavier } from '../targets/xavier.ts';
import { estimate } from './estimate.ts';
import { boundShares, roofline } from './orin/roofline.ts';
import { resnet50 } from './testing/published-networks.ts';
import { timeline } from './timeline.ts';

const module = findModule(orin, 'agx-orin-64gb');
const powerMode = findPowerMode(module, 'MAXN');

describe('estimate', () => {
  const plan = resnet50();
  const result = estimate(plan, { target: orin, module, powerMode, cores: 2 });

  it('adds up: latency, throughput, utilisation, traffic', () => {
    const time = result.layers.reduce((sum, { total }) => sum + total, 0);
    expect(result.schedule!.sequential).toBeCloseTo(time + 20, 9);
    expect(result.latency).toBe(Math.max(...result.layers.map(({ placed }) => placed!.end)));
    expect(result.latency).toBeLessThanOrEqual(result.schedule!.sequential + 1e-9);
    expect(result.latency).toBeGreaterThanOrEqual(result.schedule!.longestChain);
    expect(result.imagesPerSecond).toBeCloseTo((2 * 2 * 1e6) / result.latency, 6);
    expect(result.utilisation).toBeCloseTo(((result.imagesPerSecond / 2) * 4.089e9) / (8192 * 1600e6), 4);
    const one = estimate(plan, { target: orin, module, powerMode, cores: 1 });
    expect(one.latency).toBe(result.latency);
    expect(one.imagesPerSecond).toBe(result.imagesPerSecond / 2);
    for (const { compute, memory, overhead, total, bound } of result.layers) {
      expect(total).toBeGreaterThanOrEqual(Math.max(compute, memory) + overhead);
      expect(total).toBeLessThanOrEqual(compute + memory + overhead);
      expect({ compute, memory, overhead }[bound]).toBe(Math.max(compute, memory, overhead));
    }
  });

  it('is deterministic', () => {
    expect(estimate(resnet50(), { target: orin, module, powerMode, cores: 2 })).toEqual(result);
  });

  it('is of the fit only on the module that was measured', () => {
    expect(result.evidence.class).toBe('published cell');
    for (const other of orin.modules) {
      for (const mode of other.powerModes) {
        const { evidence, notes } = estimate(plan, { target: orin, module: other, powerMode: mode, cores: 1 });
        const measured = other.id === 'agx-orin-64gb';
        expect(evidence.class).toBe(measured ? 'published cell' : 'never seen');
        if (!measured) expect(notes.join('\n')).toContain('not held against measurements');
      }
    }
  });

  it('says what it does not claim', () => {
    expect(result.notes).toEqual([
      expect.stringContaining('max-roofline 15 % and 35 %'),
      'No absolute power is claimed: only ratios are published.',
    ]);
    const large = estimate(resnet50(8), { target: orin, module, powerMode, cores: 2 });
    expect(large.evidence.class).toBe('never seen');
    expect(large.notes.join('\n')).toContain('Batch 8');
  });

  it('takes longer where the bus is narrower', () => {
    const narrow = findModule(orin, 'orin-nx-16gb-super');
    const slow = { ...findPowerMode(narrow), dlaClock: powerMode.dlaClock };
    const there = estimate(plan, { target: orin, module: narrow, powerMode: slow, cores: 2 });
    for (const [index, layer] of there.layers.entries()) {
      expect(layer.compute).toBe(result.layers[index]!.compute);
      expect(layer.memory).toBeCloseTo(2 * result.layers[index]!.memory, 6);
    }
  });

  it('refuses other targets and more cores than there are', () => {
    expect(problemOf(() => estimate(plan, { target: orin, module, powerMode, cores: 3 })).code).toBe('estimate/cores');
    expect(problemOf(() => estimate(plan, { target: orin, module, powerMode, cores: 0 })).code).toBe('estimate/cores');
    const other = findModule(xavier);
    const elsewhere = { target: xavier, module: other, powerMode: findPowerMode(other), cores: 1 };
    expect(problemOf(() => estimate(plan, elsewhere)).code).toBe('loadable/target');
    const clocked = { target: orin, module, powerMode, cores: 1, system: { clock: megahertz(100) } };
    expect(problemOf(() => estimate(plan, clocked)).code).toBe('estimate/system');
  });
});

describe('views of an estimate', () => {
  const result = estimate(resnet50(), { target: orin, module, powerMode, cores: 2 });

  it('lays layers out in time on the lanes of the engines, up to the latency', () => {
    const { tracks, spans } = timeline(result);
    expect(tracks).toEqual(['CPIPE 0', 'CPIPE 1']);
    expect(spans[0]).toMatchObject({ kind: 'task', start: 0, end: 20 });
    expect(Math.max(...spans.map(({ end }) => end))).toBe(result.latency);
    expect(spans.filter(({ kind }) => kind === 'layer')).toHaveLength(result.layers.length);
  });

  it('puts every layer under both roofs', () => {
    const { peak, bandwidth, ridge, points } = roofline(result, orin);
    expect(peak).toBeCloseTo(13_107.2);
    expect(bandwidth).toBeCloseTo(204.8);
    for (const { intensity, rate } of points) {
      expect(rate).toBeLessThan(peak);
      expect(rate).toBeLessThan(intensity * bandwidth);
    }
    expect(ridge).toBeCloseTo(64);
  });

  it('divides time among the bounds', () => {
    const shares = Object.values(boundShares(result));
    expect(shares.reduce((sum, { layers }) => sum + layers, 0)).toBe(result.layers.length);
    expect(shares.reduce((sum, { time }) => sum + time, 20)).toBeCloseTo(result.schedule!.sequential, 6);
  });
});
