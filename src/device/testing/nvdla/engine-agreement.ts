/**
 * INT8 pipelines of the open NVDLA: the kernels against the scalar reference, byte for byte, counters included, for every
 * configuration; both builds, 1, 2 and 4 threads.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeThreads } from '../../../host/node/index.ts';
import type { Pipeline } from '../../../program/layer.ts';
import { targets } from '../../../targets/find.ts';
import { isNvdla } from '../../../targets/target.ts';
import { Bus } from '../../bus.ts';
import { referenceEngines } from '../../engines/reference/engines.ts';
import { createWasmEngines, type WasmEngines } from '../../engines/wasm/engines.ts';
import type { Cube } from '../../launch.ts';
import { launch } from '../../launch.ts';
import { cubeBytes, inputOf, unmapCubes } from '../cubes.ts';
import {
  largeNvdlaConvOptions,
  largeNvdlaConvScenario,
  type NvdlaScenario,
  nvdlaConvScenarios,
  otherNvdlaScenarios,
} from './pipelines.ts';

export interface Build {
  readonly name: string;
  readonly shared: boolean;
  readonly threads: number;
  readonly runs: number;
}

const configurations = targets.filter(isNvdla);

interface Subject {
  readonly bus: Bus;
  readonly engines: WasmEngines;
}

const openSubject = async (shared: boolean, threads: number): Promise<Subject> => {
  const bus = new Bus({ shared });
  return { bus, engines: await createWasmEngines(bus, { threads, spawn: nodeThreads, shareFrom: 0 }) };
};

/** A pipeline is worked out at its first launch, and once more when scratch memory had to grow; then it is repeated. */
const launches = 3;

/**
 * Builds the scenario on a fresh bus for the reference and on the subject's, which lives on. It is launched a few times, with
 * another input each time.
 */
function agree({ bus, engines }: Subject, { label, table, build }: NvdlaScenario): void {
  const plain = new Bus();
  const expected = build(plain);
  const actual = build(bus);
  const before = { fallbacks: engines.fallbacks, repeats: engines.repeats };
  const reference = { engines: referenceEngines(), nvdla: { sdpTable: table } };
  const state = { engines, nvdla: { sdpTable: table } };
  for (let time = 0; time < launches; time++) {
    if (time > 0) changeInput(plain, expected.pipeline, time);
    if (time > 0) changeInput(bus, actual.pipeline, time);
    const wanted = launch(expected.pipeline, plain, reference);
    const got = launch(actual.pipeline, bus, state);
    expect(Buffer.compare(cubeBytes(bus, actual.output), cubeBytes(plain, expected.output)), label).toBe(0);
    expect(got.counters, label).toEqual(wanted.counters);
    expect(got.events).toEqual(wanted.events);
  }
  expect(engines.fallbacks - before.fallbacks, label).toBe(0);
  expect(engines.repeats - before.repeats, label).toBeGreaterThan(0);
  unmapCubes(bus);
}

function changeInput(bus: Bus, pipeline: Pipeline<Cube>, time: number): void {
  const { address, size } = inputOf(pipeline);
  bus.write(
    address,
    bus.read(address, size).map((byte, at) => byte + time * at * 37),
  );
}

export function equalsTheReference(builds: readonly Build[]): void {
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
          { numRuns: runs },
        );
      });

      test('SDP and PDP on their own equal the reference', () => {
        fc.assert(
          fc.property(otherNvdlaScenarios(target), (scenario) => agree(subject, scenario)),
          { numRuns: runs },
        );
      });

      test.each(largeNvdlaConvOptions)('a larger layer equals the reference: %o', (options) => {
        agree(subject, largeNvdlaConvScenario(target, options, threads));
      });
    });
  });
}
