/**
 * INT8 pipelines of the open NVDLA: the kernels against the scalar reference, byte for byte, counters included, for every
 * configuration; both builds, 1, 2 and 4 threads.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeThreads } from '../../host/node/threads.ts';
import {
  nvFull,
  nvLarge,
  nvMedium512,
  nvMedium1024Full,
  nvSmall,
  nvSmall256,
  nvSmall256Full,
} from '../../targets/nvdla.ts';
import { Bus } from '../bus.ts';
import { launch } from '../launch.ts';
import { referenceEngines } from '../reference/engines.ts';
import { cubeBytes, unmapCubes } from '../testing/cubes.ts';
import {
  largeNvdlaConvOptions,
  largeNvdlaConvScenario,
  type NvdlaScenario,
  nvdlaConvScenarios,
  otherNvdlaScenarios,
} from '../testing/nvdla-pipelines.ts';
import { createWasmEngines, type WasmEngines } from './engines.ts';

const builds = [
  { name: 'single-threaded build', shared: false, threads: 1, runs: 120 },
  { name: 'threads build, 1 thread', shared: true, threads: 1, runs: 30 },
  { name: 'threads build, 2 threads', shared: true, threads: 2, runs: 60 },
  { name: 'threads build, 4 threads', shared: true, threads: 4, runs: 30 },
];

const configurations = [nvSmall, nvSmall256, nvSmall256Full, nvMedium512, nvMedium1024Full, nvLarge, nvFull];

interface Subject {
  readonly bus: Bus;
  readonly engines: WasmEngines;
}

const openSubject = async (shared: boolean, threads: number): Promise<Subject> => {
  const bus = new Bus({ shared });
  return { bus, engines: await createWasmEngines(bus, { threads, spawn: nodeThreads, shareFrom: 0 }) };
};

/** Builds the scenario on a fresh bus for the reference and on the subject's, which lives on. */
function agree({ bus, engines }: Subject, { label, table, build }: NvdlaScenario): void {
  const plain = new Bus();
  const expected = build(plain);
  const wanted = launch(expected.pipeline, plain, { engines: referenceEngines(), nvdla: { sdpTable: table } });
  const actual = build(bus);
  const before = engines.fallbacks;
  const got = launch(actual.pipeline, bus, { engines, nvdla: { sdpTable: table } });
  expect(Buffer.compare(cubeBytes(bus, actual.output), cubeBytes(plain, expected.output)), label).toBe(0);
  expect(got.counters, label).toEqual(wanted.counters);
  expect(got.events).toEqual(wanted.events);
  expect(engines.fallbacks - before, label).toBe(0);
  unmapCubes(bus);
}

describe.each(builds)('$name', ({ shared, threads, runs }) => {
  let subject: Subject;

  beforeAll(async () => {
    subject = await openSubject(shared, threads);
  });
  afterAll(() => subject.engines.close());

  describe.each(configurations)('$name', (target) => {
    test('convolutions equal the reference', () => {
      fc.assert(
        fc.property(nvdlaConvScenarios(target), (scenario) => agree(subject, scenario)),
        { numRuns: runs, seed: threads },
      );
    });

    test('SDP and PDP on their own equal the reference', () => {
      fc.assert(
        fc.property(otherNvdlaScenarios(target), (scenario) => agree(subject, scenario)),
        { numRuns: runs, seed: threads },
      );
    });

    test.each(largeNvdlaConvOptions)('a larger layer equals the reference: %o', (options) => {
      agree(subject, largeNvdlaConvScenario(target, options, threads));
    });
  });
});
