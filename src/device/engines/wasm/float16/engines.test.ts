/** The kernels of float16, and of what mixes with int8, against the scalar reference, byte for byte, counters included. */

import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { nodeThreads } from '../../../../host/node/index.ts';
import type { Conv, Float16Sdp, Lrn, Pipeline } from '../../../../program/layer.ts';
import { Bus } from '../../../bus.ts';
import { type Cube, launch } from '../../../launch.ts';
import type { ImmediateEngines } from '../../../state.ts';
import { constantCube, cubeBytes, featureCube, unmapCubes, vectorCube } from '../../../testing/cubes.ts';
import {
  convScenariosOf,
  largeHalfScenarios,
  otherScenariosOf,
  type Scenario,
  withHalves,
} from '../../../testing/pipelines.ts';
import { referenceEngines } from '../../reference/engines.ts';
import { createWasmEngines } from '../engines.ts';

const reference = { engines: referenceEngines() };

const builds = [
  { name: 'single-threaded build', shared: false, threads: 1, runs: 200 },
  { name: 'threads build, 2 threads', shared: true, threads: 2, runs: 100 },
  { name: 'threads build, 4 threads', shared: true, threads: 4, runs: 50 },
];

describe.each(builds)('$name', ({ shared, threads, runs }) => {
  let bus: Bus;
  let engines: ImmediateEngines;

  beforeAll(async () => {
    bus = new Bus({ shared });
    engines = await createWasmEngines(bus, { threads, spawn: nodeThreads, shareFrom: 0 });
  });
  afterAll(() => engines.close());

  function agree({ label, build }: Scenario): void {
    const plain = new Bus();
    const expected = build(plain);
    const wanted = launch(expected.pipeline, plain, reference);
    const actual = build(bus);
    const got = launch(actual.pipeline, bus, { engines });
    expect(Buffer.compare(cubeBytes(bus, actual.output), cubeBytes(plain, expected.output)), label).toBe(0);
    expect(got.counters, label).toEqual(wanted.counters);
    expect(got.events).toEqual(wanted.events);
    unmapCubes(bus);
  }

  test('convolutions equal the reference', () => {
    fc.assert(fc.property(convScenariosOf(withHalves), agree), { numRuns: runs });
  });

  test.each(largeHalfScenarios)('a larger layer equals the reference: $label', agree);

  test('the other engines equal the reference', () => {
    fc.assert(fc.property(otherScenariosOf(withHalves), agree), { numRuns: runs });
  });
});

describe('a launch of FP16', () => {
  /** A convolution of one pixel, as somebody without a validator may write it. */
  function pipeline(bus: Bus, change: Partial<Conv<Cube>>, weight = 0x3c00): Pipeline<Cube> {
    const cube = () => featureCube(bus, [1, 1, 1, 1], 'chw16', 0, 'float16');
    const one = { h: 1, w: 1 };
    const conv: Conv<Cube> = {
      input: cube(),
      weights: constantCube(bus, [1, 1, 1, 1], Uint16Array.of(weight)),
      kernel: one,
      stride: one,
      dilation: one,
      padding: { top: 0, left: 0, bottom: 0, right: 0 },
      padValue: 0,
      groups: 1,
      transposed: false,
      output: { channels: 1, height: 1, width: 1 },
      sparse: false,
      truncate: 0,
      ...change,
    };
    const sdp: Float16Sdp<Cube> = { arithmetic: 'float16', output: cube() };
    return { kind: 'conv', conv, sdp };
  }

  const lrn = (bus: Bus, change: Partial<Lrn<Cube>>): Pipeline<Cube> => {
    const cube = () => featureCube(bus, [1, 8, 2, 2], 'chw16', 0, 'float16');
    return { kind: 'lrn', lrn: { input: cube(), size: 3, alpha: 1, beta: 0.75, bias: 1, output: cube(), ...change } };
  };

  test.each<readonly [string, (bus: Bus) => Pipeline<Cube>, RegExp]>([
    ['a window of LRN that is even', (bus) => lrn(bus, { size: 4 }), /LRN has impossible parameters.*device\/fault/],
    ['an LRN that divides by zero', (bus) => lrn(bus, { bias: 0 }), /LRN has impossible parameters.*device\/fault/],
    [
      'an LRN of another shape',
      (bus) => lrn(bus, { output: featureCube(bus, [1, 8, 2, 3], 'chw16', 0, 'float16') }),
      /output of LRN has the wrong shape.*device\/fault/,
    ],
    [
      'a softmax of int8',
      (bus) => {
        const cube = () => featureCube(bus, [1, 8, 2, 2]);
        return { kind: 'softmax', softmax: { input: cube(), axis: 'c', output: cube() } };
      },
      /softmax has the wrong type.*device\/fault/,
    ],
    ['an infinite weight', (bus) => pipeline(bus, {}, 0x7c00), /weight 0 is not finite.*device\/fault/],
    ['a bias', (bus) => pipeline(bus, { bias: vectorCube(bus, Int32Array.of(1)) }), /in its SDP.*device\/fault/],
    ['padding that is not 0', (bus) => pipeline(bus, { padValue: 1 }), /padding value.*device\/fault/],
    [
      'weights of int8',
      (bus) => pipeline(bus, { weights: constantCube(bus, [1, 1, 1, 1], Int8Array.of(1)) }),
      /weights ha(s|ve) the wrong type.*device\/fault/,
    ],
    [
      'another type than it gives',
      (bus) => {
        const made = pipeline(bus, {}) as Extract<Pipeline<Cube>, { kind: 'conv' }>;
        return { ...made, sdp: { ...made.sdp, output: featureCube(bus, [1, 1, 1, 1]) } };
      },
      /another type than the stage gives.*device\/fault/,
    ],
  ])('is refused alike by all engines with %s', async (_, make, message) => {
    const plain = new Bus();
    expect(() => launch(make(plain), plain, reference)).toThrow(message);
    const bus = new Bus();
    const engines = await createWasmEngines(bus, { threads: 1 });
    expect(() => launch(make(bus), bus, { engines })).toThrow(message);
    engines.close();
  });
});
