import fc from 'fast-check';
import { beforeAll, describe, expect, it } from 'vitest';
import { compile, estimate, prepare, type SystemOptions } from '../../index.ts';
import { lenet } from '../../models/caffe.ts';
import { resnet18Cifar } from '../../models/resnet.ts';
import type { Plan } from '../../program/program.ts';
import { problemOf } from '../../program/testing/problem-of.ts';
import { findNvdla } from '../../targets/find.ts';
import type { Estimate } from '../estimate-result.ts';

const planOf = (graph: Parameters<typeof prepare>[0], target: string, precision: 'int8' | 'fp16' = 'int8'): Plan =>
  compile(prepare(graph), { target, precision }).network.plan;

const system: SystemOptions = { clock: 100, bandwidth: 0.8, latency: 20, outstanding: 8, launch: 100 };

let small: Plan;
let full: Plan;
let half: Plan;
beforeAll(() => {
  const cifar = resnet18Cifar();
  small = planOf(cifar, 'nv_small');
  full = planOf(cifar, 'nv_full');
  half = planOf(lenet(), 'nv_full', 'fp16');
});

const plans = () => [small, full, half];
const anyPlan = fc.integer({ min: 0, max: 2 }).map((index) => plans()[index]!);
const anySystem = fc.record({
  clock: fc.integer({ min: 10, max: 2000 }),
  bandwidth: fc.double({ min: 0.01, max: 100, noNaN: true }),
  latency: fc.integer({ min: 0, max: 500 }),
  outstanding: fc.integer({ min: 1, max: 256 }),
  launch: fc.integer({ min: 0, max: 5000 }),
});

const totals = ({ stripe }: Estimate) => stripe!;
const sum = (values: readonly number[]) => values.reduce((a, b) => a + b, 0);

describe('an estimate of an open NVDLA', () => {
  it('adds up: launches, latency, throughput, traffic', () => {
    fc.assert(
      fc.property(anyPlan, anySystem, (plan, some) => {
        const result = estimate(plan, { system: some });
        const { scheduled, sequential } = totals(result);
        const total = sum(result.layers.map((layer) => layer.total));
        expect(total).toBeCloseTo(sequential / some.clock, 6);
        expect(result.latency).toBeCloseTo(scheduled / some.clock, 6);
        expect(result.imagesPerSecond).toBeCloseTo(1e6 / result.latency, 6);
        for (const { stripe, traffic } of result.layers) {
          const moved = sum(stripe!.reads.map(({ size }) => size)) + stripe!.written;
          expect(traffic.input + traffic.operand + traffic.weights + traffic.output).toBe(moved);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('lies between what no schedule can beat and one launch after the other', () => {
    fc.assert(
      fc.property(anyPlan, anySystem, (plan, some) => {
        const result = estimate(plan, { system: some });
        const { scheduled, sequential } = totals(result);
        expect(scheduled).toBeLessThanOrEqual(sequential);
        const traffic = result.dramBytesPerImage / ((some.bandwidth * 1000) / some.clock);
        expect(scheduled).toBeGreaterThanOrEqual(traffic * (1 - 1e-9));
        for (const engine of ['conv', 'sdp', 'pdp']) {
          const busy = result.layers.flatMap(({ stripe }) => stripe!.engines.filter((used) => used.engine === engine));
          expect(scheduled).toBeGreaterThanOrEqual(sum(busy.map((used) => used.busy)));
        }
      }),
      { numRuns: 30 },
    );
  });

  it('has no launch before what it waits for, and no engine in two launches at once', () => {
    for (const plan of plans()) {
      const [segment] = plan.segments;
      const layers = segment?.kind === 'dla' ? segment.program.layers : [];
      const found = estimate(plan, { system }).layers.map(({ stripe }) => stripe!);
      for (const [index, { start, end, drain, engines }] of found.entries()) {
        for (const id of layers[index]!.after) expect(start).toBeGreaterThanOrEqual(found[id]!.end);
        for (const { engine, busy } of engines) {
          const before = found.slice(0, index).filter((other) => other.engines.some((used) => used.engine === engine));
          for (const other of before) {
            expect(end - drain - busy).toBeGreaterThanOrEqual(other.end - other.drain);
          }
        }
      }
    }
  });

  it('is never faster with a slower system', () => {
    const worse: readonly Partial<SystemOptions>[] = [
      { bandwidth: 0.2 },
      { latency: 60 },
      { outstanding: 2 },
      { launch: 3000 },
    ];
    for (const plan of plans()) {
      const before = totals(estimate(plan, { system }));
      for (const change of worse) {
        const after = totals(estimate(plan, { system: { ...system, ...change } }));
        expect(after.scheduled, JSON.stringify(change)).toBeGreaterThanOrEqual(before.scheduled);
        expect(after.sequential, JSON.stringify(change)).toBeGreaterThan(before.sequential);
      }
    }
  });

  it('gives a launch at least the longest of what it does, and at most all of it one after the other', () => {
    fc.assert(
      fc.property(anyPlan, anySystem, (plan, some) => {
        const rate = Math.min((some.bandwidth * 1000) / some.clock, findNvdla(plan.target).nvdla.primaryMemory.width);
        for (const { compute, memory, overhead, total, stripe } of estimate(plan, { system: some }).layers) {
          const { fill, reads, written } = stripe!;
          expect(total).toBeGreaterThanOrEqual(overhead + Math.max(compute, memory - fill / some.clock) - 1e-6);
          const moving = reads.reduce((cycles, { size, busy }) => cycles + busy + size / rate, written / rate);
          expect(total).toBeLessThanOrEqual(overhead + compute + (moving + 2) / some.clock);
        }
      }),
      { numRuns: 30 },
    );
  });

  it('runs a batch one image after the other', () => {
    const one = estimate(small, { system });
    const tensors = small.tensors.map((tensor) => ({ ...tensor, shape: [4, ...tensor.shape.slice(1)] }));
    const four = estimate({ ...small, batch: 4, tensors }, { system });
    expect(four.latency).toBeCloseTo(4 * one.latency, 6);
    expect(four.imagesPerSecond).toBeCloseTo(one.imagesPerSecond, 6);
    expect(four.dramBytesPerImage).toBe(one.dramBytesPerImage);
    expect(totals(four)).toEqual(totals(one));
  });

  it('refuses systems that there are not', () => {
    for (const wrong of [
      { clock: 0 },
      { bandwidth: -1 },
      { latency: -1 },
      { outstanding: 0 },
      { launch: Number.NaN },
    ]) {
      expect(problemOf(() => estimate(small, { system: wrong })).code).toBe('estimate/system');
    }
  });
});

describe('reasons', () => {
  const of = (plan: Plan, name: string, some: SystemOptions = system) =>
    estimate(plan, { system: some }).layers.find((layer) => layer.name === name)!.stripe!;

  it('name what keeps multipliers idle, the worst first', () => {
    const fast = { ...system, bandwidth: 100, latency: 0, launch: 0 };
    expect(of(half, 'relu1', fast).reasons.slice(0, 2)).toEqual([
      'one output point for each loading of weights: 6 % of the multipliers',
      '50 channels in steps of 64: 78 % of the multipliers',
    ]);
    expect(of(full, 'stage1.0.1.relu', fast).reasons[0]).toBe('16 channels in steps of 64: 25 % of the multipliers');
  });

  it('name the memory, a client of it, or the time around the work', () => {
    expect(of(half, 'relu1', { ...system, bandwidth: 0.1 }).reasons.at(-1)).toBe(
      'of 785 KiB of traffic weights are 781 KiB',
    );
    const late = of(half, 'relu1', { ...system, bandwidth: 100, latency: 200, outstanding: 1 });
    expect(late.limit).toBe('weights');
    expect(late.reasons.at(-1)).toBe('weights come at 0.32 bytes a cycle: latency 200, 1 bursts under way');
    const slow = of(half, 'ip2', { ...system, launch: 9000 });
    expect(slow.limit).toBe('overhead');
    expect(slow.reasons.at(-1)).toContain('launch 9000');
  });

  it('name SDP where it is slower than the multipliers', () => {
    const { limit, reasons } = of(small, 'stage2.0.shortcut.conv', { ...system, bandwidth: 100 });
    expect(limit).toBe('sdp');
    expect(reasons.at(-1)).toBe('SDP takes 8192 cycles for its elements, the multipliers 2048');
  });
});
