/** The kernels against the scalar reference, byte for byte, counters included: both builds, 1, 2 and 4 threads. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { roundHalfAway } from '../../../base/rounding.ts';
import { nodeThreads } from '../../../host/node/index.ts';
import type { FloatScaleSdp, Pipeline } from '../../../program/layer.ts';
import type { Shape4 } from '../../../program/surface.ts';
import { Bus } from '../../bus.ts';
import type { Cube } from '../../launch.ts';
import { launch } from '../../launch.ts';
import type { ImmediateEngines } from '../../state.ts';
import { cubeBytes, featureCube, featureValues, fillFeature, unmapCubes, vectorCube } from '../../testing/cubes.ts';
import { convScenarios, largeConvScenarios, otherScenarios, type Scenario } from '../../testing/pipelines.ts';
import { referenceEngines } from '../reference/engines.ts';
import { createWasmEngines } from './engines.ts';

const reference = { engines: referenceEngines() };

/**
 * Every half that int8 has, its float32 neighbours on both sides, and ends: as engines round without ever falling back, all between
 * them is right where these are. A channel each; its factor is the number and its input 1.
 */
const halves = Float32Array.from({ length: 262 }, (_, index) => index - 130.5);
const edges = [halves, neighbours(1), neighbours(-1), Float32Array.of(0, -0, 1e30, -1e30, Infinity, -Infinity)].flatMap(
  (values) => [...values],
);

function neighbours(step: 1 | -1): Float32Array {
  return new Float32Array(new Int32Array(halves.buffer).map((bits) => bits + step).buffer);
}

/** What the stage does to every edge: scale alone, with a shift, or with an operand, each a path of its own in the kernels. */
function roundEdges(bus: Bus, more: 'nothing' | 'shift' | 'operand'): Pipeline<Cube> {
  const shape: Shape4 = [1, edges.length, 1, 3];
  const count = 3 * edges.length;
  const input = fillFeature(bus, featureCube(bus, shape), new Array(count).fill(1));
  const sdp: FloatScaleSdp<Cube> = {
    arithmetic: 'float-scale',
    input,
    scale: vectorCube(bus, Float32Array.from(edges)),
    ...(more === 'shift' && { shift: vectorCube(bus, Float32Array.of(0)) }),
    ...(more === 'operand' && {
      operand: {
        op: 'add' as const,
        input: fillFeature(bus, featureCube(bus, shape), new Array(count).fill(0)),
        scale: 1,
      },
    }),
    low: -128,
    high: 127,
    output: featureCube(bus, shape),
  };
  return { kind: 'sdp', sdp };
}

interface Subject {
  readonly name: string;
  readonly bus: Bus;
  readonly engines: ImmediateEngines;
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

  test.each(['nothing', 'shift', 'operand'] as const)(
    'halves go away from zero, their neighbours do not: with %s',
    (more) => {
      const wanted = edges.flatMap((edge) => new Array(3).fill(Math.max(-128, Math.min(127, roundHalfAway(edge)))));
      for (const [bus, state] of [
        [new Bus(), reference],
        [subject.bus, { engines: subject.engines }],
      ] as const) {
        const pipeline = roundEdges(bus, more);
        const { writes } = launch(pipeline, bus, state);
        expect(featureValues(bus, writes[0]!)).toEqual(wanted);
      }
      unmapCubes(subject.bus);
    },
  );

  test('convolutions equal the reference', () => {
    fc.assert(fc.property(convScenarios, agree), { numRuns: runs });
  });

  test.each(largeConvScenarios)('a larger layer equals the reference: $label', agree);

  test('the other engines equal the reference', () => {
    fc.assert(fc.property(otherScenarios, agree), { numRuns: runs });
  });
});
