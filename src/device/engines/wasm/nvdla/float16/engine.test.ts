/**
 * Float16 pipelines of nv_full: the kernels against the scalar reference, byte for byte, counters included; both builds,
 * 1, 2 and 4 threads.
 */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeThreads } from '../../../../../host/node/index.ts';
import type { Pipeline } from '../../../../../program/layer.ts';
import { Bus } from '../../../../bus.ts';
import type { Cube } from '../../../../launch.ts';
import { launch } from '../../../../launch.ts';
import { cubeBytes, inputOf, unmapCubes } from '../../../../testing/cubes.ts';
import {
  type FloatScenario,
  floatConvScenarios,
  largeFloatConvOptions,
  largeFloatConvScenario,
  otherFloatScenarios,
  roundingScenario,
} from '../../../../testing/nvdla/float-pipelines.ts';
import { referenceEngines } from '../../../reference/engines.ts';
import { noCounts } from '../../../reference/nvdla/hardware-counts.ts';
import { createWasmEngines, type WasmEngines } from '../../engines.ts';

const builds = [
  { name: 'single-threaded build', shared: false, threads: 1, runs: 200 },
  { name: 'threads build, 1 thread', shared: true, threads: 1, runs: 30 },
  { name: 'threads build, 2 threads', shared: true, threads: 2, runs: 60 },
  { name: 'threads build, 4 threads', shared: true, threads: 4, runs: 30 },
];

interface Subject {
  readonly bus: Bus;
  readonly engines: WasmEngines;
}

/** A pipeline is worked out at its first launch, and once more when scratch memory had to grow; then it is repeated. */
const launches = 3;

/**
 * Builds the scenario on a fresh bus for the reference and on the subject's, which lives on. It is launched a few times, with
 * another input each time.
 */
function agree({ bus, engines }: Subject, { label, table, build }: FloatScenario): void {
  const plain = new Bus();
  const expected = build(plain);
  const actual = build(bus);
  const tables = table && { sdpTable: table };
  const before = { fallbacks: engines.fallbacks, repeats: engines.repeats };
  for (let time = 0; time < launches; time++) {
    if (time > 0) changeInput(plain, expected.pipeline);
    if (time > 0) changeInput(bus, actual.pipeline);
    const wantedCounts = noCounts('v1', false);
    const counts = noCounts('v1', false);
    const wanted = launch(expected.pipeline, plain, {
      engines: referenceEngines(),
      nvdla: { ...tables, counts: wantedCounts },
    });
    const got = launch(actual.pipeline, bus, { engines, nvdla: { ...tables, counts } });
    expect(Buffer.compare(cubeBytes(bus, actual.output), cubeBytes(plain, expected.output)), label).toBe(0);
    expect(got.counters, label).toEqual(wanted.counters);
    // Of NaN and infinities, those that are counted whether asked for or not.
    expect([counts.conv, counts.pdp], label).toEqual([wantedCounts.conv, wantedCounts.pdp]);
    expect(got.events).toEqual(wanted.events);
  }
  expect(engines.fallbacks - before.fallbacks, label).toBe(0);
  expect(engines.repeats - before.repeats, label).toBeGreaterThan(0);
  unmapCubes(bus);
}

/** Turns the halves of the input about. */
function changeInput(bus: Bus, pipeline: Pipeline<Cube>): void {
  const { address, size } = inputOf(pipeline);
  const halves = new Uint16Array(bus.read(address, size).buffer);
  bus.write(address, new Uint8Array(halves.map((_, at) => halves[(at * 7 + 1) % halves.length]!).buffer));
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
      { numRuns: runs },
    );
  });

  test('SDP and PDP on their own equal the reference', () => {
    fc.assert(
      fc.property(otherFloatScenarios(), (scenario) => agree(subject, scenario)),
      { numRuns: runs },
    );
  });

  test('the accumulator rounds as the reference does', () => agree(subject, roundingScenario));

  test.each(largeFloatConvOptions)('a larger layer equals the reference: %o', (options) => {
    agree(subject, largeFloatConvScenario(options, threads));
  });
});
