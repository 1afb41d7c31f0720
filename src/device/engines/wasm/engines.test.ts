/** The kernels against the scalar reference, byte for byte, counters included: both builds, 1, 2 and 4 threads. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeThreads } from '../../../host/node/threads.ts';
import { Bus } from '../../bus.ts';
import { launch } from '../../launch.ts';
import type { Engines } from '../../state.ts';
import { cubeBytes, unmapCubes } from '../../testing/cubes.ts';
import { convScenarios, largeConvScenarios, otherScenarios, type Scenario } from '../../testing/pipelines.ts';
import { referenceEngines } from '../reference/engines.ts';
import { createWasmEngines } from './engines.ts';

const reference = { engines: referenceEngines() };

interface Subject {
  readonly name: string;
  readonly bus: Bus;
  readonly engines: Engines;
}

const builds = [
  { name: 'single-threaded build', shared: false, threads: 1, runs: 250 },
  { name: 'threads build, 1 thread', shared: true, threads: 1, runs: 100 },
  { name: 'threads build, 2 threads', shared: true, threads: 2, runs: 200 },
  { name: 'threads build, 4 threads', shared: true, threads: 4, runs: 100 },
];

describe.each(builds)('$name', ({ name, shared, threads, runs }) => {
  let subject: Subject;

  beforeAll(async () => {
    const bus = new Bus({ shared });
    subject = { name, bus, engines: await createWasmEngines(bus, { threads, spawn: nodeThreads, shareFrom: 0 }) };
  });
  afterAll(() => subject.engines.close());

  /** Builds the scenario on a fresh reference bus and on the subject's, which lives on: the next case finds used
   *  scratch memory, and other data at the same addresses. */
  function agree({ label, build }: Scenario): void {
    const plain = new Bus();
    const expected = build(plain);
    const wanted = launch(expected.pipeline, plain, reference);
    const actual = build(subject.bus);
    const got = launch(actual.pipeline, subject.bus, { engines: subject.engines });
    expect(Buffer.compare(cubeBytes(subject.bus, actual.output), cubeBytes(plain, expected.output)), label).toBe(0);
    expect(got.counters, label).toEqual(wanted.counters);
    expect(got.events).toEqual(wanted.events);
    unmapCubes(subject.bus);
  }

  test('convolutions equal the reference', () => {
    fc.assert(fc.property(convScenarios, agree), { numRuns: runs });
  });

  test.each(largeConvScenarios)('a larger layer equals the reference: $label', agree);

  test('the other engines equal the reference', () => {
    fc.assert(fc.property(otherScenarios, agree), { numRuns: runs });
  });
});
