/**
 * Float16 pipelines of nv_full: the kernels against the scalar reference, byte for byte, counters included; both builds,
 * 1, 2 and 4 threads.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeThreads } from '../../host/node/threads.ts';
import { Bus } from '../bus.ts';
import { launch } from '../launch.ts';
import { referenceEngines } from '../reference/engines.ts';
import { cubeBytes, unmapCubes } from '../testing/cubes.ts';
import {
  type FloatScenario,
  floatConvScenarios,
  largeFloatConvOptions,
  largeFloatConvScenario,
  otherFloatScenarios,
  roundingScenario,
} from '../testing/nvdla-float-pipelines.ts';
import { createWasmEngines, type WasmEngines } from './engines.ts';

const builds = [
  { name: 'single-threaded build', shared: false, threads: 1, runs: 400 },
  { name: 'threads build, 1 thread', shared: true, threads: 1, runs: 60 },
  { name: 'threads build, 2 threads', shared: true, threads: 2, runs: 150 },
  { name: 'threads build, 4 threads', shared: true, threads: 4, runs: 60 },
];

interface Subject {
  readonly bus: Bus;
  readonly engines: WasmEngines;
}

/** Builds the scenario on a fresh bus for the reference and on the subject's, which lives on. */
function agree({ bus, engines }: Subject, { label, build }: FloatScenario): void {
  const plain = new Bus();
  const expected = build(plain);
  const wanted = launch(expected.pipeline, plain, { engines: referenceEngines(), nvdla: {} });
  const actual = build(bus);
  const before = engines.fallbacks;
  const got = launch(actual.pipeline, bus, { engines, nvdla: {} });
  expect(Buffer.compare(cubeBytes(bus, actual.output), cubeBytes(plain, expected.output)), label).toBe(0);
  expect(got.counters, label).toEqual(wanted.counters);
  expect(got.events).toEqual(wanted.events);
  expect(engines.fallbacks - before, label).toBe(0);
  unmapCubes(bus);
}

describe.each(builds)('$name', ({ shared, threads, runs }) => {
  let subject: Subject;

  beforeAll(async () => {
    const bus = new Bus({ shared });
    subject = { bus, engines: await createWasmEngines(bus, { threads, spawn: nodeThreads, shareFrom: 0 }) };
  });
  afterAll(() => subject.engines.close());

  test('convolutions equal the reference', () => {
    fc.assert(
      fc.property(floatConvScenarios(), (scenario) => agree(subject, scenario)),
      { numRuns: runs, seed: threads },
    );
  });

  test('SDP and PDP on their own equal the reference', () => {
    fc.assert(
      fc.property(otherFloatScenarios(), (scenario) => agree(subject, scenario)),
      { numRuns: runs, seed: threads },
    );
  });

  test('the accumulator rounds as the reference does', () => agree(subject, roundingScenario));

  test.each(largeFloatConvOptions)('a larger layer equals the reference: %o', (options) => {
    agree(subject, largeFloatConvScenario(options, threads));
  });
});
